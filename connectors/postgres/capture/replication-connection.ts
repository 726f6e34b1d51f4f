// The socket of a replication connection after START_REPLICATION. The driver makes the connection (TLS, authentication)
// and hands its socket over; from then on we read and write the protocol ourselves: the driver's parser would copy every
// message, gather large ones in doubling buffers and knows no acknowledgement.
import type { Duplex } from "node:stream";
import type pg from "pg";
import { assert } from "../../../engine/model/assert.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { toReplicationError } from "../postgres-errors.ts";
import { FrameReader } from "./frame-reader.ts";
import { ReadGathering } from "./read-gathering.ts";
import { encodeCopyDone, encodeQuery, encodeTerminate } from "./standby-status.ts";

/** What the owner of a connection is told. Calls come from the socket's events, in order. */
export interface ConnectionEvents {
  /** The content of one CopyData message, as FrameReceiver has it. */
  copyData(bytes: Buffer, from: number, to: number): void;
  /** Everything that one read of the socket brought has been told. */
  readEnded(bytes: number): void;
  /** The connection is of no use any more; null when the server ended the copy in order. Told once, and nothing after. */
  ended(error: unknown): void;
}

/** Messages of the server that matter here; all others (parameter changes and the like) are passed over. */
const frames = { copyBoth: 0x57, copyData: 0x64, copyDone: 0x63, commandComplete: 0x43, error: 0x45, notice: 0x4e } as const;

/** How long the server may take to answer START_REPLICATION. */
const startMsMax = 30_000;

export class ReplicationConnection {
  readonly #socket: Duplex;
  readonly #subject: string;
  readonly #gathering: ReadGathering;
  #events: ConnectionEvents | null = null;
  #starting: { resolve: () => void; reject: (error: unknown) => void } | null = null;
  #finishing: (() => void) | null = null;
  #copyEnded = false;

  /** Takes the socket from a client that was opened with `replication: true` and has nothing under way. */
  constructor(client: pg.Client, subject: string) {
    this.#subject = subject;
    // Not in the driver's types, and the reason why its version is pinned.
    const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
    assert(typeof stream.on === "function", "the driver keeps its socket in connection.stream");
    this.#socket = stream;
    this.#gathering = new ReadGathering(stream);
    const reader = new FrameReader((type, bytes, from, to) => this.#frame(type, bytes, from, to));
    stream.removeAllListeners("data");
    stream.on("data", (read: Buffer) => this.#read(reader, read));
    stream.on("error", (error) => this.#end(error));
    stream.on("close", () => this.#end(new Error("Connection terminated unexpectedly")));
  }

  /** Begins the copy. Rejects with what the server answered, as it came; afterwards `events` are told everything. */
  async start(command: string, events: ConnectionEvents): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#starting = { resolve, reject };
        this.#events = events;
        timer = setTimeout(() => reject(new Error("timeout expired")), startMsMax);
        this.write(encodeQuery(command));
      });
    } finally {
      clearTimeout(timer);
      this.#starting = null;
    }
  }

  write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  pause(): void {
    this.#gathering.hold();
  }

  resume(): void {
    this.#gathering.release();
  }

  /**
   * Ends the copy in order: what was written before is read by the server, unless it takes longer than `msMax` to answer,
   * as it does in the middle of a large transaction. What it still sends is dropped. Never rejects.
   */
  async finish(msMax: number): Promise<void> {
    this.#events = null;
    if (!this.#socket.destroyed && !this.#copyEnded) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, msMax);
        this.#finishing = () => {
          clearTimeout(timer);
          resolve();
        };
        this.write(encodeCopyDone());
        this.resume();
      });
    }
    this.write(encodeTerminate());
    const socket = this.#socket;
    socket.end(() => socket.destroy());
    // A connection that takes nothing any more never finishes by itself.
    setTimeout(() => socket.destroy(), msMax).unref();
  }

  /** Drops the connection at once. */
  destroy(): void {
    this.#events = null;
    this.#socket.destroy();
  }

  #read(reader: FrameReader, read: Buffer): void {
    try {
      reader.push(read);
      this.#events?.readEnded(read.length);
      this.#gathering.read(read.length);
    } catch (error) {
      this.#end(error);
    }
  }

  // FrameReceiver's own parameters; an object for each message would cost what they spare.
  #frame(type: number, bytes: Buffer, from: number, to: number): void {
    if (type === frames.copyData) this.#events?.copyData(bytes, from, to);
    else if (type === frames.copyBoth) this.#starting?.resolve();
    else if (type === frames.error) this.#end(readServerError(bytes.subarray(from, to)));
    else if (type === frames.notice) this.#notice(readServerError(bytes.subarray(from, to)));
    else if (type === frames.copyDone || type === frames.commandComplete) {
      this.#copyEnded = true;
      this.#end(null);
    }
  }

  /**
   * From PostgreSQL 18 on the server merely warns when the publication does not exist at this point of its log, and leaves
   * the changes out (pgoutput.c, LoadPublications). The warning comes before whatever follows, so nothing is passed over.
   */
  #notice(notice: ServerMessage): void {
    if (notice.code !== "55000") return;
    const cause = "the server left changes out because the publication does not exist at this point of its log";
    this.#end(new ReplicationError("DB-SLOT-007", { subject: this.#subject, cause }));
  }

  #end(error: unknown): void {
    this.#finishing?.();
    const failure = error === null ? null : toReplicationError(error, this.#subject);
    this.#starting?.reject(failure ?? new Error("Connection terminated unexpectedly"));
    const events = this.#events;
    this.#events = null;
    events?.ended(failure);
  }
}

/** An ErrorResponse or NoticeResponse as the driver would make it of it. */
interface ServerMessage extends Error {
  /** SQLSTATE. */
  readonly code: string;
}

function readServerError(body: Buffer): ServerMessage {
  const fields: Record<string, string> = {};
  for (const field of body.toString("utf8").split("\0")) if (field !== "") fields[field.slice(0, 1)] = field.slice(1);
  return Object.assign(new Error(fields["M"] ?? ""), { code: fields["C"] ?? "" });
}
