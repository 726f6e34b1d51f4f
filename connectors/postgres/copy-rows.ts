// Rows as the server sent them in COPY's text format (PostgreSQL manual, COPY, "Text Format"): from one server to another they need
// not be taken apart, and they stay in the memory that they were received in.
import type { RowList } from "../../engine/model/packed-rows.ts";
import type { Row } from "../../engine/model/row.ts";
import { parseCopyRow } from "./copy-text.ts";
import { headerBytes } from "./message-splitter.ts";

const blockBytes = 128 * 1024;

/** CopyData messages of one row each, one behind the other. */
interface Run {
  readonly bytes: Buffer;
  readonly from: number;
  to: number;
}

export class CopyRows implements RowList {
  readonly #runs: readonly Run[];
  readonly #columns: number;
  readonly length: number;
  /** Of messages. */
  readonly bytes: number;

  constructor(runs: readonly Run[], length: number, columns: number) {
    this.#runs = runs;
    this.#columns = columns;
    this.length = length;
    this.bytes = runs.reduce((sum, run) => sum + run.to - run.from, 0);
  }

  *[Symbol.iterator](): Generator<Row> {
    for (const { bytes, from, to } of this.#runs) {
      // Values are unescaped in place.
      const own = Buffer.from(bytes.subarray(from, to));
      for (let at = 0; at < own.length;) {
        const end = endOfMessage(own, at);
        yield parseCopyRow(own, at + headerBytes, end, this.#columns);
        at = end;
      }
    }
  }

  /** The last row; undefined when there is none. */
  last(): Row | undefined {
    const run = this.#runs.at(-1);
    if (run === undefined) return undefined;
    let start = run.from;
    for (let end = endOfMessage(run.bytes, start); end < run.to; end = endOfMessage(run.bytes, start)) start = end;
    const line = Buffer.from(run.bytes.subarray(start + headerBytes, run.to));
    return parseCopyRow(line, 0, line.length, this.#columns);
  }

  /** Lines, each with another column behind its own, which needs no escaping; in pieces of which each is good until the next is asked for. */
  *withColumn(text: string): Generator<Buffer> {
    const suffix = Buffer.from(`\t${text}\n`, "latin1");
    let block = Buffer.allocUnsafeSlow(Math.min(blockBytes, this.bytes + this.length * suffix.length));
    let used = 0;
    for (const { bytes, from, to } of this.#runs) {
      for (let at = from; at < to;) {
        const end = endOfMessage(bytes, at);
        // Without its newline, which is in the suffix.
        const size = end - 1 - at - headerBytes;
        if (used + size + suffix.length > block.length) {
          if (used > 0) yield block.subarray(0, used);
          used = 0;
          if (size + suffix.length > block.length) block = Buffer.allocUnsafeSlow(size + suffix.length);
        }
        used += bytes.copy(block, used, at + headerBytes, end - 1);
        // A few bytes: the loop is faster than the call into native code.
        for (let index = 0; index < suffix.length; index += 1) block[used + index] = suffix[index] as number;
        used += suffix.length;
        at = end;
      }
    }
    if (used > 0) yield block.subarray(0, used);
  }
}

function endOfMessage(bytes: Buffer, start: number): number {
  return start + 1 + bytes.readUInt32BE(start + 1);
}

/** Gathers messages. */
export class CopyRowsBuilder {
  readonly #columns: number;
  readonly #runs: Run[] = [];
  #length = 0;

  /** `columns`: values in each row. */
  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Takes the CopyData message `bytes[start, end)`, one row, and keeps the memory it lies in. */
  add(bytes: Buffer, start: number, end: number): void {
    const run = this.#runs.at(-1);
    if (run !== undefined && run.bytes === bytes && run.to === start) run.to = end;
    else this.#runs.push({ bytes, from: start, to: end });
    this.#length += 1;
  }

  finish(): CopyRows {
    return new CopyRows(this.#runs, this.#length, this.#columns);
  }
}
