import type { ErrorCode } from "../model/error-codes.ts";
import type { Micros } from "../model/change-message.ts";
import type { Verdict } from "../model/reconcile-report.ts";
import type { LaneState, SlotHealth } from "./engine.ts";

/**
 * What the engine reports of itself as numbers. Cheap enough for the hot path: take the object of a subscription or a
 * source once and keep it. Numbers that grow with time (lag, time left) are worked out when they are read, so a stuck
 * engine shows them growing.
 */
export interface Metrics {
  /** The numbers of one subscription; all of them exist, as zero, from this call on. Asking again gives the same ones. */
  subscription(id: string): SubscriptionMetrics;
  /** The numbers of one source; all of them exist, as zero, from this call on. */
  source(name: string): SourceMetrics;
  /** One of the subscription's tables was compared with the master, whichever process applies its changes. */
  compared(subscription: string, outcome: ReconcileOutcome): void;
  /** Something failed with this code and will be tried again. */
  retried(code: ErrorCode): void;
  /** The numbers of this process as one of a fleet; all of them exist, as zero, from this call on. */
  fleet(): FleetMetrics;
}

/** compare: of one table, to its end · part: of a table that is compared in parts. */
export type JobKind = "compare" | "part";

export type JobOutcome = "done" | "skipped" | "postponed" | "failed" | "lost";

export interface FleetMetrics {
  /** Sources that this worker owns now. */
  owned(sources: number): void;
  /** It has taken a source; `over`: from a worker that did not give it back. */
  taken(over: boolean): void;
  /** A source that it owned was taken by another. */
  lost(): void;
  /** The control database could not be asked for what it owns. */
  renewalFailed(): void;
  /** Redis answers, and throws nothing away. */
  queueConnected(connected: boolean): void;
  /** A job that this worker was given has come to an end here; lost: another may have it now. */
  job(kind: JobKind, outcome: JobOutcome): void;
}

export interface SubscriptionMetrics {
  /** A batch became durable in the target. */
  applied(batch: AppliedBatch): void;
  /** Rows of a snapshot chunk became durable in the target. */
  loaded(rows: number): void;
  /** Running loads of all its tables together; `rowsExpected` is the source's estimate, 0 when nothing is loading. */
  loading(rows: number, rowsExpected: number): void;
  /** What the target's clock says now, after a checkpoint; null: never. */
  clock(lastSyncAt: Micros | null, validUntil: Micros | null): void;
  /** Whether readers may use the copy; the gate's own judgement where known. */
  usable(usable: boolean): void;
  state(state: LaneState): void;
  /** Bytes waiting in memory and on disk between capture and apply. */
  queued(memoryBytes: number, spilledBytes: number): void;
  /** Rows in quarantine now. */
  quarantined(rows: number): void;
  /** Tables stopped now. */
  stoppedTables(tables: number): void;
  /** So many rows of a copy, at least, were not there, or were, as the stream took them to be. */
  drifted(rows: number): void;
  /** The subscription is gone: its numbers are no longer reported. */
  forget(): void;
}

export interface ReconcileOutcome {
  readonly verdict: Verdict;
  readonly rowsChecked: number;
  readonly differences: number;
  readonly repaired: number;
  /** Rows of the copy that are not its consumer's. */
  readonly outsideFilter: number;
}

export interface AppliedBatch {
  readonly transactions: number;
  readonly rowsWritten: number;
  readonly rowsDeleted: number;
  /** Source commit time of the newest transaction in it. */
  readonly committedAt: Micros;
}

export interface SourceMetrics {
  connected(connected: boolean): void;
  /** The change stream was opened again after it broke. */
  reconnected(): void;
  /** Received from the source's change log. */
  received(messages: number): void;
  /** Log that the source keeps only for us; and since when it has its log, where it forgets by a rule of its own (else null). */
  retained(bytes: number, keptSince: Micros | null): void;
  slot(health: SlotHealth): void;
  forget(): void;
}
