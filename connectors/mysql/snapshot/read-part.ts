// Rows of a table as columns by name, and keys among them.
import { assert } from "../../../engine/model/assert.ts";
import type { Key, Row } from "../../../engine/model/row.ts";
import type { CatalogTable } from "../../../engine/model/table.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { columnReader } from "./column-reader.ts";
import { readRows, type ReadResult } from "./read-rows.ts";
import { columnOf, keyAt, type TablePart } from "./read-sql.ts";

/** What a SELECT of these columns of a table gives. */
export interface ColumnRead {
  readonly table: CatalogTable;
  readonly columns: readonly string[];
  readonly sql: string;
  readonly bytesMax: number;
}

export function readColumns(session: MysqlSession, { table, columns, sql, bytesMax }: ColumnRead): Promise<ReadResult> {
  const readers = columns.map((name) => columnReader(columnOf(table, name)));
  return readRows(session, sql, readers, bytesMax);
}

/** Key of the row at this place of a part; null when it has fewer rows. */
export async function readKey(session: MysqlSession, part: TablePart, place: number): Promise<Key | null> {
  const { table, key } = part;
  const { rows } = await readColumns(session, { table, columns: key, sql: keyAt(part, place), bytesMax: Infinity });
  const row = rows.last();
  return row === undefined ? null : keyOf(row, key, key);
}

/** The key of a row that was read with these columns. */
export function keyOf(row: Row, columns: readonly string[], key: readonly string[]): Key {
  return key.map((name) => {
    const value = row[columns.indexOf(name)];
    assert(value instanceof Buffer, "key columns are not null");
    return value;
  });
}
