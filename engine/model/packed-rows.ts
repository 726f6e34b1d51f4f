// Rows as bytes: a row's values are as many objects, and what lives for long is copied by every collection of garbage on its way to
// the old generation.
import { assert } from "./assert.ts";
import { ABSENT, type ColumnValue, type Row, UNCHANGED } from "./row.ts";

/** Rows that can be gone through more than once. */
export interface RowList extends Iterable<Row> {
  readonly length: number;
  /** Memory that they take; absent: that of their values. */
  readonly bytes?: number;
}

/** In place of a value's length. */
const lengths = { null: -1, unchanged: -2, absent: -3 } as const;
/** In place of the number of values: there are none at all. */
const noValues = 0xffff;
const countBytes = 2;
const lengthBytes = 4;
/** Most values are a few bytes long; for those the loop is faster than the call into native code. */
const loopBytesMax = 24;

/** Bytes that the values take: their number, then each behind its length. Null stands for no values, as of an old key that there is not. */
export function packedBytes(values: Row | null): number {
  if (values === null) return countBytes;
  let size = countBytes + lengthBytes * values.length;
  for (const value of values) if (value !== null && typeof value !== "number") size += value.length;
  return size;
}

/** Gives the place behind what was written. */
export function packValues(values: Row | null, into: Buffer, from: number): number {
  let at = into.writeUInt16BE(values === null ? noValues : values.length, from);
  if (values === null) return at;
  for (const value of values) {
    if (value === null || typeof value === "number") {
      at = into.writeInt32BE(lengthOf(value), at);
      continue;
    }
    const { length } = value;
    into[at] = length >>> 24;
    into[at + 1] = length >>> 16;
    into[at + 2] = length >>> 8;
    into[at + 3] = length;
    at += lengthBytes;
    if (length <= loopBytesMax) for (let index = 0; index < length; index += 1) into[at + index] = value[index] as number;
    else value.copy(into, at);
    at += length;
  }
  return at;
}

/** The values, as slices of the bytes. */
export function unpackValues(bytes: Buffer, from: number): Row | null {
  const count = bytes.readUInt16BE(from);
  if (count === noValues) return null;
  const values: Row = [];
  let at = from + countBytes;
  for (let left = count; left > 0; left -= 1) {
    const length = bytes.readInt32BE(at);
    at += lengthBytes;
    if (length < 0) values.push(valueOf(length));
    else values.push(bytes.subarray(at, at + length));
    at += Math.max(length, 0);
  }
  return values;
}

/** The place behind packed values. */
export function behindValues(bytes: Buffer, from: number): number {
  const count = bytes.readUInt16BE(from);
  let at = from + countBytes;
  if (count === noValues) return at;
  for (let left = count; left > 0; left -= 1) at += lengthBytes + Math.max(bytes.readInt32BE(at), 0);
  return at;
}

/** The only value, as text in Latin-1; null when there are more. */
export function onlyValue(bytes: Buffer, from: number): string | null {
  if (bytes.readUInt16BE(from) !== 1) return null;
  const start = from + countBytes + lengthBytes;
  return bytes.toString("latin1", start, start + bytes.readInt32BE(from + countBytes));
}

/** A row within bytes: what packValues has written from one place to the other. */
export interface PackedRow {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

export function unpackRow({ bytes, from }: PackedRow): Row {
  const row = unpackValues(bytes, from);
  assert(row !== null, "a row has values");
  return row;
}

/** The value of one column. */
export function packedValue({ bytes, from }: PackedRow, column: number): ColumnValue {
  let at = from + countBytes;
  for (let left = column; left > 0; left -= 1) at += lengthBytes + Math.max(bytes.readInt32BE(at), 0);
  const length = bytes.readInt32BE(at);
  return length < 0 ? valueOf(length) : bytes.subarray(at + lengthBytes, at + lengthBytes + length);
}

/** Some of the columns, in that order, in memory of their own. */
export function pickValues({ bytes, from }: PackedRow, columns: readonly number[]): PackedRow {
  const width = bytes.readUInt16BE(from);
  const places: number[] = [];
  let at = from + countBytes;
  for (let left = width; left > 0; left -= 1) {
    places.push(at);
    at += lengthBytes + Math.max(bytes.readInt32BE(at), 0);
  }
  places.push(at);
  let size = countBytes;
  for (const column of columns) size += (places[column + 1] as number) - (places[column] as number);
  const picked = Buffer.allocUnsafe(size);
  let to = picked.writeUInt16BE(columns.length, 0);
  for (const column of columns) to += bytes.copy(picked, to, places[column], places[column + 1]);
  return { bytes: picked, from: 0, to };
}

/** Rows of as many columns each. */
export class PackedRows implements RowList {
  readonly #rows: readonly PackedRow[];
  /** By row and column: where a value begins, and its length. */
  #layout: { readonly starts: Int32Array; readonly lengths: Int32Array } | null = null;

  constructor(rows: readonly PackedRow[]) {
    this.#rows = rows;
  }

  get length(): number {
    return this.#rows.length;
  }

  *[Symbol.iterator](): Generator<Row> {
    for (const row of this.#rows) yield unpackRow(row);
  }

  /** The same rows in parts of at most so many rows, and of so many bytes unless a single one has more. */
  parts(rowsMax: number, bytesMax: number): PackedRows[] {
    const parts: PackedRows[] = [];
    let start = 0;
    let bytes = 0;
    for (const [index, row] of this.#rows.entries()) {
      const size = row.to - row.from;
      if (index > start && (index - start >= rowsMax || bytes + size > bytesMax)) {
        parts.push(new PackedRows(this.#rows.slice(start, index)));
        start = index;
        bytes = 0;
      }
      bytes += size;
    }
    if (start === 0) return [this];
    parts.push(new PackedRows(this.#rows.slice(start)));
    return parts;
  }

  /** Calls `visit` for the values of one column, row by row; a length of -1 stands for NULL. Every value must be there. */
  column(column: number, visit: (bytes: Buffer, start: number, length: number) => void): void {
    const { starts, lengths: sizes } = (this.#layout ??= this.#locate());
    const width = starts.length / this.#rows.length;
    for (const [index, { bytes }] of this.#rows.entries()) {
      const size = sizes[index * width + column] as number;
      assert(size >= lengths.null, "a value that is written is neither absent nor unchanged");
      visit(bytes, starts[index * width + column] as number, size);
    }
  }

  #locate(): { readonly starts: Int32Array; readonly lengths: Int32Array } {
    const [first] = this.#rows;
    assert(first !== undefined, "there are rows");
    const width = first.bytes.readUInt16BE(first.from);
    const starts = new Int32Array(this.#rows.length * width);
    const sizes = new Int32Array(this.#rows.length * width);
    let place = 0;
    for (const { bytes, from } of this.#rows) {
      assert(bytes.readUInt16BE(from) === width, "rows of a table have as many values");
      let at = from + countBytes;
      for (let left = width; left > 0; left -= 1) {
        const length = bytes.readInt32BE(at);
        at += lengthBytes;
        starts[place] = at;
        sizes[place] = length;
        if (length > 0) at += length;
        place += 1;
      }
    }
    return { starts, lengths: sizes };
  }
}

function lengthOf(value: Exclude<ColumnValue, Buffer>): number {
  if (value === null) return lengths.null;
  return value === UNCHANGED ? lengths.unchanged : lengths.absent;
}

function valueOf(length: number): ColumnValue {
  if (length === lengths.null) return null;
  return length === lengths.unchanged ? UNCHANGED : ABSENT;
}
