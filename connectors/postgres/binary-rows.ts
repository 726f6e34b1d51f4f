// Rows as the server sent them in COPY's binary format (PostgreSQL manual, COPY, "Binary Format"): where a column has the same type on
// both sides, neither server prints or parses its values.
import { assert } from "../../engine/model/assert.ts";
import type { Row } from "../../engine/model/row.ts";
import type { ColumnType } from "../../engine/model/table.ts";
import { type PrintBinary, printBinary } from "./binary-text.ts";
import { headerBytes } from "./message-splitter.ts";
import { endOfMessage, type ReceivedRows, RowMessages, type RowsBuilder } from "./received-rows.ts";

const signature = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1");
const flagsBytes = 4;
const lengthBytes = 4;
/** Signature, flags, length of an extension; flags and extension are none. */
const beginning = Buffer.concat([signature, Buffer.alloc(flagsBytes + lengthBytes)]);
const countBytes = 2;
/** In place of a row's number of values: there are no more rows. */
const trailer = -1;
const trailerBytes = Buffer.from([0xff, 0xff]);
const batchBytes = 8;
const copyData = 0x64;

/** How to print the values of each column; null when some type has no place in binary rows. */
export function printersOf(types: readonly ColumnType[]): PrintBinary[] | null {
  const printers = types.map(printBinary);
  return printers.every((printer) => printer !== null) ? printers : null;
}

export class BinaryRows implements ReceivedRows {
  /** ColumnType.identity of each column. */
  readonly types: readonly string[];
  readonly length: number;
  readonly bytes: number;
  readonly #messages: RowMessages;
  readonly #printers: readonly PrintBinary[];

  constructor(messages: RowMessages, types: readonly string[], printers: readonly PrintBinary[]) {
    this.types = types;
    this.length = messages.length;
    this.bytes = messages.bytes;
    this.#messages = messages;
    this.#printers = printers;
  }

  /** Values are text here as everywhere. */
  *[Symbol.iterator](): Generator<Row> {
    for (const run of this.#messages.runs()) {
      for (let at = 0; at < run.length;) {
        const end = endOfMessage(run, at);
        yield this.#print(run, at + headerBytes + countBytes, end);
        at = end;
      }
    }
  }

  last(): Row | undefined {
    const message = this.#messages.last();
    return message === undefined ? undefined : this.#print(message, headerBytes + countBytes, message.length);
  }

  /** All that COPY FROM reads, each row with an int8 behind its own values; in pieces of which each is good until the next is asked for. */
  *withColumn(int8: number): Generator<Buffer> {
    const before = Buffer.alloc(countBytes);
    before.writeInt16BE(this.types.length + 1);
    const after = Buffer.alloc(lengthBytes + batchBytes);
    after.writeInt32BE(batchBytes);
    after.writeBigInt64BE(BigInt(int8), lengthBytes);
    yield beginning;
    yield* this.#messages.framed({ before, withoutFirst: headerBytes + countBytes, withoutLast: 0, after });
    yield trailerBytes;
  }

  /** Values that are text by themselves are views of the bytes. */
  #print(bytes: Buffer, start: number, end: number): Row {
    const row: Row = [];
    let at = start;
    for (const print of this.#printers) {
      const length = bytes.readInt32BE(at);
      at += lengthBytes;
      row.push(length < 0 ? null : print(bytes, at, length));
      at += Math.max(length, 0);
    }
    assert(at === end, "a row of COPY's binary format holds as many values as were asked for");
    return row;
  }
}

export class BinaryRowsBuilder implements RowsBuilder {
  readonly #types: readonly string[];
  readonly #printers: readonly PrintBinary[];
  readonly #messages = new RowMessages();
  #begun = false;

  /** `printers`: of these types, see printersOf. */
  constructor(types: readonly ColumnType[], printers: readonly PrintBinary[]) {
    this.#types = types.map(({ identity }) => identity);
    this.#printers = printers;
  }

  rowIn(bytes: Buffer, start: number, end: number): number {
    const from = this.#begun ? start : this.#begin(bytes, start);
    this.#begun = true;
    if (from + headerBytes === end) return -1;
    return bytes.readInt16BE(from + headerBytes) === trailer ? -1 : from;
  }

  add(bytes: Buffer, start: number, end: number): void {
    this.#messages.add(bytes, start, end);
  }

  finish(): BinaryRows {
    return new BinaryRows(this.#messages, this.#types, this.#printers);
  }

  /**
   * The first message begins with what begins all of COPY's output, and the server puts the first row, or the trailer, behind it. Where it
   * lay, a message's header is put just before the row, which then is as the others are; there is room enough. Gives its place.
   */
  #begin(bytes: Buffer, start: number): number {
    const at = start + headerBytes;
    assert(
      bytes.compare(signature, 0, signature.length, at, at + signature.length) === 0,
      "COPY's binary format begins with its signature",
    );
    const flags = bytes.readUInt32BE(at + signature.length);
    assert(flags === 0, "COPY's binary format holds nothing that was not asked for");
    const extension = bytes.readUInt32BE(at + signature.length + flagsBytes);
    const from = at + beginning.length + extension - headerBytes;
    const length = start + 1 + bytes.readUInt32BE(start + 1) - from - 1;
    bytes[from] = copyData;
    bytes.writeUInt32BE(length, from + 1);
    return from;
  }
}
