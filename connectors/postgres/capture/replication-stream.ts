// One replication connection as a ChangeStream: acknowledges only what it was told to, notices silence, reads no faster
// than the consumer takes. (Manual, "Streaming Replication Protocol"; server side: walsender.c.)
import type { ChangeMessage } from "../../../engine/model/change-message.ts";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ChangeStream } from "../../../engine/ports/change-source.ts";
import { malformed } from "../decode/binary-reader.ts";
import { parsePgoutput } from "../decode/pgoutput-parser.ts";
import { ChangeDecoder } from "../decode/to-change-message.ts";
import { formatLsn, invalidLsn, type Lsn, parseLsn } from "../lsn.ts";
import { toReplicationError } from "../postgres-errors.ts";
import { MessageQueue } from "../../../engine/concurrency/message-queue.ts";
import type { ReplicationConnection } from "./replication-connection.ts";
import { encodeStandbyStatus } from "./standby-status.ts";
import { StreamLiveness } from "./stream-liveness.ts";

export interface StreamOptions {
  /** The consumer has everything up to here. */
  readonly from: Position;
  /** What errors name. */
  readonly subject: string;
  /** Silence of the server after which the stream fails with DB-SLOT-008. */
  readonly silenceMsMax: number;
  /** The server hears from us at least this often. */
  readonly statusMsMax: number;
  /** Finds out what is behind a failure, for example that the slot was lost. */
  readonly explain: (failure: ReplicationError) => Promise<ReplicationError>;
  /** Closes the stream. */
  readonly signal: AbortSignal;
}

/** Bytes of the socket that may wait for the consumer before reading stops; decoded they take some times as much. */
const queuedBytesMax = 128 * 1024;
/** How soon an acknowledgement is told, and how often silence is looked for. */
const tickMs = 250;
/** How soon a question that was answered inside of a transaction is asked again. */
const askAgainMs = 20;
/** How long a server that shuts down may wait for the last acknowledgement. */
const shutdownMsMax = 5000;
const closeMsMax = 2000;

/** First byte of what CopyData carries. */
const content = { data: 0x77, keepalive: 0x6b } as const;
/** Kind, start, end and clock before the plugin's own message. */
const dataHeaderBytes = 25;
const keepaliveBytes = 18;

export class ReplicationStream implements ChangeStream {
  readonly #connection: ReplicationConnection;
  readonly #options: StreamOptions;
  readonly #decoder = new ChangeDecoder();
  readonly #queue = new MessageQueue<ChangeMessage>();
  readonly #liveness: StreamLiveness;
  readonly #tickEveryMs: number;
  #batch: ChangeMessage[] = [];
  #paused = false;
  #acknowledged: Lsn = invalidLsn;
  #told: Lsn = invalidLsn;
  #toldAt: number;
  #answerOwed = false;
  /** Everything the source has committed up to here was given out. */
  #reached: Lsn;
  /** The commit that moved it last; read when somebody asks. */
  #lastCommit: Position | null = null;
  #progressWanted = false;
  /** The answer that was asked for may have come inside of a transaction, where it says nothing. */
  #askAgain = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #abort = (): void => void this.close();
  #closing: Promise<void> | null = null;

  constructor(connection: ReplicationConnection, options: StreamOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#reached = parseLsn(options.from);
    this.#toldAt = performance.now();
    this.#liveness = new StreamLiveness({ silenceMsMax: options.silenceMsMax, shutdownMsMax }, this.#toldAt);
    this.#tickEveryMs = Math.min(tickMs, options.silenceMsMax / 8, options.statusMsMax / 2);
  }

  /** Begins to stream. Rejects with what the server answered. */
  async start(command: string): Promise<void> {
    await this.#connection.start(command, {
      copyData: (bytes, from, to) => this.#copyData(bytes, from, to),
      readEnded: (bytes) => this.#readEnded(bytes),
      ended: (error) => this.#fail(error ?? new ReplicationError("DB-PG-009", { subject: this.#options.subject })),
    });
    this.#timer = setInterval(() => this.#tick(), this.#tickEveryMs);
    const { signal } = this.#options;
    signal.addEventListener("abort", this.#abort, { once: true });
    if (signal.aborted) await this.close();
  }

  acknowledge(position: Position): void {
    const lsn = parseLsn(position);
    if (lsn > this.#acknowledged) this.#acknowledged = lsn;
  }

  requestProgress(): void {
    this.#progressWanted = true;
    this.#tell(true);
  }

  /** Another session was told that the server shuts down. It waits for us to let go, which we do after a few seconds. */
  serverIsShuttingDown(): void {
    this.#liveness.shutdownAnnounced(performance.now());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
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
      this.#liveness.resume(performance.now());
      this.#connection.resume();
    }
    return next;
  }

  #copyData(bytes: Buffer, from: number, to: number): void {
    const kind = bytes[from];
    if (kind === content.data && to - from > dataHeaderBytes) this.#data(bytes, from + dataHeaderBytes, to);
    else if (kind === content.keepalive && to - from === keepaliveBytes) this.#keepalive(bytes.subarray(from, to));
    else throw malformed("it is neither data nor keepalive");
  }

  #data(bytes: Buffer, from: number, to: number): void {
    const whole = this.#decoder.decodeWholeRow(bytes, from, to);
    if (whole !== null) {
      this.#batch.push(whole);
      return;
    }
    const message = this.#decoder.decode(parsePgoutput(bytes.subarray(from, to)));
    if (message === null) return;
    this.#batch.push(message);
    if (message.tag !== "commit") return;
    this.#lastCommit = message.position;
    this.#askAgain = this.#progressWanted;
  }

  /** Everything committed before `walEnd` has been sent; inside a transaction that is no news. */
  #keepalive(body: Buffer): void {
    const walEnd = body.readBigUInt64BE(1);
    if (this.#lastCommit !== null) this.#reached = parseLsn(this.#lastCommit);
    this.#lastCommit = null;
    if (!this.#decoder.inTransaction && (this.#progressWanted || walEnd > this.#reached)) {
      this.#progressWanted = false;
      // After a restart the server reads its log from before what it will send: its end may then lie before ours.
      if (walEnd > this.#reached) this.#reached = walEnd;
      this.#batch.push({ tag: "progress", position: formatLsn(this.#reached) });
    }
    if (body[keepaliveBytes - 1] === 0) return;
    if (this.#liveness.answerRequested(performance.now())) this.#tell(false);
    else this.#answerOwed = true;
  }

  #readEnded(bytes: number): void {
    this.#liveness.heard(performance.now());
    if (this.#batch.length > 0) {
      this.#queue.push(this.#batch, bytes);
      this.#batch = [];
    }
    this.#askOnceMore();
    if (this.#paused || this.#queue.bytes < queuedBytesMax) return;
    this.#paused = true;
    this.#liveness.pause();
    this.#connection.pause();
  }

  /** Not at every commit of a backlog: each question costs the server an answer. */
  #askOnceMore(): void {
    if (!this.#askAgain || !this.#progressWanted || performance.now() - this.#toldAt < askAgainMs) return;
    this.#askAgain = false;
    this.#tell(true);
  }

  #tick(): void {
    const now = performance.now();
    this.#askOnceMore();
    const verdict = this.#liveness.check(now, this.#tickEveryMs);
    const { subject, silenceMsMax } = this.#options;
    if (verdict === "silent") {
      const cause = `the server has sent nothing for ${Math.round(silenceMsMax / 1000)} s`;
      this.#fail(new ReplicationError("DB-SLOT-008", { subject, cause }));
    } else if (verdict === "shutdown") {
      const cause = "the server is shutting down and has waited for the last acknowledgement";
      this.#fail(new ReplicationError("DB-PG-009", { subject, cause }));
    } else {
      const due = this.#acknowledged > this.#told || now - this.#toldAt >= this.#options.statusMsMax;
      if (verdict === "ask" || due || this.#answerOwed) this.#tell(verdict === "ask");
    }
  }

  #tell(replyRequested: boolean): void {
    if (this.#closing !== null) return;
    this.#told = this.#acknowledged;
    this.#toldAt = performance.now();
    this.#answerOwed = false;
    const at = BigInt(Date.now()) * 1000n;
    this.#connection.write(encodeStandbyStatus({ acknowledged: this.#acknowledged, at, replyRequested }));
  }

  #fail(error: unknown): void {
    if (this.#closing !== null) return;
    this.#release();
    this.#connection.destroy();
    this.#closing = Promise.resolve();
    this.#flushBatch();
    const failure = toReplicationError(error, this.#options.subject);
    this.#options.explain(failure).then(
      (explained) => this.#queue.finish(explained),
      () => this.#queue.finish(failure),
    );
  }

  async #close(): Promise<void> {
    this.#release();
    this.#queue.discard();
    const at = BigInt(Date.now()) * 1000n;
    this.#connection.write(encodeStandbyStatus({ acknowledged: this.#acknowledged, at, replyRequested: false }));
    await this.#connection.finish(closeMsMax);
  }

  #release(): void {
    clearInterval(this.#timer);
    this.#options.signal.removeEventListener("abort", this.#abort);
  }

  /** What was read before the connection broke was read: a transaction's rows without its commit do no harm. */
  #flushBatch(): void {
    if (this.#batch.length > 0) this.#queue.push(this.#batch, 0);
    this.#batch = [];
  }
}
