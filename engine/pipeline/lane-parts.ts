// What a lane is made of, and what it asks of the pipeline around it.
import type { Micros } from "../model/change-message.ts";
import type { Position, PositionOrder } from "../model/position.ts";
import type { Subscription, TableMapping } from "../model/share.ts";
import type { ChangeTarget, LoadProgress, Objection, TargetState } from "../ports/change-target.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { Metrics, SubscriptionMetrics } from "../ports/metrics.ts";
import type { RowsAnswer, RowsRequest, SnapshotSource } from "../ports/snapshot-source.ts";
import type { Backoff } from "../concurrency/backoff.ts";
import type { LaneProgress } from "./batch.ts";
import type { LaneQueue } from "./lane-queue.ts";

/** What a lane asks of the pipeline that feeds it. `Lane`: how the lane names itself there. */
export interface LaneHost<Lane> {
  /** Whether the lane's copies can go on from the rows they have. */
  objection(lane: Lane): Objection;
  /** Where the lane stands in the stream: called once its target is prepared and owned. Throws when it cannot stream. */
  admit(lane: Lane, stored: TargetState): Promise<LaneAdmission>;
  /** The lane is in the stream; loads that were under way may go on. */
  attached(lane: Lane, progress: LaneProgress): void;
  /** More of this subscription's copy is durable than before; `begun`: tables whose load may be fed now. */
  applied(lane: Lane, progress: LaneProgress, begun: ReadonlySet<number>): void;
  /** Its target holds less than it did: nothing more may be forgotten before its place is known again. */
  setBack(lane: Lane): void;
  /** The lane cannot step back far enough by itself: read the stream again from what is durable. */
  reopen(): void;
  /** Ask the source to confirm its position now. */
  beat(): void;
  /** Rows come by the log alone: nobody can be asked for them. */
  readonly carriesRows: boolean;
  /** Rows as they are at the source now; the read has seen all that the stream has brought. */
  readRows(request: RowsRequest, signal: AbortSignal): Promise<RowsAnswer>;
  /** Bytes of the queue that are written in one piece; a target transaction holds several only when the source's does. */
  readonly pieceBytesMax: number;
  /** How long to wait for a whole piece: none unless the stream is behind, when fewer and larger transactions bring it forward. */
  readonly lingerMs: number;
  /** These tables must be loaded again: their validity had run out under the policy `resync`. */
  expired(lane: Lane, tables: readonly TableMapping[]): void;
}

/** A subscription's place in the stream. */
export interface LaneAdmission {
  readonly position: Position;
  readonly sourceTime: Micros;
  readonly sourceIdentity: string;
  /** Starts anew from `position`: whatever the target stored of earlier streaming does not count. */
  readonly fresh: boolean;
  /** Loads on record that count as not having read anything, by table. */
  readonly startedOver: ReadonlyMap<number, LoadProgress>;
}

export interface LaneParts {
  readonly subscription: Subscription;
  readonly target: ChangeTarget;
  readonly queue: LaneQueue;
  readonly positions: PositionOrder;
  readonly snapshot: SnapshotSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: SubscriptionMetrics;
  /** Counts attempts by the code that made them necessary. */
  readonly retried: Metrics["retried"];
  readonly backoff: Backoff;
  /** The source tells each change of a row once, from the row's first one on: what the copy grows by can be held against it. */
  readonly tellsGrowth?: boolean;
  /** Of the lease by which this process owns the source; null: there is none. */
  readonly term?: number | null;
}
