import type { TableMapping } from "../model/share.ts";
import type { Backoff } from "../concurrency/backoff.ts";
import type { ChangeMapper } from "../ports/change-mapper.ts";
import type { ChangeSource } from "../ports/change-source.ts";
import type { Objection } from "../ports/change-target.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlStore } from "../ports/control-store.ts";
import type { Logger } from "../ports/logger.ts";
import type { SourceMetrics } from "../ports/metrics.ts";
import type { SnapshotSource } from "../ports/snapshot-source.ts";
import type { LoadParts } from "../snapshot/load-coordinator.ts";
import type { ContractReader } from "../snapshot/load-plan.ts";
import type { Lane } from "./lane.ts";

export interface SourceLimits {
  /** Log that the source may keep for a subscription that does not follow, in bytes; beyond it the subscription is parked. */
  readonly walRetainedMaxBytes: number;
  /** What one subscription may have waiting on disk, in bytes; beyond it it is parked. */
  readonly spoolMaxBytes: number;
  /** Chunks read at the same time while loading. */
  readonly parallelChunks: number;
  /** Ranges that a large table is cut into for loading. */
  readonly rangesPerTable: number;
  readonly heartbeatMs: number;
}

/** What the pipeline of one source is made of. */
export interface SourceParts {
  readonly name: string;
  readonly source: ChangeSource;
  readonly snapshot: SnapshotSource;
  readonly mapper: ChangeMapper<Lane>;
  readonly snapshotRouter: LoadParts["router"];
  readonly control: ControlStore;
  /** Canonical text of a mapping's columns and filter, stored with each copy. */
  readonly contractText: (table: TableMapping) => string;
  readonly readContract: ContractReader;
  readonly objection: Objection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: SourceMetrics;
  readonly backoff: Backoff;
  readonly limits: SourceLimits;
}
