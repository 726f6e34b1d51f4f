import type { Position } from "./position.ts";
import type { PackedRow } from "./packed-rows.ts";
import type { Row } from "./row.ts";
import type { StreamedTable, TableName } from "./table.ts";

/** Microseconds since 1970-01-01T00:00:00Z, as an integer: exact in a double until the year 2255. */
export type Micros = number;

/**
 * What a change source sends, in source commit order. Every change lies between the begin and the commit of its
 * transaction, and transactions do not interleave. A source that knows no transactions (ChangeSource.transactional is
 * false) wraps changes as they come, several at once.
 */
export type ChangeMessage = TransactionBegin | RowChange | Truncate | TableReplaced | ColumnLost | TransactionCommit | Progress;

export interface TransactionBegin {
  readonly tag: "begin";
  /** The source's id of the transaction, as SnapshotVisibility understands it. */
  readonly transactionId: string;
  /**
   * Covered by the position of this transaction's commit and by no earlier one, so that whoever has applied up to some
   * position can tell at once whether it has this transaction. PostgreSQL: the commit record's LSN plus one byte; MySQL and MariaDB: its own
   * GTID.
   */
  readonly position: Position;
}

/**
 * One row changed. `before` is null for inserts and for updates that sent no before image; otherwise it holds at least the replica
 * identity and ABSENT elsewhere. `after` is null for deletes. Values are parts of what was read from the source, see MappedChange.
 */
export interface RowChange {
  readonly tag: "insert" | "update" | "delete";
  readonly table: StreamedTable;
  readonly before: Row | null;
  readonly after: Row | null;
  /** The same as `after`, where every value of it is there and the source has it in one piece. */
  readonly packed?: PackedRow;
}

export interface Truncate {
  readonly tag: "truncate";
  /** MySQL and MariaDB: without columns when the stream has not described the table yet. */
  readonly tables: readonly StreamedTable[];
}

/**
 * What a table holds was replaced by something that the log does not tell row by row: the table was dropped or renamed, a
 * partition exchanged, a statement logged as such. Copies of it cannot follow any more. MySQL and MariaDB.
 */
export interface TableReplaced {
  readonly tag: "replaced";
  readonly table: TableName;
  /** What was done to it, as the end of a sentence without full stop: `the table was renamed`. */
  readonly cause: string;
}

/**
 * A column was dropped, or has another name now: one that has its name later holds other values, and rows do not tell. MySQL and
 * MariaDB, where columns have nothing but their names.
 */
export interface ColumnLost {
  readonly tag: "column lost";
  readonly table: TableName;
  /** In the letters of the statement, which need not be those of the table. */
  readonly column: string;
  /** Null: it was dropped. */
  readonly newName: string | null;
}

export interface TransactionCommit {
  readonly tag: "commit";
  /** Covers the whole transaction: streaming may resume after it. PostgreSQL: the commit's end LSN. */
  readonly position: Position;
  /** The source's clock at commit. */
  readonly committedAt: Micros;
  /**
   * Everything that the source had committed by then has come; left out: by `committedAt`. Earlier where the source's log has
   * several branches (Kafka partitions) and others may lie behind.
   */
  readonly completeAt?: Micros;
}

/** The source states that nothing it has committed up to `position` is still to come. Sent when asked, and when idle. */
export interface Progress {
  readonly tag: "progress";
  readonly position: Position;
}
