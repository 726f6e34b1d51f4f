// Rows of the text protocol (MySQL Internals, "Text Resultset Row": each value behind its length) become packed rows. What is a
// value's text form already is copied from one to the other: only other values become objects.
import { packedTextBytes, packHead, type PackedRow, PackedRows } from "../../../engine/model/packed-rows.ts";
import { malformed } from "../decode/byte-reader.ts";
import type { ColumnReader } from "./column-reader.ts";

const blockBytesMin = 4 * 1024;
const blockBytesMax = 256 * 1024;
/** In place of a short length: none, as there is no value, or one of 2, 3 or 8 bytes that follows. */
const marks = { null: 0xfb, twoBytes: 0xfc, threeBytes: 0xfd, eightBytes: 0xfe } as const;
/** Bytes of a mark and what follows it. */
const headBytes: Readonly<Record<number, number>> = { [marks.twoBytes]: 3, [marks.threeBytes]: 4, [marks.eightBytes]: 9 };
/** Of a packed row: the number of its values. */
const countBytes = 2;
/** Most values are a few bytes long; for those the loop is faster than the call into native code. */
const loopBytesMax = 24;

export class RowPacker {
  readonly #readers: readonly ColumnReader[];
  readonly #rows: PackedRow[] = [];
  #block = Buffer.allocUnsafeSlow(blockBytesMin);
  #used = 0;
  /** Of the row at hand: where its values begin, how long their text is, and the text itself where the value is not that. */
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  readonly #texts: (Buffer | null)[];

  /** `readers` are those of the columns, in the order of the values. */
  constructor(readers: readonly ColumnReader[]) {
    this.#readers = readers;
    this.#starts = new Int32Array(readers.length);
    this.#lengths = new Int32Array(readers.length);
    this.#texts = readers.map(() => null);
  }

  /** Takes the row `bytes[from, to)`, and gives its size when it is packed. Throws DB-SLOT-010 when it is none. */
  add(bytes: Buffer, from: number, to: number): number {
    const size = this.#locate(bytes, from, to);
    if (this.#used + size > this.#block.length) this.#next(size);
    const [block, start] = [this.#block, this.#used];
    let at = block.writeUInt16BE(this.#readers.length, start);
    for (let column = 0; column < this.#readers.length; column += 1) {
      const length = this.#lengths[column] as number;
      at = packHead(length, block, at);
      if (length <= 0) continue;
      const text = this.#texts[column] as Buffer | null;
      const value = this.#starts[column] as number;
      if (text !== null) text.copy(block, at);
      else if (length > loopBytesMax) bytes.copy(block, at, value, value + length);
      else for (let index = 0; index < length; index += 1) block[at + index] = bytes[value + index] as number;
      at += length;
    }
    this.#used = at;
    this.#rows.push({ bytes: block, from: start, to: at });
    return size;
  }

  finish(): PackedRows {
    return new PackedRows(this.#rows);
  }

  #locate(bytes: Buffer, from: number, to: number): number {
    let size = countBytes;
    let at = from;
    for (let column = 0; column < this.#readers.length; column += 1) {
      if (at >= to) throw malformed("a row ends too early");
      const mark = bytes[at] as number;
      let length = mark;
      if (mark >= marks.null) length = longLength(bytes, mark, at + 1);
      at += mark < marks.null ? 1 : (headBytes[mark] ?? 1);
      const { toText } = this.#readers[column] as ColumnReader;
      const text = toText === null || length < 0 ? null : toText(bytes.subarray(at, at + length));
      this.#starts[column] = at;
      this.#texts[column] = text;
      at += Math.max(length, 0);
      if (text !== null) length = text.length;
      this.#lengths[column] = length;
      size += packedTextBytes(length);
    }
    if (at !== to) throw malformed("a row is longer or shorter than its values");
    return size;
  }

  #next(size: number): void {
    this.#block = Buffer.allocUnsafeSlow(Math.max(size, Math.min(blockBytesMax, 4 * this.#block.length)));
    this.#used = 0;
  }
}

/** -1 stands for NULL. A row has less than 2^31 bytes, so of eight bytes four are zero. */
function longLength(bytes: Buffer, mark: number, at: number): number {
  switch (mark) {
    case marks.null:
      return -1;
    case marks.twoBytes:
      return bytes.readUInt16LE(at);
    case marks.threeBytes:
      return bytes.readUIntLE(at, 3);
    case marks.eightBytes:
      return bytes.readUInt32LE(at);
    default:
      throw malformed("a length is none");
  }
}
