// What a master held after each of its commits, and what its clock showed at most by then: the measure of every copy's state.

/** Values in the order of the master's columns; the first is the key. */
export type HistoricRow = readonly (string | null)[];

export interface HistoricChange {
  readonly table: number;
  /** Null for inserts. */
  readonly before: HistoricRow | null;
  /** Null for deletes; both are for truncates. */
  readonly after: HistoricRow | null;
}

/** Rows of each table by key, after some commit. */
export type MasterState = readonly ReadonlyMap<string, HistoricRow>[];

interface Commit {
  /** Where in the log it ends. */
  readonly end: number;
  /** The true time. */
  readonly at: number;
  readonly state: MasterState;
}

interface History {
  readonly commits: Commit[];
  /** The true time at which another history took its place. */
  over: number | null;
}

/** True times and times of clocks are microseconds. */
export class MasterHistory {
  readonly #tables: number;
  readonly #histories = new Map<string, History>();
  #current: History = { commits: [], over: null };
  #clock: { from: number; ahead: number; shownBefore: { readonly until: number; readonly most: number }[] };

  constructor(identity: string, tables: number, now: number) {
    this.#tables = tables;
    this.#histories.set(identity, this.#current);
    this.#clock = { from: now, ahead: 0, shownBefore: [] };
  }

  get state(): MasterState {
    return this.#current.commits.at(-1)?.state ?? this.#empty;
  }

  get end(): number {
    return this.#current.commits.at(-1)?.end ?? 0;
  }

  commit(end: number, at: number, changes: readonly HistoricChange[]): void {
    const touched = new Set(changes.map(({ table }) => table));
    const state = this.state.map((rows, table) => (touched.has(table) ? new Map(rows) : (rows as Map<string, HistoricRow>)));
    for (const { table, before, after } of changes) {
      const rows = state[table] as Map<string, HistoricRow>;
      if (before === null && after === null) rows.clear();
      if (before !== null) rows.delete(before[0] ?? "");
      if (after !== null) rows.set(after[0] ?? "", after);
    }
    this.#current.commits.push({ end, at, state });
  }

  /** The master was set back: of its history only what lies up to `keeps` has taken place. */
  restored(identity: string, keeps: number, now: number): void {
    this.#current.over = now;
    this.#current = { commits: this.#current.commits.filter(({ end }) => end <= keeps), over: null };
    this.#histories.set(identity, this.#current);
  }

  /** From now on its clock is so far ahead of the true time. */
  clockStepped(ahead: number, now: number): void {
    const { from, ahead: before, shownBefore } = this.#clock;
    const most = Math.max(shownBefore.at(-1)?.most ?? 0, now + before);
    this.#clock = { from: now, ahead, shownBefore: [...shownBefore, { until: Math.max(from, now), most }] };
  }

  /** Null: nobody ever committed in such a history. */
  stateAt(identity: string, position: number): MasterState | null {
    const history = this.#histories.get(identity);
    if (history === undefined) return null;
    return history.commits[lastAtOrBefore(history.commits, position)]?.state ?? this.#empty;
  }

  /** The latest that the master's clock showed while it held nothing beyond the position. */
  sourceTimeAt(identity: string, position: number, now: number): number {
    const history = this.#histories.get(identity);
    if (history === undefined) return 0;
    const next = history.commits[lastAtOrBefore(history.commits, position) + 1];
    return this.#shownUntil(Math.min(next?.at ?? now, history.over ?? now));
  }

  #shownUntil(at: number): number {
    const { from, ahead, shownBefore } = this.#clock;
    if (at >= from) return Math.max(shownBefore.at(-1)?.most ?? 0, at + ahead);
    // Of the segment in which it lies, the whole is taken: steps are few, and a little later is no error of the copy.
    return shownBefore.find(({ until }) => at <= until)?.most ?? at + ahead;
  }

  get #empty(): MasterState {
    return Array.from({ length: this.#tables }, () => emptyTable);
  }
}

const emptyTable: ReadonlyMap<string, HistoricRow> = new Map();

function lastAtOrBefore(commits: readonly Commit[], position: number): number {
  let [low, high] = [0, commits.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((commits[middle] as Commit).end <= position) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
