// Rows as they are bound: each value in the form that its column in the target takes.
import { assert } from "../../../engine/model/assert.ts";
import { type Key, keyText, type Row, UNCHANGED, type Unchanged } from "../../../engine/model/row.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Bound } from "./prepared-statements.ts";
import type { TableShape } from "./target-catalog.ts";

/** A row to be written. Its key stays in the source's form, by which the engine knows it. */
export interface BoundRow {
  readonly key: Key;
  readonly values: readonly Bound[];
  readonly bytes: number;
}

/** A row with UNCHANGED columns, and the key under which the target holds them. */
export interface PartialRow {
  readonly key: Key;
  readonly oldKey: Key;
  readonly values: readonly (Bound | Unchanged)[];
}

/** A key as it is compared. */
export interface BoundKey {
  readonly key: Key;
  readonly values: readonly Bound[];
}

/** Throws ReplicationError when a column cannot hold its value. */
export function bindRow(shape: TableShape, row: Row): BoundRow {
  const values = bind(shape, row);
  assert(!values.includes(UNCHANGED), "a whole row has no unchanged column");
  return { key: keyOf(shape, row), values: values as Bound[], bytes: bytesOf(values) };
}

/** What the values take in a packet, at most. */
export function bytesOf(values: readonly (Bound | Unchanged)[]): number {
  let bytes = 0;
  for (const value of values)
    bytes += 16 + (typeof value === "string" ? Buffer.byteLength(value) : value instanceof Buffer ? value.length : 0);
  return bytes;
}

/** Throws ReplicationError when a column cannot hold its value. */
export function bindPartial(shape: TableShape, row: Row, oldKey: Key): PartialRow {
  return { key: keyOf(shape, row), oldKey, values: bind(shape, row) };
}

/** Keys as they are compared; without those that are no values of their columns, under which no row can be. */
export function boundKeys(shape: TableShape, keys: readonly Key[]): BoundKey[] {
  return keys.flatMap((key) => {
    try {
      return [{ key, values: key.map((part, place) => bindPart(shape, part, place)) }];
    } catch (error) {
      if (error instanceof ReplicationError) return [];
      throw error;
    }
  });
}

function bindPart(shape: TableShape, part: Buffer, place: number): Bound {
  const column = shape.columns[shape.key[place] ?? -1];
  assert(column !== undefined, "a key has as many parts as there are key columns");
  return column.encode(part);
}

export function keyOf(shape: TableShape, row: Row): Key {
  return shape.key.map((index) => {
    const value = row[index];
    assert(value instanceof Buffer, "a key column holds a value");
    return value;
  });
}

/** Whether a partial row comes under another key than it had. */
export function isMoved({ key, oldKey }: PartialRow): boolean {
  return keyText(key) !== keyText(oldKey);
}

export function unchangedColumns(row: PartialRow): number[] {
  return row.values.flatMap((value, index) => (value === UNCHANGED ? [index] : []));
}

/** Fills a partial row's unchanged columns from an older image of it. */
export function filled(row: PartialRow, older: readonly Bound[]): BoundRow {
  const values = row.values.map((value, index) => (value === UNCHANGED ? (older[index] ?? null) : value));
  return { key: row.key, values, bytes: bytesOf(values) };
}

/** The row without what it refers to. */
export function loosened(shape: TableShape, row: BoundRow): BoundRow {
  return { ...row, values: row.values.map((value, index) => (shape.references.includes(index) ? null : value)) };
}

function bind(shape: TableShape, row: Row): (Bound | Unchanged)[] {
  return shape.columns.map((column, index) => {
    const value = row[index];
    if (value instanceof Buffer) return column.encode(value);
    assert(value === null || value === UNCHANGED, "a value that is written is not absent");
    return value;
  });
}
