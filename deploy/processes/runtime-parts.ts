// What the sources at work in one process are given, and what they tell.
import type { Micros } from "../../engine/model/change-message.ts";
import type { ReplicationError } from "../../engine/model/replication-error.ts";
import type { SliceNumber } from "../../engine/model/slice.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import type { Clock } from "../../engine/ports/clock.ts";
import type { ControlStore } from "../../engine/ports/control-store.ts";
import type { Logger } from "../../engine/ports/logger.ts";
import type { Metrics } from "../../engine/ports/metrics.ts";
import type { Random } from "../../engine/ports/random.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";

export interface RuntimeParts {
  readonly control: ControlStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Why a source cannot be used, and since when. */
export interface SourceProblem {
  readonly error: ReplicationError;
  readonly since: Micros;
}

/** What a runtime has of its source, and by what right. */
export interface RuntimeHold {
  /** Null: the whole. */
  readonly part: RuntimeSlice | null;
  /** Term of the lease by which this process owns it; null: there is none. */
  readonly term: number | null;
}

/** One slice of a source that several processes share. */
export interface RuntimeSlice {
  /** Null: the source is in one piece. */
  readonly slice: SliceNumber | null;
  readonly source: ChangeSource;
  readonly snapshot: SnapshotSource & { close(): Promise<void> };
}
