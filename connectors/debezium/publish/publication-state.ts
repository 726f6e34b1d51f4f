// What is kept of a published subscription, in its state topic: all that a database target has in schema dongbo.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { CopyState, ExpiryPolicy, ShareState, StopReason } from "../../../engine/model/share.ts";
import type { TableName } from "../../../engine/model/table.ts";
import type { LoadProgress } from "../../../engine/ports/change-target.ts";
import type { BatchRecord, QuarantineRecord } from "../../../engine/ports/target-records.ts";

/** One record, written whole with every batch in the transaction of its events: whoever reads the last one has all. */
export interface PublicationState {
  readonly version: 1;
  readonly subscription: string;
  readonly epoch: number;
  readonly shareState: ShareState;
  readonly suspendedReason: string | null;
  readonly position: string | null;
  readonly sourceIdentity: string | null;
  readonly sourceTime: Micros | null;
  readonly nextBatch: number;
  readonly validityPeriod: Micros;
  readonly onExpiry: ExpiryPolicy;
  readonly agreementFrom: Micros;
  readonly agreementTo: Micros | null;
  /** The newest time that a writer's clock was seen to show, as far as it may count against the copies. */
  readonly clockFloor: Micros;
  /** Time of the newest heartbeat, which only grows. */
  readonly heartbeat: Micros | null;
  /** The newest batch that held data. */
  readonly lastBatch: StoredBatch | null;
  /** By `schema.table`. */
  readonly copies: Readonly<Record<string, PublishedCopy>>;
}

export interface PublishedCopy {
  readonly target: TableName;
  readonly topic: string;
  /** Key columns by the names they are published under; empty while the table was never followed. */
  readonly keyColumns: readonly string[];
  readonly state: CopyState;
  readonly lastSyncAt: Micros | null;
  readonly validUntil: Micros | null;
  readonly load: LoadProgress | null;
  readonly contract: string | null;
  readonly stopped: StopReason | null;
  readonly withdrawnAt: Micros | null;
  /** Events in the topic. */
  readonly events: number;
  /** By the row's digest. Bounded, for the table stops at `quarantine_max`. */
  readonly quarantine: Readonly<Record<string, StoredQuarantine>>;
}

type Stored<T> = { readonly [Name in keyof T]: T[Name] extends Date ? Micros : T[Name] extends Date | null ? Micros | null : T[Name] };

/** `key`: its parts as text. Personal, as the rows in the topics beside it are. */
export type StoredQuarantine = Stored<QuarantineRecord> & { readonly key: readonly string[] };

export type StoredBatch = Stored<BatchRecord>;

export const neverSynced = {
  state: "NEVER_SYNCED",
  lastSyncAt: null,
  validUntil: null,
  load: null,
  contract: null,
  stopped: null,
  withdrawnAt: null,
} as const satisfies Partial<PublishedCopy>;
