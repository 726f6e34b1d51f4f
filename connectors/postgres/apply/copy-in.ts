// COPY FROM STDIN with back-pressure: rows are made into bytes only as fast as the socket takes them.
import type pg from "pg";

/** Runs `COPY … FROM STDIN` of chunks, each of which is good until the next is asked for. `done` gives the number of rows, or rejects with what the server or the driver said. */
export class CopyIn implements pg.Submittable {
  readonly done: Promise<number>;
  readonly #sql: string;
  readonly #chunks: Iterator<Buffer>;
  #rows = 0;
  #ended = false;
  #resolve: (rows: number) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(sql: string, chunks: Iterable<Buffer>) {
    this.#sql = sql;
    this.#chunks = chunks[Symbol.iterator]();
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: pg.Connection): void {
    this.#send(connection);
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.#rows = Number(/^COPY (\d+)$/.exec(message.text)?.[1] ?? 0);
  }

  handleReadyForQuery(): void {
    this.#ended = true;
    this.#resolve(this.#rows);
  }

  handleError(error: unknown): void {
    // Whatever is still on its way, the server drops.
    this.#ended = true;
    this.#reject(error);
  }

  handleRowDescription(): void {}

  handleEmptyQuery(): void {}

  /** Once a chunk is with the operating system, its memory may become the next. */
  #send(connection: pg.Connection): void {
    if (this.#ended) return;
    const { stream } = connection;
    const next = this.#chunks.next();
    if (next.done === true) {
      stream.write(copyDone);
      return;
    }
    stream.cork();
    stream.write(copyDataHeader(next.value.length));
    stream.write(next.value, (error) => {
      // The driver hears of a broken connection by itself.
      if (!error) this.#send(connection);
    });
    stream.uncork();
  }
}

/** Message types `d` CopyData and `c` CopyDone (PostgreSQL manual, "Message Formats"). */
function copyDataHeader(bytes: number): Buffer {
  const header = Buffer.allocUnsafe(5);
  header[0] = 0x64;
  header.writeUInt32BE(bytes + 4, 1);
  return header;
}

const copyDone = Buffer.from([0x63, 0, 0, 0, 4]);
