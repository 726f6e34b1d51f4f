import type { Micros } from "../model/change-message.ts";
import type { Position } from "../model/position.ts";
import type { Predicate } from "../model/predicate.ts";
import type { RowList } from "../model/packed-rows.ts";
import type { Key, Row } from "../model/row.ts";
import type { CatalogTable, TableName } from "../model/table.ts";

/**
 * Reads rows of the source in short read-only transactions; writes nothing there. Values have the same text form as in
 * the change stream.
 */
export interface SnapshotSource {
  /** Bytes that a chunk may well have, where its rows stay as they were received; missing: they become values at once. */
  readonly chunkBytesMax?: number;
  /** Current catalogue entries of the tables that exist, in the order asked. Missing ones are left out. */
  describe(tables: readonly TableName[]): Promise<readonly CatalogTable[]>;
  /**
   * One keyset chunk, read in a transaction of its own. Everything that is committed later and was written to the table
   * after the stream began to carry it is in the stream: the implementation waits for transactions from before.
   */
  readChunk(request: ChunkRequest, signal: AbortSignal): Promise<Chunk>;
  /**
   * Keys that cut the table into about `parts` ranges of similar size, ascending in the server's own order of the key;
   * fewer or none when the table is small. Cheap: from statistics or a sample.
   */
  splitKeys(table: CatalogTable, key: readonly string[], parts: number): Promise<readonly Key[]>;
  /**
   * A position behind everything that was read of the table until now, where it takes a while until that is known: the log follows the
   * source at a distance. Missing: chunks have positions of their own.
   */
  fence?(request: FenceRequest, signal: AbortSignal): Promise<Position>;
  /** The rows with these keys that pass the filter, as of one instant. */
  readRows(request: RowsRequest): Promise<RowsAnswer>;
  /** Rows that pass the filter. */
  countRows(table: TableName, filter: Predicate | null): Promise<number>;
}

export interface ChunkRequest {
  readonly table: CatalogTable;
  readonly key: readonly string[];
  /** Columns wanted, by source name; the row images come in this order. */
  readonly columns: readonly string[];
  /** Rows wanted; null: all. */
  readonly filter: Predicate | null;
  /** Rows after this key in the server's order; null: from the first. */
  readonly after: Key | null;
  /** Rows up to and including this key; null: to the last. */
  readonly until: Key | null;
  readonly rowsMax: number;
  /** Reading stops after the row that passes this many bytes. */
  readonly bytesMax: number;
  /**
   * The rows go, as they are, into columns of the source's own types: they may stay in a form that the source's servers write and read.
   * Whoever goes through the rows finds text all the same. Left out: no.
   */
  readonly nativeForm?: boolean;
}

export type FenceRequest = Pick<ChunkRequest, "table" | "key">;

export interface Chunk {
  readonly rows: RowList;
  /** Reading goes on after this key: that of the last row looked at, whether or not it passed the filter; null: none was. */
  readonly lastKey: Key | null;
  /** No row is left in the range. */
  readonly complete: boolean;
  /** Which transactions the chunk has seen. */
  readonly visibility: SnapshotVisibility;
  /** Every transaction the chunk has seen committed at or before this position; null: `fence` tells, once the range was read. */
  readonly position: Position | null;
  /** The source's clock before the first row was read. */
  readonly startedAt: Micros;
}

/**
 * Which transactions a read has seen. A transaction is in the log before others can see it, so a position alone cannot
 * tell; its id can. PostgreSQL: pg_current_snapshot(); MySQL: the executed GTID set.
 */
export interface SnapshotVisibility {
  sees(transactionId: string): boolean;
}

export interface RowsRequest {
  readonly table: CatalogTable;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly filter: Predicate | null;
  readonly keys: readonly Key[];
}

export interface RowsAnswer {
  /** Rows found, in any order, in the columns asked. */
  readonly rows: readonly Row[];
  /** Everything the read has seen committed at or before this position. */
  readonly position: Position;
  /** Which transactions the read has seen: one that is in the log may not be among them yet. */
  readonly visibility: SnapshotVisibility;
}
