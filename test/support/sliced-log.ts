// A change log in slices, in memory, and a group of processes that share it, in the hands of the test: who has which slice, and
// who hears of it.
import type { Membership, SharedConnection } from "../../deploy/processes/shared-source.ts";
import type { ChangeMessage } from "../../engine/model/change-message.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import type { CatalogTable } from "../../engine/model/table.ts";
import type { ChangeSource, ChangeStream } from "../../engine/ports/change-source.ts";
import type { Chunk, SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { row, streamedTable } from "./table-builders.ts";

/** How many transactions of a slice were read. */
const positions: PositionOrder = {
  parse: (text) => text as Position,
  covers: (reached, wanted) => Number(reached) >= Number(wanted),
  least: (all) => all.reduce((a, b) => (Number(a) < Number(b) ? a : b)),
  join: (a, b) => (Number(a) > Number(b) ? a : b),
  bytesBetween: (from, end) => Number(end) - Number(from),
};

const now = (): number => Date.now() * 1000;
const seesAll = { sees: () => true };

export class SlicedLog {
  readonly slices: number;
  readonly #catalog: CatalogTable;
  readonly #transactions: ChangeMessage[][][];
  readonly #streams = new Set<SliceStream>();

  /** `catalog`: a table with two columns of text, the first its key. */
  constructor(slices: number, catalog: CatalogTable) {
    this.slices = slices;
    this.#catalog = catalog;
    this.#transactions = Array.from({ length: slices }, () => []);
  }

  /** Adds a transaction that writes these rows, under new keys. */
  insert(slice: number, rows: Readonly<Record<string, string>>): void {
    const log = this.#transactions[slice] ?? [];
    const position = String(log.length + 1) as Position;
    const table = streamedTable(this.#catalog);
    log.push([
      { tag: "begin", transactionId: position, position },
      ...Object.entries(rows).map(([key, value]) => ({ tag: "insert" as const, table, before: null, after: row(key, value) })),
      { tag: "commit", position, committedAt: now() },
    ]);
    for (const stream of this.#streams) stream.wake();
  }

  end(slice: number): Position {
    return String(this.#transactions[slice]?.length ?? 0) as Position;
  }

  source(slice: number): ChangeSource {
    const end = (): Position => this.end(slice);
    return {
      positions,
      transactional: true,
      reserves: false,
      carriesRows: true,
      open: (from, signal) => {
        const stream = new SliceStream(this.#transactions[slice] ?? [], Number(from), () => this.#streams.delete(stream));
        this.#streams.add(stream);
        signal.addEventListener("abort", () => void stream.close(), { once: true });
        return Promise.resolve(stream);
      },
      reserve: () => Promise.resolve("0" as Position),
      reservation: () => Promise.resolve({ position: "0" as Position, identity: "log", retainedBytes: 0, inUse: false, keptSince: null }),
      identity: () => Promise.resolve("log"),
      release: () => Promise.resolve(),
      endOfLog: () => Promise.resolve({ position: end(), at: now(), visibility: seesAll }),
      close: () => Promise.resolve(),
    };
  }

  snapshot(slice: number): SnapshotSource & { close(): Promise<void> } {
    const chunk = (): Chunk => ({
      rows: [],
      lastKey: null,
      complete: true,
      visibility: seesAll,
      position: this.end(slice),
      startedAt: now(),
    });
    return {
      describe: () => Promise.resolve([this.#catalog]),
      readChunk: () => Promise.resolve(chunk()),
      splitKeys: () => Promise.resolve([]),
      readRows: () => Promise.resolve({ rows: [], position: this.end(slice), visibility: seesAll }),
      countRows: () => Promise.resolve(0),
      close: () => Promise.resolve(),
    };
  }
}

class SliceStream implements ChangeStream {
  readonly #log: readonly (readonly ChangeMessage[])[];
  readonly #closed: () => void;
  #read: number;
  #asked = true;
  #open = true;
  #wake: () => void = () => {};

  constructor(log: readonly (readonly ChangeMessage[])[], from: number, closed: () => void) {
    this.#log = log;
    this.#read = from;
    this.#closed = closed;
  }

  acknowledge(): void {}

  requestProgress(): void {
    this.#asked = true;
    this.#wake();
  }

  wake(): void {
    this.#wake();
  }

  close(): Promise<void> {
    this.#open = false;
    this.#closed();
    this.#wake();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<readonly ChangeMessage[]> {
    while (this.#open) {
      const next = this.#log[this.#read];
      if (next !== undefined) {
        this.#read += 1;
        yield next;
      } else if (this.#asked) {
        this.#asked = false;
        // As a server's answer it takes a moment, in which others have their turn.
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        yield [{ tag: "progress", position: String(this.#read) as Position }];
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** One process's place in the group. */
export class Member implements Membership {
  readonly #log: SlicedLog;
  #slices: readonly number[] = [];
  #listener: (slices: readonly number[]) => void = () => {};

  constructor(log: SlicedLog) {
    this.#log = log;
  }

  get slices(): readonly number[] {
    return this.#slices;
  }

  onChange(listener: (slices: readonly number[]) => void): void {
    this.#listener = listener;
  }

  /** The group tells the process what is its own from now on. */
  assign(...slices: readonly number[]): void {
    this.#slices = slices;
    this.#listener(slices);
  }

  connection(): SharedConnection {
    return {
      slices: this.#log.slices,
      join: () => Promise.resolve(this),
      open: (index) => ({ source: this.#log.source(index), snapshot: this.#log.snapshot(index) }),
      close: () => Promise.resolve(),
    };
  }
}
