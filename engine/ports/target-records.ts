import type { Verdict } from "../model/reconcile-report.ts";
import type { CopyState, ShareState } from "../model/share.ts";
import type { TableName } from "../model/table.ts";

/**
 * What a target database itself says of the copies in it: read by commands, needing no engine. Subscriptions are named as
 * wholes, in slices or not. Implementations throw ReplicationError only.
 */
export interface TargetRecords {
  /** Copies of these subscriptions, as judged now by the target's clock; empty where nothing was ever made. */
  copies(subscriptions: readonly string[]): Promise<readonly CopyRecord[]>;
  /**
   * Looks one row up by its key: the values as text, in key order, in any form that the key's types accept.
   * Throws DB-RUN-023 when they do not fit.
   */
  findRow(copy: CopyRecord, key: readonly string[]): Promise<RowRecord>;
  /** The batch that wrote a row; null when its record is gone. */
  batch(subscription: string, id: number): Promise<BatchRecord | null>;
  /**
   * Refuses every view of the subscription from now on and fences off whoever still writes to it. Its rows stay.
   * False when the target holds nothing of it.
   */
  terminate(subscription: string): Promise<boolean>;
  /**
   * Refuses these tables, as readers name them, until a load of them is complete: not all of their rows and values may be
   * read any more. Those that nobody may read anyway stay as they are.
   */
  refuseUntilLoaded(subscription: string, tables: readonly string[]): Promise<void>;
  /**
   * Writes down, by the target's clock, what comparing a table with the master came to. What could not be found out leaves the time as
   * it was, and what was found different stays so until it is found equal or loaded anew. `quarantine`: nobody may read the copy until
   * then, unless nobody may anyway. A target that holds no rows takes no note.
   */
  recordReconcile(subscription: string, table: string, outcome: ReconcileOutcome): Promise<void>;
  close(): Promise<void>;
}

export interface ReconcileOutcome {
  readonly verdict: Verdict;
  readonly quarantine: boolean;
}

/** One table of one subscription. */
export interface CopyRecord {
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
  readonly physical: TableName;
  readonly shareState: ShareState;
  readonly copyState: CopyState;
  /** Why readers are refused; null: they are not. */
  readonly reason: string | null;
  readonly lastSyncAt: Date | null;
  readonly validUntil: Date | null;
  /** When it was last compared with the master, the rows that it has now; null: never. */
  readonly lastReconciledAt: Date | null;
  /** What that came to; `unverified` where no later comparison could be carried out. Null: there was none. */
  readonly verdict: Verdict | null;
  /** Null: the target is a log, which holds no rows. */
  readonly rows: number | null;
  readonly rowsQuarantined: number;
  /** Source position that the subscription has applied; null as well where each of its slices has its own. */
  readonly position: string | null;
  /** Which server and history the position belongs to; compare with SourceReservation.identity. */
  readonly sourceIdentity: string | null;
  /** Why the table stopped; null: it did not. */
  readonly stopped: { readonly code: string; readonly message: string } | null;
  /** Rows loaded by the load that is under way; null: none is. */
  readonly rowsLoading: number | null;
  readonly agreementTo: Date | null;
  /** Since when the table no longer belongs to the share; null: it does. */
  readonly withdrawnAt: Date | null;
  /** The target's clock when this was read, never before the newest time it was seen to show. */
  readonly judgedAt: Date;
  /** The slices that it is written in; empty: it is written whole. */
  readonly slices: readonly SliceRecord[];
}

/** One slice of a copy. */
export interface SliceRecord extends Pick<CopyRecord, "position" | "sourceIdentity" | "lastSyncAt" | "reason"> {
  /** `population/hcm#1of4`. */
  readonly id: string;
}

export interface RowRecord {
  /** Key columns of the copy, in key order. */
  readonly keyColumns: readonly string[];
  /** Batch that last wrote the row; null: it is not in the copy. */
  readonly batch: number | null;
  readonly quarantine: QuarantineRecord | null;
}

export interface QuarantineRecord {
  readonly code: string;
  readonly sqlstate: string | null;
  readonly detail: string | null;
  readonly position: string | null;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  readonly attempts: number;
}

/** One transaction in the target: which part of the source's history it brought. */
export interface BatchRecord {
  readonly id: number;
  /** repair: rows that were read of the master again, one by one. */
  readonly kind: "stream" | "load" | "repair";
  readonly firstPosition: string | null;
  readonly lastPosition: string | null;
  readonly sourceTimeFirst: Date | null;
  readonly sourceTimeLast: Date | null;
  readonly transactions: number;
  readonly rowsWritten: number;
  readonly rowsDeleted: number;
  readonly agreementId: string | null;
  readonly appliedAt: Date;
}
