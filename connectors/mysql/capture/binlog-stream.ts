// One binary log connection as a ChangeStream: notices silence, reads no faster than the consumer takes.
import { MessageQueue } from "../../../engine/concurrency/message-queue.ts";
import type { ChangeMessage } from "../../../engine/model/change-message.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ChangeStream } from "../../../engine/ports/change-source.ts";
import type { TableName } from "../../../engine/model/table.ts";
import type { BinlogDecoder } from "../decode/binlog-decoder.ts";
import type { AskDeclared } from "../decode/declared-types.ts";
import type { BinlogConnection } from "./binlog-connection.ts";
import { SilenceWatch } from "./silence-watch.ts";

export interface StreamOptions {
  readonly decoder: BinlogDecoder;
  /** What errors name. */
  readonly subject: string;
  /** Silence of the server after which the stream fails with DB-SLOT-008, milliseconds. */
  readonly silenceMsMax: number;
  /** What the catalogue says of a table that the log leaves unclear. */
  readonly askDeclared: AskDeclared;
  /** Finds out what is behind a failure, for example that the log was purged. */
  readonly explain: (failure: unknown) => Promise<ReplicationError>;
  /** Closes the stream. */
  readonly signal: AbortSignal;
}

/** Bytes of the socket that may wait for the consumer before reading stops; decoded they take some times as much. */
const queuedBytesMax = 512 * 1024;
/** How often silence is looked for. */
const tickMs = 250;

export class BinlogStream implements ChangeStream {
  readonly #connection: BinlogConnection;
  readonly #options: StreamOptions;
  readonly #decoder: BinlogDecoder;
  readonly #queue = new MessageQueue<ChangeMessage>();
  readonly #silence: SilenceWatch;
  readonly #tickEveryMs: number;
  #batch: ChangeMessage[] = [];
  #paused = false;
  #progressWanted = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #abort = (): void => void this.close();

  constructor(connection: BinlogConnection, options: StreamOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#decoder = options.decoder;
    this.#silence = new SilenceWatch(options.silenceMsMax, performance.now());
    this.#tickEveryMs = Math.min(tickMs, options.silenceMsMax / 8);
  }

  /** Begins to stream. Rejects with what the server answered. */
  async start(command: Buffer): Promise<void> {
    await this.#connection.start(command, {
      event: (bytes) => this.#event(bytes),
      readEnded: (bytes) => this.#readEnded(bytes),
      ended: (error) => this.fail(error),
    });
    this.#timer = setInterval(() => this.#tick(), this.#tickEveryMs);
    const { signal } = this.#options;
    signal.addEventListener("abort", this.#abort, { once: true });
    if (signal.aborted) await this.close();
  }

  /** The server forgets by a rule of its own. */
  acknowledge(): void {}

  requestProgress(): void {
    this.#progressWanted = true;
    // Inside a transaction the answer comes behind its commit.
    if (this.#closed || this.#decoder.inTransaction) return;
    this.#tellProgress();
    this.#flush(0);
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#release();
      this.#queue.discard();
      this.#connection.destroy();
    }
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly ChangeMessage[]> {
    return {
      next: async () => {
        const batch = await this.#take();
        return batch === null ? { done: true, value: undefined } : { done: false, value: batch };
      },
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  async #take(): Promise<readonly ChangeMessage[] | null> {
    const next = this.#queue.next();
    if (this.#paused && this.#queue.bytes <= queuedBytesMax / 2) {
      this.#paused = false;
      this.#silence.resume(performance.now());
      this.#connection.resume();
    }
    return next;
  }

  #event(bytes: Buffer): void {
    const before = this.#decoder.reached;
    for (const message of this.#decoder.decode(bytes)) this.#batch.push(message);
    const { undeclared } = this.#decoder;
    if (undeclared !== null) this.#connection.hold(this.#declare(undeclared));
    if (this.#decoder.inTransaction) return;
    // A log without transaction numbers moves on without a commit.
    const moved = this.#decoder.reached !== before && this.#batch.at(-1)?.tag !== "commit";
    if (this.#progressWanted || moved) this.#tellProgress();
  }

  async #declare(table: TableName): Promise<void> {
    this.#silence.pause();
    this.#decoder.declare(await this.#options.askDeclared(table));
    if (!this.#paused) this.#silence.resume(performance.now());
  }

  #tellProgress(): void {
    this.#progressWanted = false;
    this.#batch.push({ tag: "progress", position: this.#decoder.reached });
  }

  #readEnded(bytes: number): void {
    this.#silence.heard(performance.now());
    this.#flush(bytes);
    if (this.#paused || this.#queue.bytes < queuedBytesMax) return;
    this.#paused = true;
    this.#silence.pause();
    this.#connection.pause();
  }

  #flush(bytes: number): void {
    if (this.#batch.length === 0) return;
    this.#queue.push(this.#batch, bytes);
    this.#batch = [];
  }

  #tick(): void {
    if (!this.#silence.check(performance.now(), this.#tickEveryMs)) return;
    const { subject, silenceMsMax } = this.#options;
    const cause = `the server has sent nothing for ${Math.round(silenceMsMax / 1000)} s`;
    this.fail(new ReplicationError("DB-SLOT-008", { subject, cause }));
  }

  /** Ends the stream; its reader gets what came before, and then the failure. */
  fail(error: unknown): void {
    if (this.#closed) return;
    this.#release();
    this.#connection.destroy();
    // What was read before the connection broke was read: a transaction's rows without its commit do no harm.
    this.#flush(0);
    void this.#options.explain(error).then((failure) => this.#queue.finish(failure));
  }

  #release(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#options.signal.removeEventListener("abort", this.#abort);
  }
}
