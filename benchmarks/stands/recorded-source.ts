// A source whose log is in memory, decoded: what is left is what the stages after it cost.
import type { ChangeMessage } from "../../engine/model/change-message.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import type { ChangeSource, ChangeStream, EndOfLog, SourceReservation } from "../../engine/ports/change-source.ts";

/** Messages as a stream gave them, and where it began and ended. */
interface Recording {
  readonly batches: readonly (readonly ChangeMessage[])[];
  readonly from: Position;
  readonly end: Position;
  /** Of the source that was read. */
  readonly identity: string;
}

export class RecordedSource implements ChangeSource {
  readonly positions: PositionOrder;
  readonly transactional = true;
  readonly reserves = true;
  readonly carriesRows = false;
  readonly #recording: Recording;

  private constructor(positions: PositionOrder, recording: Recording) {
    this.positions = positions;
    this.#recording = recording;
  }

  /** Reads what the source keeps, from where it keeps it up to the first commit that covers `end`. Acknowledges nothing. */
  static async of(source: ChangeSource, from: SourceReservation, end: Position): Promise<RecordedSource> {
    const batches: (readonly ChangeMessage[])[] = [];
    for await (const batch of readUntil(source, from.position, end)) batches.push(batch);
    return new RecordedSource(source.positions, { batches, from: from.position, end, identity: from.identity });
  }

  /** Transactions that were recorded. */
  get transactions(): number {
    return this.#recording.batches.flat().filter(({ tag }) => tag === "commit").length;
  }

  open(_from: Position, signal: AbortSignal): Promise<ChangeStream> {
    return Promise.resolve(new RecordedStream(this.#recording.batches, signal));
  }

  reserve(): Promise<Position> {
    return Promise.resolve(this.#recording.from);
  }

  reservation(): Promise<SourceReservation> {
    const { from: position, identity } = this.#recording;
    return Promise.resolve({ position, identity, retainedBytes: 0, inUse: false, keptSince: null });
  }

  identity(): Promise<string> {
    return Promise.resolve(this.#recording.identity);
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  endOfLog(): Promise<EndOfLog> {
    return Promise.resolve({ position: this.#recording.end, at: Date.now() * 1000, visibility: { sees: () => true } });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A source's batches from a position on; the last one holds the first commit that covers `end`. */
export async function* readUntil(source: ChangeSource, from: Position, end: Position): AsyncGenerator<readonly ChangeMessage[]> {
  const stop = new AbortController();
  const stream = await source.open(from, stop.signal);
  try {
    for await (const batch of stream) {
      yield batch;
      if (batch.some((message) => message.tag === "commit" && source.positions.covers(message.position, end))) return;
    }
  } finally {
    await stream.close();
  }
}

/** Gives everything at once, as often as it is asked, and then nothing until it is closed. */
class RecordedStream implements ChangeStream {
  readonly #batches: Iterator<readonly ChangeMessage[]>;
  readonly #closed: Promise<void>;
  #close: () => void = () => {};
  #isClosed = false;

  constructor(batches: readonly (readonly ChangeMessage[])[], signal: AbortSignal) {
    this.#batches = batches.values();
    this.#closed = new Promise((resolve) => (this.#close = resolve));
    signal.addEventListener("abort", () => void this.close(), { once: true });
  }

  acknowledge(): void {}

  requestProgress(): void {}

  close(): Promise<void> {
    this.#isClosed = true;
    this.#close();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<readonly ChangeMessage[]> {
    for (let next = this.#batches.next(); next.done !== true && !this.#isClosed; next = this.#batches.next()) yield next.value;
    await this.#closed;
  }
}
