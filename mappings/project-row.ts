// Source row images, in the stream's column order, become rows of the copy, in the mapping's column order.
import { assert } from "../engine/model/assert.ts";
import type { RowChange } from "../engine/model/change-message.ts";
import { hasKey, type PackedRow, pickValues } from "../engine/model/packed-rows.ts";
import { ABSENT, UNCHANGED, type ColumnValue, type Key, type Row } from "../engine/model/row.ts";
import { keyPlaces, type TableMapping } from "../engine/model/share.ts";
import type { StreamedTable } from "../engine/model/table.ts";
import type { ImageContent } from "./route-change.ts";

/** How one table's images, as the stream describes them now, become rows and keys of one copy. */
export interface Projection {
  /** The shipped columns in the mapping's order; what the image does not hold stays ABSENT or UNCHANGED. */
  row(image: Row): Row;
  /** How much of the shipped columns the image holds. */
  content(image: Row): ImageContent;
  /** The key under which the copy has the row; null when the image lacks a key column or has NULL there. */
  key(image: Row): Key | null;
  /** The same row of a packed image, whose values are all there; null when it has NULL in a key column. */
  packedRow(image: PackedRow): PackedRow | null;
  /** Where the key's columns are among the shipped ones. */
  readonly keyPlaces: readonly number[];
}

/**
 * Once per StreamedTable and mapping, after checkContract has found nothing wrong. Columns are found by name, so that
 * unshared ones may come, go and change places.
 */
export function compileProjection(streamed: StreamedTable, mapping: TableMapping): Projection {
  const positions = new Map(streamed.columns.map((column, position) => [column.name, position]));
  const position = (name: string): number => {
    const found = positions.get(name);
    assert(found !== undefined, "the stream has every column of the mapping");
    return found;
  };
  const shipped = mapping.columns.map((column) => position(column.source));
  const keyed = mapping.key.map(position);
  const isWhole = shipped.length === streamed.columns.length && shipped.every((from, at) => from === at);
  return {
    row: (image) => rowOf(image, shipped),
    content: (image) => contentOf(image, shipped),
    key: (image) => keyOf(image, keyed),
    packedRow: (image) => {
      if (!hasKey(image, keyed)) return null;
      return isWhole ? image : pickValues(image, shipped);
    },
    keyPlaces: keyPlaces(mapping),
  };
}

/** What a change says of the row before and after it, each as full as the source allows; null where there was no row. */
export interface RowImages {
  readonly old: Row | null;
  readonly next: Row | null;
}

/**
 * Completes the images of a change from each other: an update without a before image has left the identity's columns
 * alone, and what did not change is known where the before image has it.
 */
export function rowImages(change: RowChange): RowImages {
  if (change.tag === "insert") return { old: null, next: change.after };
  if (change.tag === "delete") return { old: change.before, next: null };
  assert(change.after, "an update has an after image");
  if (change.before === null) return { old: identityPart(change.table, change.after), next: change.after };
  return { old: change.before, next: withUnchanged(change.after, change.before) };
}

/** Equal parts, byte for byte. */
export function isSameKey(a: Key, b: Key): boolean {
  return a.length === b.length && a.every((part, index) => b[index]?.equals(part));
}

/** With the identity `full` each update sends a before image; without an identity nothing can be said. */
function identityPart({ columns, identity }: StreamedTable, after: Row): Row {
  const tells = identity === "default" || identity === "index";
  return columns.map((column, position) => (tells && column.inIdentity ? valueAt(after, position) : ABSENT));
}

function withUnchanged(after: Row, before: Row): Row {
  if (!after.includes(UNCHANGED)) return after;
  return after.map((value, position) => {
    const earlier = value === UNCHANGED ? before[position] : value;
    return earlier === undefined || earlier === ABSENT ? value : earlier;
  });
}

/** An image shorter than its table does not hold the value; it does not hold NULL either. */
function valueAt(image: Row, position: number): ColumnValue {
  const value = image[position];
  return value === undefined ? ABSENT : value;
}

/** With loops, as below: they run for every change of every copy. */
function rowOf(image: Row, positions: readonly number[]): Row {
  const row: Row = [];
  for (const position of positions) row.push(valueAt(image, position));
  return row;
}

function contentOf(image: Row, positions: readonly number[]): ImageContent {
  let content: ImageContent = "complete";
  for (const position of positions) {
    const value = image[position];
    if (value === undefined || value === ABSENT) return "lacking";
    if (value === UNCHANGED) content = "partial";
  }
  return content;
}

function keyOf(image: Row, positions: readonly number[]): Key | null {
  const key: Key = [];
  for (const position of positions) {
    const part = image[position];
    if (part === null || typeof part !== "object") return null;
    key.push(part);
  }
  return key;
}
