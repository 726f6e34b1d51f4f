// Rows as bytes: a row's values are as many objects, and what lives for long is copied by every collection of garbage on its way to
// the old generation. The form is that of a tuple in PostgreSQL's replication protocol, so that a row of its stream is packed as it comes.
import { assert } from "./assert.ts";
import { ABSENT, type ColumnValue, type Key, keyText, type Row, UNCHANGED } from "./row.ts";

/** Rows that can be gone through more than once. */
export interface RowList extends Iterable<Row> {
  readonly length: number;
  /** Memory that they take; absent: that of their values. */
  readonly bytes?: number;
}

/** First byte of a value; only text has more, its length and its bytes. */
const kinds = { text: 0x74, null: 0x6e, unchanged: 0x75, absent: 0x61 } as const;
/** In place of the number of values: there are none at all. */
const noValues = 0xffff;
const countBytes = 2;
const kindBytes = 1;
/** Kind and length. */
const textHeaderBytes = 5;
/** Most values are a few bytes long; for those the loop is faster than the call into native code. */
const loopBytesMax = 24;

/** Bytes that the values take: their number, then each value. Null stands for no values, as of an old key that there is not. */
export function packedBytes(values: Row | null): number {
  if (values === null) return countBytes;
  let size = countBytes;
  for (const value of values) size += value === null || typeof value === "number" ? kindBytes : textHeaderBytes + value.length;
  return size;
}

/** Gives the place behind what was written. */
export function packValues(values: Row | null, into: Buffer, from: number): number {
  let at = into.writeUInt16BE(values === null ? noValues : values.length, from);
  if (values === null) return at;
  for (const value of values) {
    if (value === null || typeof value === "number") {
      into[at] = kindOf(value);
      at += kindBytes;
      continue;
    }
    const { length } = value;
    at = packHead(length, into, at);
    if (length <= loopBytesMax) for (let index = 0; index < length; index += 1) into[at + index] = value[index] as number;
    else value.copy(into, at);
    at += length;
  }
  return at;
}

/** Bytes that a text of so many bytes takes; a length of -1 stands for NULL. */
export function packedTextBytes(length: number): number {
  return length < 0 ? kindBytes : textHeaderBytes + length;
}

/** Writes what stands before the text of a value. Gives the place at which the text is to be written. */
export function packHead(length: number, into: Buffer, at: number): number {
  if (length < 0) {
    into[at] = kinds.null;
    return at + kindBytes;
  }
  into[at] = kinds.text;
  into[at + 1] = length >>> 24;
  into[at + 2] = length >>> 16;
  into[at + 3] = length >>> 8;
  into[at + 4] = length;
  return at + textHeaderBytes;
}

/** The values, as slices of the bytes. */
export function unpackValues(bytes: Buffer, from: number): Row | null {
  const count = bytes.readUInt16BE(from);
  if (count === noValues) return null;
  const values: Row = [];
  let at = from + countBytes;
  for (let left = count; left > 0; left -= 1) {
    values.push(valueAt(bytes, at));
    at = behindValue(bytes, at);
  }
  return values;
}

/** The place behind packed values. */
export function behindValues(bytes: Buffer, from: number): number {
  const count = bytes.readUInt16BE(from);
  let at = from + countBytes;
  if (count === noValues) return at;
  for (let left = count; left > 0; left -= 1) at = behindValue(bytes, at);
  return at;
}

/** Whether exactly these bytes are packed values, and every one is there. Bytes of any kind may be asked about. */
export function holdsOnlyValues(bytes: Buffer, from: number, to: number): boolean {
  let at = from + countBytes;
  for (let left = bytes.readUInt16BE(from); left > 0; left -= 1) {
    const kind = bytes[at];
    if (kind === kinds.text && at + textHeaderBytes <= to) {
      const length = bytes.readInt32BE(at + kindBytes);
      if (length < 0) return false;
      at += textHeaderBytes + length;
    } else if (kind === kinds.null) at += kindBytes;
    else return false;
    if (at > to) return false;
  }
  return at === to;
}

/** A row within bytes: what packValues has written from one place to the other. */
export interface PackedRow {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/** The row in memory of its own. */
export function packRow(row: Row): PackedRow {
  const bytes = Buffer.allocUnsafe(packedBytes(row));
  return { bytes, from: 0, to: packValues(row, bytes, 0) };
}

export function unpackRow({ bytes, from }: PackedRow): Row {
  const row = unpackValues(bytes, from);
  assert(row !== null, "a row has values");
  return row;
}

/** The value of one column. */
export function packedValue({ bytes, from }: PackedRow, column: number): ColumnValue {
  return valueAt(bytes, placeOf(bytes, from, column));
}

/** Whether all of these columns have values that a key can hold. */
export function hasKey({ bytes, from }: PackedRow, columns: readonly number[]): boolean {
  for (const column of columns) if (bytes[placeOf(bytes, from, column)] !== kinds.text) return false;
  return true;
}

/** The key in these columns, all of which have values. */
export function packedKey(row: PackedRow, columns: readonly number[]): Key {
  return columns.map((column) => packedValue(row, column) as Buffer);
}

/** The same as keyText has it. */
export function packedKeyText(row: PackedRow, columns: readonly number[]): string {
  const [only] = columns;
  if (columns.length > 1 || only === undefined) return keyText(packedKey(row, columns));
  const { bytes, from } = row;
  const start = placeOf(bytes, from, only) + textHeaderBytes;
  return bytes.toString("latin1", start, start + bytes.readInt32BE(start - textHeaderBytes + kindBytes));
}

/** Some of the columns, in that order, in memory of their own. */
export function pickValues({ bytes, from }: PackedRow, columns: readonly number[]): PackedRow {
  const width = bytes.readUInt16BE(from);
  const places: number[] = [];
  let at = from + countBytes;
  for (let left = width; left > 0; left -= 1) {
    places.push(at);
    at = behindValue(bytes, at);
  }
  places.push(at);
  let size = countBytes;
  for (const column of columns) size += (places[column + 1] as number) - (places[column] as number);
  const picked = Buffer.allocUnsafe(size);
  let to = picked.writeUInt16BE(columns.length, 0);
  for (let first = 0, next = 0; first < columns.length; first = next) {
    // Columns that lie beside each other are copied together.
    for (next = first + 1; next < columns.length && columns[next] === (columns[next - 1] as number) + 1;) next += 1;
    to += bytes.copy(picked, to, places[columns[first] as number], places[(columns[next - 1] as number) + 1]);
  }
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

  get bytes(): number {
    return this.#rows.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  *[Symbol.iterator](): Generator<Row> {
    for (const row of this.#rows) yield unpackRow(row);
  }

  /** The last row; undefined when there is none. */
  last(): Row | undefined {
    const row = this.#rows.at(-1);
    return row === undefined ? undefined : unpackRow(row);
  }

  /** The rows from this place on. */
  from(place: number): PackedRows {
    return new PackedRows(this.#rows.slice(place));
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
    if (start === 0) return this.length === 0 ? [] : [this];
    parts.push(new PackedRows(this.#rows.slice(start)));
    return parts;
  }

  /** Calls `visit` for the values of one column, row by row; a length of -1 stands for NULL. Every value must be there. */
  column(column: number, visit: (bytes: Buffer, start: number, length: number) => void): void {
    const { starts, lengths } = (this.#layout ??= this.#locate());
    const width = starts.length / this.#rows.length;
    for (const [index, { bytes }] of this.#rows.entries()) {
      const place = index * width + column;
      visit(bytes, starts[place] as number, lengths[place] as number);
    }
  }

  /** Calls `visit` for the values of all columns, row by row; a length of -1 stands for NULL. Every value must be there. */
  values(visit: (column: number, bytes: Buffer, start: number, length: number) => void): void {
    for (const { bytes, from } of this.#rows) {
      const width = bytes.readUInt16BE(from);
      let at = from + countBytes;
      for (let column = 0; column < width; column += 1) {
        const isText = bytes[at] === kinds.text;
        assert(isText || bytes[at] === kinds.null, "a value that is written is neither absent nor unchanged");
        visit(column, bytes, at + textHeaderBytes, isText ? bytes.readInt32BE(at + kindBytes) : -1);
        at = behindValue(bytes, at);
      }
    }
  }

  #locate(): { readonly starts: Int32Array; readonly lengths: Int32Array } {
    const [first] = this.#rows;
    assert(first !== undefined, "there are rows");
    const width = first.bytes.readUInt16BE(first.from);
    const starts = new Int32Array(this.#rows.length * width);
    const lengths = new Int32Array(this.#rows.length * width);
    let place = 0;
    for (const { bytes, from } of this.#rows) {
      assert(bytes.readUInt16BE(from) === width, "rows of a table have as many values");
      let at = from + countBytes;
      for (let left = width; left > 0; left -= 1) {
        const isText = bytes[at] === kinds.text;
        assert(isText || bytes[at] === kinds.null, "a value that is written is neither absent nor unchanged");
        starts[place] = at + textHeaderBytes;
        lengths[place] = isText ? bytes.readInt32BE(at + kindBytes) : -1;
        at = behindValue(bytes, at);
        place += 1;
      }
    }
    return { starts, lengths };
  }
}

/** Where a column's value begins in a row that begins at `from`. */
function placeOf(bytes: Buffer, from: number, column: number): number {
  let at = from + countBytes;
  for (let left = column; left > 0; left -= 1) at = behindValue(bytes, at);
  return at;
}

function behindValue(bytes: Buffer, at: number): number {
  return bytes[at] === kinds.text ? at + textHeaderBytes + bytes.readInt32BE(at + kindBytes) : at + kindBytes;
}

function valueAt(bytes: Buffer, at: number): ColumnValue {
  switch (bytes[at]) {
    case kinds.text: {
      const start = at + textHeaderBytes;
      return bytes.subarray(start, start + bytes.readInt32BE(at + kindBytes));
    }
    case kinds.null:
      return null;
    case kinds.unchanged:
      return UNCHANGED;
    default:
      return ABSENT;
  }
}

function kindOf(value: Exclude<ColumnValue, Buffer>): number {
  if (value === null) return kinds.null;
  return value === UNCHANGED ? kinds.unchanged : kinds.absent;
}
