import type { Micros } from "../model/change-message.ts";
import type { Position } from "../model/position.ts";
import type { Predicate } from "../model/predicate.ts";
import type { RowList } from "../model/packed-rows.ts";
import type { Key, Row } from "../model/row.ts";
import type { StopReason, StoppedTable, Subscription, TableMapping } from "../model/share.ts";

/**
 * One subscription's side of a target database. Implementations create what they need there, keep the gate closed
 * unless all is well, and write data, checkpoint, batch record and validity clock in one transaction guarded by the
 * epoch (invariant 2). They throw ReplicationError only.
 */
export interface ChangeTarget {
  /**
   * Makes schemas, types, tables, views, grants and gate as the subscription needs them, leaving hand-made grants and
   * indexes alone, and registers the subscription. Idempotent. A table whose stored contract differs from the wanted one
   * is reported in `copies`, not changed silently: the caller decides between reload, delta and withdrawal. A copy to which
   * there is an objection is stopped with it, its objects left as they are, or refused until a load is complete. Throws DB-TGT-012
   * when something is in the way; a session that an earlier worker of no later `term` has left is not in the way of the next attempt.
   */
  prepare(subscription: Subscription, objection?: Objection, term?: number | null): Promise<TargetState>;
  /**
   * Takes ownership of what was prepared: raises the epoch by one, and into those of the term, and returns what the target holds
   * from then on: every transaction of an older epoch has either taken place by now, and is in it, or fails with DB-RUN-010. `term`:
   * of the lease by which the source is owned, see epochsOf. Throws DB-RUN-010 when the holder of a later one was here.
   */
  takeEpoch(term?: number | null): Promise<TargetState>;
  /**
   * Opens the transaction in which the next batch is written. One at a time. Throws DB-RUN-012 when a new session finds
   * another checkpoint than this worker left: only from the target's own may it go on. What an earlier session of this epoch has
   * sent, a commit whose reply was lost above all, has taken place by then, or fails.
   */
  begin(epoch: number): Promise<TargetTransaction>;
  /**
   * Reads the checkpoint again on a new connection: the answer to a commit whose reply was lost.
   * Throws DB-TGT-004 when the checkpoint row is gone.
   */
  checkpoint(): Promise<StoredCheckpoint>;
  /** Writes that supply is suspended, with the law's reason, or, with null, that it goes on; guarded by the epoch. */
  setSuspension(epoch: number, reason: string | null): Promise<void>;
  /**
   * Whether the rows of a load's next chunk may well stay in their source's native form, see ChunkRequest: the copy has the source's own
   * types, and the rows are likely to be new to it. What comes so is written whatever it then meets. Missing: never.
   */
  takesNativeForm?(table: TableMapping): boolean;
  /** Keys of rows in quarantine, oldest first, for another attempt. */
  quarantined(): Promise<readonly { readonly table: TableMapping; readonly key: Key }[]>;
  /** The subscription was withdrawn: refuses its copies for good and fences every worker that still writes. */
  terminate(): Promise<void>;
  /** Adds enum labels and the like that the source has gained. */
  refreshTypes(table: TableMapping): Promise<void>;
  close(): Promise<void>;
}

/**
 * Why a copy whose rows obey this contract (null: none yet) must stand still; `withdrawn` when some of its rows or values
 * are its consumer's no more, so that nobody may read it before it was loaded anew; null: it goes on.
 */
export type Objection = (table: TableMapping | StoppedTable, contract: string | null) => StopReason | "withdrawn" | null;

/** What the target held when it was prepared. */
export interface TargetState {
  readonly checkpoint: StoredCheckpoint;
  /** One for each table of the subscription that is followed. */
  readonly copies: readonly StoredCopy[];
  /** Why the subscription's other tables stand still, as it was written down with their copies. */
  readonly stopped: readonly { readonly table: StoppedTable; readonly reason: StopReason }[];
  /** Why supply is suspended, null when it is not, as last written by setSuspension; absent: it must be written to be known. */
  readonly suspension?: string | null;
}

export interface StoredCheckpoint {
  readonly epoch: number;
  /** Null until the first transaction was applied. */
  readonly position: Position | null;
  /** Which server the position belongs to; compare with SourceReservation.identity. */
  readonly sourceIdentity: string | null;
  /** Id that the next transaction with data will get: a transaction took place when this is past its batchId. */
  readonly nextBatch: number;
}

export interface StoredCopy {
  readonly table: TableMapping;
  /** Null once the copy is complete; else how far its load has come. */
  readonly load: LoadProgress | null;
  /** Why the table is stopped; null while it runs. */
  readonly stopped: StopReason | null;
  /**
   * Its validity has run out under the policy `resync`, or it was found to differ from the master and is quarantined: nothing but a
   * whole load opens it again (D47 41.2b).
   */
  readonly expired: boolean;
  /** Refused until a load is complete that has not begun yet: its rows may obey no contract at all. */
  readonly awaitsLoad: boolean;
  /** Canonical text of filter and columns the rows now obey, as written by the last completed load; null before. */
  readonly contract: string | null;
  /** Not one row lies there, nor is one in quarantine. A copy that is to be loaded for the first time may hold rows of an earlier life: withdrawn, and wanted again. */
  readonly empty: boolean;
}

/**
 * How far the load of one table has come. Stored with each chunk in the same transaction, so a load survives a crash.
 * `fence`: everything the chunks have seen lies at or before it; the copy is complete when the stream has passed it.
 */
export interface LoadProgress {
  /** Canonical text of filter and columns that the rows obey once the load is complete; becomes StoredCopy.contract. */
  readonly contract: string;
  /** Rows that this load reads; null: all. Narrower than the table's own filter when only the difference is loaded. */
  readonly filter: Predicate | null;
  /** Rows whose `dongbo_batch` is older than this belong to no chunk and are removed when the load ends; null: keep all. */
  readonly sweepBefore: number | null;
  readonly ranges: readonly LoadRange[];
  readonly fence: Position | null;
  readonly rows: number;
}

export interface LoadRange {
  /** Key parts as text, base64; null: open end. */
  readonly until: readonly string[] | null;
  readonly after: readonly string[] | null;
  readonly done: boolean;
  /** It was read, and it is not known yet what the stream must have passed for it. */
  readonly unfenced?: true;
}

/**
 * A target transaction. May stay open over several pieces of an oversize source transaction; nothing is visible to
 * readers before commit.
 */
export interface TargetTransaction {
  /** What `dongbo_batch` of the rows written here will be; grows from transaction to transaction. */
  readonly batchId: number;
  /** Rows inserted, replaced or updated here so far, and rows removed. */
  readonly rowsWritten: number;
  readonly rowsDeleted: number;
  /**
   * Writes the net effect of one piece of the stream, all its tables at once so that foreign keys between them hold:
   * truncates first, then deletes, partial updates, upserts.
   * A row that the target refuses is set aside in quarantine within the same transaction and reported.
   */
  write(changes: readonly TableChange[]): Promise<WriteOutcome>;
  /** Writes rows of a snapshot chunk; existing rows with the same key are replaced. */
  load(table: TableMapping, rows: RowList): Promise<WriteOutcome>;
  /**
   * Writes checkpoint, batch record, clock and copies' records, and commits. Resolves when durable.
   * Throws DB-RUN-011 when the reply was lost: ask ChangeTarget.checkpoint whether it took place.
   */
  commit(checkpoint: CheckpointWrite): Promise<CommitOutcome>;
  rollback(): Promise<void>;
}

/** Net effect of a piece of the stream on one table: at most one entry a key. Rows are in the mapping's column order. */
export interface TableChange {
  readonly table: TableMapping;
  /** Remove every row the subscription owns in this table, before anything else. */
  readonly truncate: boolean;
  readonly deletes: readonly Key[];
  /** Complete rows: insert or replace. */
  readonly upserts: RowList;
  /** Rows with UNCHANGED columns whose key was there before under `key`; the row image may carry another key. */
  readonly updates: readonly { readonly key: Key; readonly row: Row }[];
}

export interface WriteOutcome {
  /** Rows of `updates` whose old row the target does not have, so that the unchanged columns are unknown: the keys they have now. */
  readonly missing: readonly { readonly table: TableMapping; readonly keys: readonly Key[] }[];
  /** Rows put in quarantine by this call. */
  readonly quarantined: number;
  /** Tables that must stop, each told once: too many rows in quarantine, say. The commit stores it, asked to or not. */
  readonly stops: readonly TableStop[];
}

export interface TableStop extends StopReason {
  readonly table: TableMapping;
}

export interface CommitOutcome {
  /**
   * Copies under the policy `resync` whose validity had run out before this commit, and copies that were closed until a load:
   * their clock was not moved, they are refused until a full re-sync ends (D47 41.2b). The caller starts it. Told with every
   * commit until a load has begun.
   */
  readonly expired: readonly TableMapping[];
  /** Tables that this commit stopped and no earlier outcome told: some constraints can only be judged at the end. */
  readonly stops: readonly TableStop[];
  /** Rows of the subscription in quarantine now. */
  readonly quarantined: number;
  /**
   * By how many rows a copy has grown with this commit; null: rows that were set aside, now or before, make that say nothing. Left out
   * by a target that does not count.
   */
  readonly grownBy?: (table: TableMapping) => number | null;
}

/** What is written beside the data. All instants are the source's; a copy's clock never takes one that is later than the target's own. */
export interface CheckpointWrite {
  readonly position: Position;
  readonly sourceIdentity: string;
  /** Source time of `position`: commit time of the newest transaction, or of the heartbeat that confirmed it. */
  readonly sourceTime: Micros;
  /** First position of the batch, for provenance; null when the batch holds no data. */
  readonly firstPosition: Position | null;
  readonly transactions: number;
  readonly firstCommittedAt: Micros | null;
  readonly agreementId: string;
  /** Copies whose clock moves with this checkpoint: all that are neither loading nor stopped. */
  readonly advancing: readonly TableMapping[];
  /** Loads that began, progressed or, when `complete`, end with this checkpoint: stale rows are swept and the copy opens. */
  readonly loads: readonly { readonly table: TableMapping; readonly progress: LoadProgress; readonly complete: boolean }[];
  /** Tables that stop with this checkpoint. */
  readonly stops: readonly TableStop[];
  /**
   * Tables of which rows were made what they are at the source by order. Somebody may have changed the copy behind the engine's back:
   * where rows were added or removed, those that are there are counted, and the count is what is on record.
   */
  readonly repaired: readonly TableMapping[];
}
