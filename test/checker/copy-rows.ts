// Reads the rows of a query in COPY's text form, one line a row, without holding more than a chunk of them.
import type { Readable } from "node:stream";
import type pg from "pg";
import { to as copyTo } from "pg-copy-streams";

const newline = 0x0a;
const tab = 0x09;
const backslash = 0x5c;

/** A forward cursor over rows as lines in COPY's text form. */
export interface RowLines {
  /** The line without its newline; null after the last one. */
  readonly current: Buffer | null;
  advance(): Promise<void>;
}

/** A cursor over the lines of `COPY (query) TO STDOUT`. */
export class CopyRows implements RowLines {
  current: Buffer | null = null;
  readonly #chunks: AsyncIterator<Buffer>;
  #lines: Buffer[] = [];
  #next = 0;
  /** Start of a line whose end has not come yet, in pieces: a row may be far longer than a chunk. */
  #open: Buffer[] = [];

  private constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Starts the query; the cursor stands on the first line. The session is busy until the last line was passed. */
  static async open(client: pg.Client, query: string): Promise<CopyRows> {
    const rows = new CopyRows(client.query(copyTo(`COPY (${query}) TO STDOUT`)));
    await rows.advance();
    return rows;
  }

  async advance(): Promise<void> {
    while (this.#next >= this.#lines.length) {
      const { value, done } = await this.#chunks.next();
      if (done === true) {
        if (this.#open.length > 0) throw new Error("COPY ended inside a row");
        this.current = null;
        return;
      }
      this.#split(value);
    }
    this.current = this.#lines[this.#next++] ?? null;
  }

  #split(chunk: Buffer): void {
    this.#lines = [];
    this.#next = 0;
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const piece = chunk.subarray(start, end);
      this.#lines.push(this.#open.length === 0 ? piece : Buffer.concat([...this.#open, piece]));
      this.#open = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#open.push(chunk.subarray(start));
  }
}

/** The first fields of a line, unescaped: a key, so none of them is NULL. */
export function leadingFields(line: Buffer, count: number): Buffer[] {
  const fields: Buffer[] = [];
  let start = 0;
  for (let index = 0; index < count; index++) {
    const end = line.indexOf(tab, start);
    fields.push(unescape(line.subarray(start, end === -1 ? line.length : end)));
    start = end === -1 ? line.length : end + 1;
  }
  return fields;
}

/** All fields of a line as they stand, escaped, so that NULL (`\N`) and texts stay apart. */
export function rawFields(line: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  let start = 0;
  for (let end = line.indexOf(tab); end !== -1; end = line.indexOf(tab, start)) {
    fields.push(line.subarray(start, end));
    start = end + 1;
  }
  fields.push(line.subarray(start));
  return fields;
}

const escapes = new Map<number, number>(
  Object.entries({ b: 0x08, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09, v: 0x0b }).map(([letter, byte]) => [letter.charCodeAt(0), byte]),
);

function unescape(field: Buffer): Buffer {
  if (!field.includes(backslash)) return field;
  const bytes: number[] = [];
  for (let index = 0; index < field.length; index++) {
    let byte = field[index] ?? 0;
    if (byte === backslash && index + 1 < field.length) {
      index++;
      const escaped = field[index] ?? 0;
      byte = escapes.get(escaped) ?? escaped;
    }
    bytes.push(byte);
  }
  return Buffer.from(bytes);
}
