// Rows as the server wrote them in COPY's text format (PostgreSQL manual, COPY, "Text Format"): from one server to another they need
// not be taken apart.
import { assert } from "../../engine/model/assert.ts";
import type { RowList } from "../../engine/model/packed-rows.ts";
import type { Row } from "../../engine/model/row.ts";
import { parseCopyRow } from "./copy-text.ts";

const newline = 0x0a;
const blockBytesMin = 4 * 1024;
const blockBytesMax = 256 * 1024;

/** Lines, each with its newline; none spans two blocks. */
export class CopyRows implements RowList {
  readonly #blocks: readonly Buffer[];
  readonly #columns: number;
  readonly length: number;
  /** Of text. */
  readonly bytes: number;

  constructor(blocks: readonly Buffer[], length: number, columns: number) {
    this.#blocks = blocks;
    this.#columns = columns;
    this.length = length;
    this.bytes = blocks.reduce((sum, block) => sum + block.length, 0);
  }

  *[Symbol.iterator](): Generator<Row> {
    for (const block of this.#blocks) {
      // Values are unescaped in place.
      const own = Buffer.from(block);
      for (let from = 0; from < own.length;) {
        const end = own.indexOf(newline, from) + 1;
        yield parseCopyRow(own, from, end, this.#columns);
        from = end;
      }
    }
  }

  /** The last row; undefined when there is none. */
  last(): Row | undefined {
    const block = this.#blocks.at(-1);
    if (block === undefined) return undefined;
    const line = Buffer.from(block.subarray(block.lastIndexOf(newline, block.length - 2) + 1));
    return parseCopyRow(line, 0, line.length, this.#columns);
  }

  /** Blocks of lines, each with another column behind its own, which needs no escaping. */
  *withColumn(text: string): Generator<Buffer> {
    const suffix = Buffer.from(`\t${text}\n`, "latin1");
    for (const block of this.#blocks) yield withSuffix(block, suffix);
  }
}

function withSuffix(block: Buffer, suffix: Buffer): Buffer {
  let lines = 0;
  for (let at = block.indexOf(newline); at >= 0; at = block.indexOf(newline, at + 1)) lines += 1;
  const out = Buffer.allocUnsafe(block.length + lines * (suffix.length - 1));
  let written = 0;
  let from = 0;
  for (let at = block.indexOf(newline); at >= 0; at = block.indexOf(newline, from)) {
    written += block.copy(out, written, from, at);
    written += suffix.copy(out, written);
    from = at + 1;
  }
  assert(written === out.length, "a block ends with a newline");
  return out;
}

/** Gathers lines. */
export class CopyRowsBuilder {
  readonly #columns: number;
  readonly #blocks: Buffer[] = [];
  #block = Buffer.allocUnsafeSlow(blockBytesMin);
  #used = 0;
  #length = 0;

  /** `columns`: values in each line. */
  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Copies the line `bytes[start, end)`, which ends with its newline. */
  add(bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    if (this.#used + size > this.#block.length) this.#next(size);
    bytes.copy(this.#block, this.#used, start, end);
    this.#used += size;
    this.#length += 1;
  }

  finish(): CopyRows {
    this.#next(0);
    return new CopyRows(this.#blocks, this.#length, this.#columns);
  }

  #next(size: number): void {
    if (this.#used > 0) this.#blocks.push(this.#block.subarray(0, this.#used));
    this.#block = Buffer.allocUnsafeSlow(Math.max(size, size === 0 ? 0 : Math.min(blockBytesMax, 4 * this.#block.length)));
    this.#used = 0;
  }
}
