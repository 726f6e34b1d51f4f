// One exchange with the server that reads rows: several statements in one message, one of which is COPY (SELECT …) TO
// STDOUT. While it lasts it reads the session's socket itself: the driver's own parser would make an object of every row
// and join large ones from copies. What is not ours (errors, notices, the end) is handed to the driver as it came.
import { EventEmitter } from "node:events";
import type { Connection, Submittable } from "pg";
import { assert } from "../../../engine/model/assert.ts";
import { headerBytes, type MessageHandler, MessageSplitter } from "../message-splitter.ts";
import type { ReceivedRows, RowsBuilder } from "../received-rows.ts";

export interface ReadOrder {
  /** Statements separated by semicolons. */
  readonly sql: string;
  /** Takes the rows of the COPY. */
  readonly builder: RowsBuilder;
  /** Reading ends after the row that passes this many bytes. */
  readonly bytesMax: number;
}

export interface ReadResult {
  readonly rows: ReceivedRows;
  /** Rows of the statements other than COPY, in order, as text. */
  readonly answers: readonly (string | null)[][];
  /** There were rows behind `bytesMax`. */
  readonly cut: boolean;
  /** The server has more to say than is worth hearing: `answers` is not complete, and the session must be dropped. */
  readonly abandoned: boolean;
}

/** What is read and thrown away after `bytesMax` before the session is given up instead, which costs a new one. */
const wasteBytesMax = 4 * 1024 * 1024;

const COPY_DATA = 0x64;
const DATA_ROW = 0x44;
const READY_FOR_QUERY = 0x5a;
/** RowDescription, CopyOutResponse, CopyDone, CommandComplete: they say nothing that the statements do not say. */
const structure = new Set([0x54, 0x48, 0x63, 0x43]);

/** Give it to `Client.query`; await `result`. */
export class ReadExchange implements Submittable, MessageHandler {
  readonly result: Promise<ReadResult>;
  readonly #order: ReadOrder;
  readonly #splitter = new MessageSplitter(this);
  readonly #answers: (string | null)[][] = [];
  #bytes = 0;
  #wastedBytes = 0;
  #cut = false;
  #end: Buffer | null = null;
  #socket: EventEmitter = new EventEmitter();
  #driver: (piece: Buffer) => void = () => {};
  #resolve: (result: ReadResult) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(order: ReadOrder) {
    this.#order = order;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The driver's call: send now. */
  submit(connection: Connection): void {
    this.#socket = connection.stream;
    const [driver, ...others] = this.#socket.listeners("data");
    assert(driver !== undefined && others.length === 0, "the driver alone reads the session's socket");
    this.#driver = driver as (piece: Buffer) => void;
    this.#socket.on("data", this.#take);
    this.#socket.removeListener("data", this.#driver);
    connection.query(this.#order.sql);
  }

  message(bytes: Buffer, start: number, end: number): void {
    const type = bytes[start] ?? 0;
    if (type === COPY_DATA) this.#row(bytes, start, end);
    else if (type === DATA_ROW) this.#answers.push(parseDataRow(bytes, start + headerBytes));
    else if (type === READY_FOR_QUERY) this.#end = bytes.subarray(start, end);
    else if (!structure.has(type)) this.#driver(bytes.subarray(start, end));
  }

  admits(type: number, length: number): boolean {
    if (type === COPY_DATA && this.#cut) this.#waste(length);
    return !this.#isAbandoned();
  }

  /** The driver's calls. An error ends the exchange; the server then skips the statements that are left. */
  handleError(error: unknown): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#settle();
  }

  readonly #take = (piece: Buffer): void => {
    this.#splitter.push(piece);
    if (this.#isAbandoned()) this.#settle();
    // The driver may send the next statement as soon as it hears of the end, so nothing may be left with us by then.
    if (this.#end === null || !this.#splitter.isEmpty) return;
    this.#socket.on("data", this.#driver);
    this.#socket.removeListener("data", this.#take);
    this.#driver(this.#end);
  };

  #row(bytes: Buffer, message: number, end: number): void {
    const { builder, bytesMax } = this.#order;
    const start = builder.rowIn(bytes, message, end);
    if (start < 0) return;
    if (this.#bytes > bytesMax) {
      this.#cut = true;
      this.#waste(end - start);
      return;
    }
    builder.add(bytes, start, end);
    this.#bytes += end - start - headerBytes;
  }

  #waste(bytes: number): void {
    this.#wastedBytes += bytes;
  }

  #isAbandoned(): boolean {
    return this.#wastedBytes > wasteBytesMax;
  }

  #settle(): void {
    this.#resolve({ rows: this.#order.builder.finish(), answers: this.#answers, cut: this.#cut, abandoned: this.#isAbandoned() });
  }
}

/** Values of a DataRow message's body as text: count, then length and bytes of each; length -1 is NULL. */
function parseDataRow(bytes: Buffer, start: number): (string | null)[] {
  const values: (string | null)[] = [];
  let at = start + 2;
  for (let left = bytes.readUInt16BE(start); left > 0; left--) {
    const length = bytes.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : bytes.toString("utf8", at, at + length));
    at += Math.max(length, 0);
  }
  return values;
}
