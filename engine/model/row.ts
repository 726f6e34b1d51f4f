/** The column was not sent at all: a key-only before image, or a column outside the publication's list. */
export const ABSENT = 0;
/** The column was not sent because it did not change: PostgreSQL's out-of-line (TOAST) value, Debezium's placeholder. */
export const UNCHANGED = 1;

export type Absent = typeof ABSENT;
export type Unchanged = typeof UNCHANGED;

/**
 * One column of a row image. Absent, NULL and unchanged are three different things and never stand for each other.
 * A Buffer holds the source's exact text form, UTF-8, the same from the change stream and from a snapshot. PostgreSQL: as
 * the server prints it under the connector's fixed session settings (ISO dates, UTC, shortest-exact floats, hex bytea, C
 * money). MySQL and MariaDB: the form that PostgreSQL would print for the like value, see connectors/mysql/value-text.ts.
 * Numbers, not symbols, mark the two special cases because rows are spilled to disk with structured cloning.
 */
export type ColumnValue = Buffer | null | Absent | Unchanged;

/** A row image: values in the order of the columns of its table (StreamedTable.columns, or the mapping's columns). */
export type Row = ColumnValue[];

/** Values of the key columns in key order; a key never holds NULL, absent or unchanged. */
export type Key = Buffer[];

/** The key as one string, for maps: unambiguous because every part carries its length. Never logged: it holds personal values. */
export function keyText(key: readonly Buffer[]): string {
  const only = key.length === 1 ? key[0] : undefined;
  if (only !== undefined) return only.toString("latin1");
  let text = "";
  for (const part of key) text += `${part.length}:${part.toString("latin1")}`;
  return text;
}

/** Bytes of memory that a row's values take, for queue bounds. */
export function rowBytes(row: Row): number {
  let bytes = 32 + row.length * 8;
  for (const value of row) if (value instanceof Buffer) bytes += value.length + 64;
  return bytes;
}
