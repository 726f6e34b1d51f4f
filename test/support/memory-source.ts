// A change log in memory, its streams in the hands of the test: what is delivered, and how long opening and closing take.
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ChangeMessage } from "../../engine/model/change-message.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import type { StreamedTable } from "../../engine/model/table.ts";
import type { ChangeSource, ChangeStream, EndOfLog, SourceReservation } from "../../engine/ports/change-source.ts";
import { row } from "./table-builders.ts";

const order: PositionOrder = {
  parse: (text) => text as Position,
  covers: (reached, wanted) => Number(reached) >= Number(wanted),
  least: (positions) => positions.reduce((a, b) => (Number(a) < Number(b) ? a : b)),
  join: (a, b) => (Number(a) > Number(b) ? a : b),
  bytesBetween: (from, end) => Number(end) - Number(from),
};

/** Transaction `number` inserts the row of that name; its begin and its commit are at that position. */
export function transaction(number: number, table: StreamedTable): readonly [ChangeMessage, ChangeMessage, ChangeMessage] {
  const position = String(number) as Position;
  return [
    { tag: "begin", transactionId: String(number), position },
    { tag: "insert", table, before: null, after: row(String(number), "79") },
    { tag: "commit", position, committedAt: number },
  ];
}

/** Lets through whoever waits once the test has opened it. */
export class Barrier {
  readonly passed: Promise<void>;
  #open: () => void = () => {};

  constructor(open = false) {
    this.passed = new Promise((resolve) => (this.#open = resolve));
    if (open) this.#open();
  }

  open(): void {
    this.#open();
  }
}

export class MemoryStream implements ChangeStream {
  readonly from: Position;
  readonly closing = new Barrier();
  acknowledged: Position | null = null;
  closed = false;
  readonly #slowToClose: boolean;
  #batches: (readonly ChangeMessage[])[] = [];
  #wake: (() => void) | null = null;
  #failure: ReplicationError | null = null;

  constructor(from: Position, slowToClose: boolean) {
    this.from = from;
    this.#slowToClose = slowToClose;
  }

  deliver(...messages: readonly ChangeMessage[]): void {
    this.#batches.push(messages);
    this.#wake?.();
  }

  /** After what was delivered the log holds something that cannot be read. */
  fail(error: ReplicationError): void {
    this.#failure = error;
    this.#wake?.();
  }

  acknowledge(position: Position): void {
    this.acknowledged = position;
  }

  requestProgress(): void {}

  async close(): Promise<void> {
    this.closed = true;
    this.#batches = [];
    this.#wake?.();
    if (this.#slowToClose) await this.closing.passed;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<readonly ChangeMessage[]> {
    while (!this.closed) {
      const batch = this.#batches.shift();
      if (batch !== undefined) yield batch;
      else if (this.#failure !== null) throw this.#failure;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

export class MemorySource implements ChangeSource {
  readonly positions = order;
  readonly transactional = true;
  reserves = true;
  readonly carriesRows = false;
  readonly streams: MemoryStream[] = [];
  /** What the next streams are like. */
  opening = new Barrier(true);
  slowToClose = false;
  end = 1_000_000;
  /** Who answers, whose log it is. */
  server = "memory";
  /** How often somebody asked for the end of the log. */
  asked = 0;
  readonly #kept: Position;

  constructor(kept: number) {
    this.#kept = String(kept) as Position;
  }

  /** The stream that was opened last. */
  get stream(): MemoryStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error("no stream was opened");
    return stream;
  }

  async open(from: Position): Promise<ChangeStream> {
    const stream = new MemoryStream(from, this.slowToClose);
    this.streams.push(stream);
    await this.opening.passed;
    return stream;
  }

  reserve(): Promise<Position> {
    return Promise.resolve(this.#kept);
  }

  reservation(): Promise<SourceReservation> {
    return Promise.resolve({ position: this.#kept, identity: this.server, retainedBytes: 0, inUse: false, keptSince: null });
  }

  identity(): Promise<string> {
    return Promise.resolve(this.server);
  }

  release(): Promise<void> {
    return Promise.reject(new ReplicationError("DB-RUN-001", { subject: "a source in memory keeps its log" }));
  }

  endOfLog(): Promise<EndOfLog> {
    this.asked += 1;
    return Promise.resolve({ position: String(this.end) as Position, at: 1, visibility: { sees: () => true } });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
