// The socket of a session after it was asked for the binary log. The driver makes the connection (TLS, authentication) and
// hands its socket over; from then on we read the protocol ourselves: the driver would hold back nothing and gathers large
// packets in pieces.
import type { Duplex } from "node:stream";
import { assert } from "../../../engine/model/assert.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { FrameReader } from "./frame-reader.ts";

/** What the owner of a connection is told. Calls come from the socket's events, in order. */
export interface ConnectionEvents {
  /** One event's bytes, good until the next call only. */
  event(bytes: Buffer): void;
  /** Everything that one read of the socket brought has been told. */
  readEnded(bytes: number): void;
  /** The connection is of no use any more. Told once, and nothing after. */
  ended(error: unknown): void;
}

/** First byte of a packet. */
const content = { event: 0x00, end: 0xfe, error: 0xff } as const;

/** How long the server may take to begin. */
const startMsMax = 30_000;

export class BinlogConnection {
  readonly #socket: Duplex;
  #events: ConnectionEvents | null = null;
  /** The owner has asked us not to read. */
  #paused = false;
  /** Packets that came while the owner finds something out. */
  #held: Buffer[] | null = null;
  #starting: { resolve: () => void; reject: (error: unknown) => void } | null = null;

  /** Takes the socket from a session that has nothing under way. */
  constructor(session: MysqlSession) {
    // Not in the driver's types, and the reason why its version is pinned.
    const { stream } = session.connection as unknown as { stream: Duplex };
    assert(typeof stream.on === "function", "the driver keeps its socket in connection.stream");
    this.#socket = stream;
    const reader = new FrameReader((bytes) => this.#packet(bytes));
    stream.removeAllListeners("data");
    stream.on("data", (read: Buffer) => this.#read(reader, read));
    stream.on("error", (error) => this.#end(error));
    stream.on("close", () => this.#end(Object.assign(new Error("Connection lost"), { code: "PROTOCOL_CONNECTION_LOST" })));
  }

  /** Asks for the log. Rejects with what the server answered; afterwards `events` are told everything. */
  async start(command: Buffer, events: ConnectionEvents): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#starting = { resolve, reject };
        this.#events = events;
        timer = setTimeout(() => reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })), startMsMax);
        this.#socket.write(command);
      });
    } finally {
      clearTimeout(timer);
      this.#starting = null;
    }
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#held === null) this.#socket.resume();
  }

  /** Tells no event before the work is done. Ends the connection when it fails. */
  hold(work: Promise<void>): void {
    this.#held ??= [];
    this.#socket.pause();
    work.then(
      () => this.#goOn(),
      (error: unknown) => this.#end(error),
    );
  }

  /** Drops the connection at once: a server that sends its log listens to nothing. */
  destroy(): void {
    this.#events = null;
    this.#socket.destroy();
  }

  #read(reader: FrameReader, read: Buffer): void {
    try {
      reader.push(read);
      this.#events?.readEnded(read.length);
    } catch (error) {
      this.#end(error);
    }
  }

  #goOn(): void {
    const held = this.#held ?? [];
    this.#held = null;
    try {
      for (const packet of held) this.#packet(packet);
      this.#events?.readEnded(0);
    } catch (error) {
      this.#end(error);
    }
    if (this.#held === null && !this.#paused) this.#socket.resume();
  }

  #packet(bytes: Buffer): void {
    if (this.#events === null) return;
    if (this.#held !== null) {
      this.#held.push(Buffer.from(bytes));
      return;
    }
    if (bytes[0] === content.event) {
      this.#starting?.resolve();
      this.#events.event(bytes.subarray(1));
    } else if (bytes[0] === content.error) this.#end(readServerError(bytes));
    else if (bytes[0] === content.end) this.#end(Object.assign(new Error("the log has ended"), { code: "PROTOCOL_CONNECTION_LOST" }));
  }

  #end(error: unknown): void {
    const [starting, events] = [this.#starting, this.#events];
    this.#starting = null;
    this.#events = null;
    starting?.reject(error);
    events?.ended(error);
  }
}

/** An error packet as the driver would make it of it: number, `#` and SQLSTATE, message. */
function readServerError(bytes: Buffer): Error {
  const message = bytes.toString("utf8", 9);
  return Object.assign(new Error(message), { errno: bytes.readUInt16LE(1), sqlState: bytes.toString("latin1", 4, 9) });
}
