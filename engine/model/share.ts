import type { Predicate } from "./predicate.ts";
import type { ReplicationError } from "./replication-error.ts";
import type { CatalogTable, ColumnType, TableName } from "./table.ts";

/** State of a share: what its parties have agreed (glossary; D47 Articles 35–44). */
export type ShareState = "DRAFT" | "AGREED" | "LOADING" | "ACTIVE" | "SUSPENDED" | "TERMINATING" | "TERMINATED";

/** State of a copy: what may be believed of its data (D47 Article 41). */
export type CopyState = "NEVER_SYNCED" | "VALID" | "EXPIRED" | "RESYNCING" | "QUARANTINED";

/** What happens after `valid_until` (D47 41.2b offers exactly these two). */
export type ExpiryPolicy = "refuse" | "resync";

/** One column of a copy. */
export interface ColumnMapping {
  /** Name in the source table. */
  readonly source: string;
  /** Name in the copy. */
  readonly target: string;
  readonly sourceType: ColumnType;
  /** The type in the copy as target DDL; null: the source's own type. */
  readonly targetType: string | null;
  /**
   * like: `targetType` is what stands for the source's type in the target's family, and holds each value or refuses it ·
   * lossy: the configuration chose `targetType` and accepts that it holds less. Left out: as chosen, nothing may be lost.
   */
  readonly conversion?: "like" | "lossy";
  readonly nullable: boolean;
}

/** One table of one subscription, resolved against the source's catalogue. Everything the stages need to know of it. */
export interface TableMapping {
  readonly source: TableName;
  /** What readers query: the view. */
  readonly target: TableName;
  /** Where the rows lie: `<schema>_copy`, or the schema the configuration names. */
  readonly physical: TableName;
  /** Key columns, by source name, in key order; each is among `columns`. */
  readonly key: readonly string[];
  readonly columns: readonly ColumnMapping[];
  /** Null: all rows. */
  readonly filter: Predicate | null;
  /** The source table as it was when this mapping was resolved: the contract that the stream is held to. */
  readonly catalog: CatalogTable;
}

/** Where the key's columns are among the copy's. */
export function keyPlaces({ key, columns }: Pick<TableMapping, "key" | "columns">): number[] {
  return key.map((name) => columns.findIndex((column) => column.source === name));
}

/** Why a table stands still. Code and message as the operator sees them. */
export interface StopReason {
  readonly code: string;
  readonly message: string;
}

/** A table of a share that cannot be followed as its source has it now. Its copy is left as it is, and refused. */
export interface StoppedTable extends Pick<TableMapping, "source" | "target" | "physical"> {
  /** Null: the source has no such table. */
  readonly catalog: CatalogTable | null;
  /** Columns that the share wants of it, also for its filter, by source name. */
  readonly columns: readonly string[];
  readonly reason: ReplicationError;
}

/** One consumer's copy of a share, resolved: the unit of streaming, checkpointing, refusal and failure. */
export interface Subscription {
  /** `<share>/<target>`, for example `population/hcm`; of a slice `population/hcm#1of4`. */
  readonly id: string;
  /** Which slice this is; left out: the whole. */
  readonly slice?: Slice;
  readonly share: string;
  readonly source: string;
  readonly target: string;
  readonly agreement: Agreement;
  readonly regulation: Regulation;
  /** The tables that are followed. */
  readonly tables: readonly TableMapping[];
  /** The others: they stand still, and nothing else does. */
  readonly stopped: readonly StoppedTable[];
  /** Rows a table may have in quarantine before the table stops. */
  readonly quarantineMax: number;
}

/**
 * What one of several readers of a source brings into a subscription's copies. Each slice has its own checkpoint, epoch and
 * clock; to readers of the copies there is only the whole.
 */
export interface Slice {
  /** Id of the whole subscription. */
  readonly whole: string;
  /** From 0. */
  readonly index: number;
  /** Into how many slices the whole is cut; at least 2. */
  readonly of: number;
}

/** The sharing agreement's own clock (D47 38.4), apart from the validity period. */
export interface Agreement {
  readonly id: string;
  /** First instant of the term, UTC. */
  readonly from: Date;
  /** First instant after the term, UTC; null when the term is open. */
  readonly to: Date | null;
}

/** What the usage regulation says of time (D47 41.1, 45.3). */
export interface Regulation {
  readonly id: string;
  readonly validityPeriodSeconds: number;
  readonly onExpiry: ExpiryPolicy;
  readonly logRetentionSeconds: number;
}
