// Rows as the server sent them in COPY's text format (PostgreSQL manual, COPY, "Text Format").
import type { Row } from "../../engine/model/row.ts";
import { parseCopyRow } from "./copy-text.ts";
import { headerBytes } from "./message-splitter.ts";
import { endOfMessage, type ReceivedRows, RowMessages, type RowsBuilder } from "./received-rows.ts";

export class CopyRows implements ReceivedRows {
  readonly #messages: RowMessages;
  readonly #columns: number;
  readonly length: number;
  readonly bytes: number;

  constructor(messages: RowMessages, columns: number) {
    this.#messages = messages;
    this.#columns = columns;
    this.length = messages.length;
    this.bytes = messages.bytes;
  }

  *[Symbol.iterator](): Generator<Row> {
    for (const run of this.#messages.runs()) {
      // Values are unescaped in place.
      const own = Buffer.from(run);
      for (let at = 0; at < own.length;) {
        const end = endOfMessage(own, at);
        yield parseCopyRow(own, at + headerBytes, end, this.#columns);
        at = end;
      }
    }
  }

  last(): Row | undefined {
    const message = this.#messages.last();
    return message === undefined ? undefined : parseCopyRow(Buffer.from(message), headerBytes, message.length, this.#columns);
  }

  /** Lines, each with another column behind its own, which needs no escaping; in pieces of which each is good until the next is asked for. */
  withColumn(text: string): Iterable<Buffer> {
    const after = Buffer.from(`\t${text}\n`, "latin1");
    // Without its newline, which comes after.
    return this.#messages.framed({ before: noBytes, withoutFirst: headerBytes, withoutLast: 1, after });
  }
}

const noBytes = Buffer.alloc(0);

export class CopyRowsBuilder implements RowsBuilder {
  readonly #columns: number;
  readonly #messages = new RowMessages();

  /** `columns`: values in each row. */
  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Each message is one row. */
  rowIn(_bytes: Buffer, start: number): number {
    return start;
  }

  add(bytes: Buffer, start: number, end: number): void {
    this.#messages.add(bytes, start, end);
  }

  finish(): CopyRows {
    return new CopyRows(this.#messages, this.#columns);
  }
}
