// Rows as a server sent them: CopyData messages of one row each (manual, "Message Formats"), left in the memory that they were
// received in. From one server to another they need not be taken apart.
import type { RowList } from "../../engine/model/packed-rows.ts";
import type { Row } from "../../engine/model/row.ts";

const blockBytes = 128 * 1024;

/** The rows of one COPY. */
export interface ReceivedRows extends RowList {
  /** Of their messages. */
  readonly bytes: number;
  /** The last row; undefined when there is none. */
  last(): Row | undefined;
}

/** Takes the messages of one COPY, in order. */
export interface RowsBuilder {
  /**
   * Where in the CopyData message `bytes[start, end)` the message of its row begins, which is at `start` unless something else comes
   * before the row; -1: it holds no row.
   */
  rowIn(bytes: Buffer, start: number, end: number): number;
  /** Takes the message of one row and keeps the memory it lies in. */
  add(bytes: Buffer, start: number, end: number): void;
  finish(): ReceivedRows;
}

/** Messages one behind the other. */
interface Run {
  readonly bytes: Buffer;
  readonly from: number;
  to: number;
}

/** What a row is sent on in. */
interface Frame {
  readonly before: Buffer;
  /** Bytes of its message that are left out: at the beginning, the message's own header among them, and at the end. */
  readonly withoutFirst: number;
  readonly withoutLast: number;
  readonly after: Buffer;
}

export class RowMessages {
  readonly #runs: Run[] = [];
  #length = 0;

  /** Number of messages. */
  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#runs.reduce((sum, run) => sum + run.to - run.from, 0);
  }

  add(bytes: Buffer, start: number, end: number): void {
    const run = this.#runs.at(-1);
    if (run !== undefined && run.bytes === bytes && run.to === start) run.to = end;
    else this.#runs.push({ bytes, from: start, to: end });
    this.#length += 1;
  }

  /** Messages that lie one behind the other, together. */
  *runs(): Generator<Buffer> {
    for (const { bytes, from, to } of this.#runs) yield bytes.subarray(from, to);
  }

  /** The last message; undefined when there is none. */
  last(): Buffer | undefined {
    const run = this.#runs.at(-1);
    if (run === undefined) return undefined;
    let start = run.from;
    for (let end = endOfMessage(run.bytes, start); end < run.to; end = endOfMessage(run.bytes, start)) start = end;
    return run.bytes.subarray(start, run.to);
  }

  /** Each row in its frame, one behind the other; in pieces of which each is good until the next is asked for. */
  *framed({ before, withoutFirst, withoutLast, after }: Frame): Generator<Buffer> {
    const added = before.length + after.length;
    let block = Buffer.allocUnsafeSlow(Math.min(blockBytes, this.bytes + this.length * added));
    let used = 0;
    for (const { bytes, from, to } of this.#runs) {
      for (let at = from; at < to;) {
        const end = endOfMessage(bytes, at);
        const size = end - at - withoutFirst - withoutLast + added;
        if (used + size > block.length) {
          if (used > 0) yield block.subarray(0, used);
          used = 0;
          if (size > block.length) block = Buffer.allocUnsafeSlow(size);
        }
        // A few bytes: the loop is faster than the call into native code.
        for (let index = 0; index < before.length; index += 1) block[used + index] = before[index] as number;
        used += before.length;
        used += bytes.copy(block, used, at + withoutFirst, end - withoutLast);
        for (let index = 0; index < after.length; index += 1) block[used + index] = after[index] as number;
        used += after.length;
        at = end;
      }
    }
    if (used > 0) yield block.subarray(0, used);
  }
}

/** Where the message that begins there ends. */
export function endOfMessage(bytes: Buffer, start: number): number {
  return start + 1 + bytes.readUInt32BE(start + 1);
}
