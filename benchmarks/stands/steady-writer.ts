// Transactions at a fixed rate, whatever becomes of those before (open loop), and how long each takes to be seen on a copy.
import pg from "pg";
import { setTimeout as pause } from "node:timers/promises";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";
import { slope } from "../suite/statistics.ts";
import { stride } from "./register-sql.ts";

export interface SteadyRate {
  /** Of one row each. */
  readonly transactionsPerSecond: number;
  readonly seconds: number;
  /** Every so many transactions one is looked for on the copy. */
  readonly probeEvery: number;
}

export interface Observed {
  /** From the commit's return to the first look that saw it, milliseconds, in rising order. */
  readonly latenciesMs: readonly number[];
  /** From when a transaction was due to the return of its commit, milliseconds, in rising order: what whoever asks for it waits. */
  readonly commitsMs: readonly number[];
  /** How much longer they take with each second of the run, in seconds: above 0 while the copy falls behind. */
  readonly growth: number;
  readonly transactions: number;
  /** What writing them took. */
  readonly seconds: number;
}

/** Where a copy lies. */
export interface CopyPlace {
  readonly database: string;
  readonly table: string;
}

const connections = 8;
/** What is written while caches and connections warm up is not counted. */
const warmUp = 0.1;
/** Between two looks, milliseconds: a latency is known to about this. */
const lookMs = 1;
const deadlineMs = 60_000;

interface Probe {
  /** Of the transaction; the row holds the number of the last one that changed it, as its balance. */
  readonly number: number;
  readonly committedAt: number;
  readonly counted: boolean;
}

/** A writer on the source, an observer on the target. */
export class SteadyWriter implements AsyncDisposable {
  readonly #writers: readonly pg.Client[];
  readonly #observer: pg.Client;
  readonly #place: CopyPlace;
  readonly #rows: number;
  readonly #pending = new Map<number, Probe>();
  /** When a transaction was committed, and how long it took to be seen; milliseconds. */
  #seen: (readonly [committedAt: number, latencyMs: number])[] = [];
  /** Of the next transaction; grows from run to run and from writer to writer. */
  #number = 0;
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
    const [row] = await stand.source.query("SELECT ceil(max(balance)) + 1 AS number FROM public.citizen", registerDatabase);
    writer.#number = Number(row?.["number"]);
    return writer;
  }

  /** Writes one change and waits until the copy shows it: whoever follows does follow. */
  async awaitFollowing(): Promise<void> {
    await this.#write(0, "uncounted");
    await this.#observeUntil(() => this.#pending.size === 0);
  }

  /** Ends when everything was seen. Throws when nothing has been for a minute. */
  async run({ transactionsPerSecond, seconds, probeEvery }: SteadyRate): Promise<Observed> {
    const transactions = Math.round(transactionsPerSecond * seconds);
    const started = performance.now();
    this.#seen = [];
    const commitsMs: number[] = [];
    this.#writing = true;
    const observing = this.#observeUntil(() => !this.#writing && this.#pending.size === 0);
    let next = 0;
    const write = async (at: number): Promise<void> => {
      for (let turn = next++; turn < transactions; turn = next++) {
        const due = started + (turn * 1000) / transactionsPerSecond;
        if (due > performance.now()) await pause(due - performance.now());
        // A timer may ring a little early.
        const begun = Math.min(due, performance.now());
        const counts = turn >= transactions * warmUp;
        await this.#write(at, turn % probeEvery > 0 ? "none" : counts ? "counted" : "uncounted");
        if (counts) commitsMs.push(performance.now() - begun);
      }
    };
    await Promise.all(this.#writers.map((_, at) => write(at)));
    const took = (performance.now() - started) / 1000;
    // Whoever has seen this one has seen all.
    await this.#write(0, "uncounted");
    this.#writing = false;
    await observing;
    const latenciesMs = this.#seen.map(([, ms]) => ms).toSorted((a, b) => a - b);
    commitsMs.sort((a, b) => a - b);
    return { latenciesMs, commitsMs, growth: slope(this.#seen), transactions, seconds: took };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#writers, this.#observer].map((client) => client.end()));
  }

  async #write(at: number, probe: "none" | "counted" | "uncounted"): Promise<void> {
    const number = this.#number++;
    const id = 1 + ((number * stride) % this.#rows);
    await this.#writers[at]?.query({
      name: "change",
      text: "UPDATE public.citizen SET balance = $2, version = version + 1, changed_at = clock_timestamp() WHERE id = $1",
      values: [id, number],
    });
    if (probe !== "none") this.#pending.set(id, { number, committedAt: performance.now(), counted: probe === "counted" });
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
        if (probe === undefined || Number(balance) < probe.number) continue;
        this.#pending.delete(Number(id));
        if (probe.counted) this.#seen.push([probe.committedAt, now - probe.committedAt]);
        seenAt = now;
      }
      if (this.#pending.size === 0) seenAt = now;
      else if (now - seenAt > deadlineMs) throw new Error(`${this.#place.database} has shown no change for a minute`);
      await pause(lookMs);
    }
  }
}
