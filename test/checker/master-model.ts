// What the master held after each of its commits, known from the workload alone: the measure for every sampled copy.
import { waitUntil } from "../support/wait-until.ts";
import type { NormalForm } from "./normal-forms.ts";

/** A table whose rows the model follows. All SQL is the test's own. */
export interface TrackedTable {
  /** Name in the master, as SQL, in the session's own schema or database. */
  readonly name: string;
  readonly key: readonly string[];
  /** Columns of text that filters ask; a bucket is their values with `/` between, NULL as nothing. */
  readonly bucket: readonly string[];
  /** What each column holds. */
  readonly forms: Readonly<Record<string, NormalForm>>;
  /** Column lists that copies may have, by name. */
  readonly projections: Readonly<Record<string, readonly string[]>>;
}

/** What a committed transaction did to one row or table. `hashes`: one a projection, in the order of the table's list. */
export type Effect =
  | { readonly kind: "put"; readonly table: string; readonly from: string | null; readonly row: TrackedRow }
  | { readonly kind: "remove"; readonly table: string; readonly key: string }
  | { readonly kind: "clear"; readonly table: string };

export interface TrackedRow {
  readonly key: string;
  readonly bucket: string;
  readonly hashes: readonly bigint[];
}

/** Order-independent digest of a set of rows: their number and the sum of their hashes. */
export interface SetDigest {
  readonly rows: number;
  readonly sum: bigint;
}

/** Rows that fall in one bucket: their digest after each transaction that changed it. */
interface BucketHistory {
  readonly sequence: number[];
  readonly rows: number[];
  readonly sums: (readonly bigint[])[];
}

interface TableState {
  readonly table: TrackedTable;
  readonly rows: Map<string, TrackedRow>;
  readonly buckets: Map<string, BucketHistory>;
}

/** The master's whole history as digests, and as effects for explaining what a wrong copy lacks. */
export class MasterModel {
  readonly #states: Map<string, TableState>;
  readonly #journal: (readonly Effect[])[] = [];
  /** Transactions told before an earlier one: replies of several sessions may arrive in another order than the commits. */
  readonly #early = new Map<number, readonly Effect[]>();
  #changes = 0;

  constructor(tables: readonly TrackedTable[]) {
    this.#states = new Map(tables.map((table) => [table.name, { table, rows: new Map(), buckets: new Map() }]));
  }

  /** Number of the newest transaction; 0 before the first. */
  get head(): number {
    return this.#journal.length;
  }

  /** Row changes so far; clearing a table counts as one. */
  get changes(): number {
    return this.#changes;
  }

  /** Keys that are in a table now. */
  keys(table: string): IterableIterator<string> {
    return this.#state(table).rows.keys();
  }

  /** Takes the effects of transaction `sequence`, counted from 1. Throws when they contradict what is known. */
  commit(sequence: number, effects: readonly Effect[]): void {
    if (sequence <= this.head || this.#early.has(sequence)) throw new Error(`transaction ${sequence} was told twice`);
    this.#early.set(sequence, effects);
    for (let next = this.#early.get(this.head + 1); next !== undefined; next = this.#early.get(this.head + 1)) {
      this.#journal.push(next);
      this.#early.delete(this.head);
      this.#changes += next.length;
      for (const effect of next) this.#apply(this.#state(effect.table), effect, this.head);
    }
  }

  /** What the transactions after `sequence` did, each in its order. */
  effectsAfter(sequence: number): readonly (readonly Effect[])[] {
    return this.#journal.slice(sequence);
  }

  /** The digest that a copy of these buckets must have after transaction `sequence`. */
  digestAt(sequence: number, table: string, projection: string, accepts: (bucket: string) => boolean): SetDigest {
    const state = this.#state(table);
    const index = Object.keys(state.table.projections).indexOf(projection);
    if (index === -1) throw new Error(`${table} has no projection ${projection}`);
    let [rows, sum] = [0, 0n];
    for (const [bucket, history] of state.buckets) {
      const at = accepts(bucket) ? lastAtOrBefore(history.sequence, sequence) : -1;
      if (at === -1) continue;
      rows += history.rows[at] ?? 0;
      sum += history.sums[at]?.[index] ?? 0n;
    }
    return { rows, sum };
  }

  /** The rows of a table after transaction `sequence`, by replaying all effects: slow, for explaining a difference. */
  rowsAt(sequence: number, table: string): Map<string, TrackedRow> {
    const rows = new Map<string, TrackedRow>();
    for (const effects of this.#journal.slice(0, sequence)) {
      for (const effect of effects) if (effect.table === table) replay(rows, effect);
    }
    return rows;
  }

  /** The life of one row: what the last transactions did to it, and since when it was as asked, if ever. */
  describeRow(table: string, key: string, is: (row: TrackedRow) => boolean): string {
    const life: string[] = [];
    const since: number[] = [];
    for (const [index, effects] of this.#journal.entries()) {
      for (const effect of effects) {
        if (effect.table !== table || !concerns(effect, key)) continue;
        life.push(`${index + 1} ${describeEffect(effect, key)}`);
        if (effect.kind === "put" && effect.row.key === key && is(effect.row)) since.push(index + 1);
      }
    }
    const held = since.length === 0 ? "was never so" : `was so since ${since.join(", ")}`;
    return `${key} ${held}; ${life.slice(-12).join(", ")}`;
  }

  /** A copy may show a transaction before the writer has heard of its commit: waits until the writer has, in vain at the deadline. */
  async reached(sequence: number, deadlineMs: number): Promise<void> {
    await waitUntil(() => this.head >= sequence, { describe: `the writer to learn of commit ${sequence}`, everyMs: 2, deadlineMs });
  }

  #state(table: string): TableState {
    const state = this.#states.get(table);
    if (state === undefined) throw new Error(`${table} is not tracked`);
    return state;
  }

  #apply(state: TableState, effect: Effect, sequence: number): void {
    const gone = goneBy(state.rows, effect);
    for (const row of gone) {
      add(bucketAt(state, row.bucket, sequence), row, -1);
      state.rows.delete(row.key);
    }
    if (effect.kind !== "put") return;
    if (state.rows.has(effect.row.key)) throw new Error(`${effect.table} ${effect.row.key} was put twice`);
    add(bucketAt(state, effect.row.bucket, sequence), effect.row, 1);
    state.rows.set(effect.row.key, effect.row);
  }
}

function concerns(effect: Effect, key: string): boolean {
  if (effect.kind === "clear") return true;
  return effect.kind === "remove" ? effect.key === key : effect.row.key === key || effect.from === key;
}

function describeEffect(effect: Effect, key: string): string {
  if (effect.kind !== "put") return effect.kind;
  if (effect.from === null) return `insert[${effect.row.bucket}]`;
  if (effect.row.key !== key) return `leaves for ${effect.row.key}`;
  return `${effect.from === key ? "update" : `comes from ${effect.from}`}[${effect.row.bucket}]`;
}

/** Rows that an effect takes away; the old image of an update is one. */
function goneBy(rows: ReadonlyMap<string, TrackedRow>, effect: Effect): TrackedRow[] {
  if (effect.kind === "clear") return [...rows.values()];
  const key = effect.kind === "remove" ? effect.key : effect.from;
  if (key === null) return [];
  const row = rows.get(key);
  if (row === undefined) throw new Error(`${effect.table} ${key} was changed but is not known`);
  return [row];
}

function replay(rows: Map<string, TrackedRow>, effect: Effect): void {
  for (const row of goneBy(rows, effect)) rows.delete(row.key);
  if (effect.kind === "put") rows.set(effect.row.key, effect.row);
}

/** The bucket's entry for this transaction, begun as a copy of the one before. */
function bucketAt(state: TableState, bucket: string, sequence: number): BucketHistory {
  let history = state.buckets.get(bucket);
  if (history === undefined) {
    history = { sequence: [], rows: [], sums: [] };
    state.buckets.set(bucket, history);
  }
  if (history.sequence.at(-1) !== sequence) {
    const none = Object.keys(state.table.projections).map(() => 0n);
    history.rows.push(history.rows.at(-1) ?? 0);
    history.sums.push(history.sums.at(-1) ?? none);
    history.sequence.push(sequence);
  }
  return history;
}

function add(history: BucketHistory, row: TrackedRow, times: 1 | -1): void {
  const last = history.rows.length - 1;
  history.rows[last] = (history.rows[last] ?? 0) + times;
  const sums = history.sums[last] ?? [];
  history.sums[last] = sums.map((sum, index) => sum + BigInt(times) * (row.hashes[index] ?? 0n));
}

function lastAtOrBefore(ascending: readonly number[], sequence: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) <= sequence) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
