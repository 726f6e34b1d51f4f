// Transactions at a fixed rate, whatever becomes of those before (open loop), and how long each takes to be seen on a copy.
import pg from "pg";
import { setTimeout as pause } from "node:timers/promises";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";
import { stride } from "./register-sql.ts";

export interface SteadyLoad {
  readonly transactionsPerSecond: number;
  readonly seconds: number;
}

export interface Observed {
  /** From the commit's return to the first look that saw it, milliseconds, in rising order. */
  readonly latenciesMs: readonly number[];
  readonly transactions: number;
  readonly seconds: number;
}

/** Where a copy lies. */
export interface CopyPlace {
  readonly database: string;
  readonly table: string;
}

const connections = 8;
/** Every so many transactions one is looked for on the copy. */
const probeEvery = 4;
/** What is written while caches and connections warm up is not counted. */
const warmUp = 0.1;
/** Between two looks, milliseconds: a latency is known to about this. */
const lookMs = 1;
const deadlineMs = 60_000;

interface Probe {
  readonly value: number;
  readonly committedAt: number;
  readonly counted: boolean;
}

/** One run: a writer on the source, an observer on the target. */
export class SteadyWriter implements AsyncDisposable {
  readonly #writers: readonly pg.Client[];
  readonly #observer: pg.Client;
  readonly #place: CopyPlace;
  readonly #rows: number;
  readonly #pending = new Map<number, Probe>();
  readonly #latencies: number[] = [];
  #writing = true;

  private constructor(stand: PostgresStand, place: CopyPlace) {
    const connectionString = stand.source.url(registerDatabase);
    this.#writers = Array.from({ length: connections }, () => new pg.Client({ connectionString }));
    this.#observer = new pg.Client({ connectionString: stand.target.url(place.database) });
    this.#place = place;
    this.#rows = stand.rows;
  }

  static async connect(stand: PostgresStand, place: CopyPlace): Promise<SteadyWriter> {
    const writer = new SteadyWriter(stand, place);
    await Promise.all([...writer.#writers, writer.#observer].map((client) => client.connect()));
    return writer;
  }

  /** Writes one change and waits until the copy shows it: whoever follows does follow. */
  async awaitFollowing(): Promise<void> {
    await this.#write(0, { value: -Date.now(), counted: false });
    await this.#observeUntil(() => this.#pending.size === 0);
  }

  /** Throws when the last change is not seen within a minute. */
  async run({ transactionsPerSecond, seconds }: SteadyLoad): Promise<Observed> {
    const transactions = Math.round(transactionsPerSecond * seconds);
    const started = performance.now();
    this.#writing = true;
    const observing = this.#observeUntil(() => !this.#writing && this.#pending.size === 0);
    let next = 0;
    const write = async (at: number): Promise<void> => {
      for (let number = next++; number < transactions; number = next++) {
        const due = started + (number * 1000) / transactionsPerSecond;
        if (due > performance.now()) await pause(due - performance.now());
        const probed = number % probeEvery === 0;
        await this.#write(at, { value: number, counted: probed && number >= transactions * warmUp }, probed);
      }
    };
    await Promise.all(this.#writers.map((_, at) => write(at)));
    // Whoever has seen this one has seen all.
    await this.#write(0, { value: transactions, counted: false });
    const took = (performance.now() - started) / 1000;
    this.#writing = false;
    await observing;
    return { latenciesMs: this.#latencies.toSorted((a, b) => a - b), transactions, seconds: took };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#writers, this.#observer].map((client) => client.end()));
  }

  async #write(at: number, probe: { value: number; counted: boolean }, probed = true): Promise<void> {
    const id = 1 + ((Math.abs(probe.value) * stride) % this.#rows);
    await this.#writers[at]?.query({
      name: "change",
      text: "UPDATE public.citizen SET balance = $2, version = version + 1, changed_at = clock_timestamp() WHERE id = $1",
      values: [id, probe.value % 1_000_000_000],
    });
    if (probed) this.#pending.set(id, { ...probe, value: probe.value % 1_000_000_000, committedAt: performance.now() });
  }

  async #observeUntil(done: () => boolean): Promise<void> {
    let seenAt = performance.now();
    while (!done()) {
      const ids = [...this.#pending.keys()];
      const { rows } = await this.#observer.query<{ id: string; balance: string }>({
        name: "look",
        text: `SELECT id, balance FROM ${this.#place.table} WHERE id = ANY ($1::bigint[])`,
        values: [ids],
      });
      const now = performance.now();
      for (const { id, balance } of rows) {
        const probe = this.#pending.get(Number(id));
        if (probe === undefined || probe.value !== Number(balance)) continue;
        this.#pending.delete(Number(id));
        if (probe.counted) this.#latencies.push(now - probe.committedAt);
        seenAt = now;
      }
      if (this.#pending.size === 0) seenAt = now;
      else if (now - seenAt > deadlineMs) throw new Error(`${this.#place.database} has shown no change for a minute`);
      await pause(lookMs);
    }
  }
}
