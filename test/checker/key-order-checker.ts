// Looks at a copy that does not have its source's transactions whole: each row by itself must go forward along the master's history,
// and none may be outside of what the copy is entitled to.
import { pause } from "../support/wait-until.ts";
import { type CopySession, withCopy } from "./copy-session.ts";
import type { Effect, MasterModel, TrackedRow } from "./master-model.ts";
import type { WatchedCopy } from "./prefix-checker.ts";
import { keyText, rowHash } from "./row-hash.ts";

/** One key's life at the master, within transactions too; null: not there. `seen`: the first state that fits all looks so far. */
interface History {
  readonly states: (TrackedRow | null)[];
  seen: number;
}

type Entry = WatchedCopy["tables"][number];

export class KeyOrderChecker {
  readonly looks = { total: 0, read: 0, refused: 0, absent: 0 };
  /** Steps that rows were seen to take. */
  steps = 0;
  readonly copy: WatchedCopy;
  readonly #model: MasterModel;
  /** Number of the master's newest transaction, asked of the master. */
  readonly #newest: () => Promise<number>;
  readonly #violations = new Set<string>();
  readonly #histories: ReadonlyMap<string, Map<string, History>>;
  #taken = 0;
  #ledger = 0;
  #journal = 0;

  constructor(copy: WatchedCopy, model: MasterModel, newest: () => Promise<number>) {
    this.copy = copy;
    this.#model = model;
    this.#newest = newest;
    this.#histories = new Map(copy.tables.map(({ table }) => [table.name, new Map<string, History>()]));
  }

  get violations(): string[] {
    return [...this.#violations].map((reason) => `${this.copy.name}: ${reason}`);
  }

  summary(): string {
    const { total, read, refused, absent } = this.looks;
    return `${this.copy.name}: ${total} looks, ${read} read, ${this.steps} steps of rows, ${refused} refused, ${absent} absent, ${this.violations.length} violations`;
  }

  async watch(signal: AbortSignal, everyMs: number): Promise<void> {
    await withCopy(this.copy.url, async (session) => {
      while (!signal.aborted) {
        await this.look(session);
        await pause(everyMs);
      }
    });
  }

  /** One look at all tables; what the gate refuses is not judged. */
  async look(session: CopySession): Promise<void> {
    const found = await this.#read(session);
    this.looks.total++;
    if (typeof found === "string") {
      this.looks[found]++;
      return;
    }
    this.looks.read++;
    // What a copy shows was committed before: the model hears of it at the latest with the master's newest transaction.
    await this.#model.reached(await this.#newest(), 20_000);
    this.#extend();
    for (const [entry, rows] of found) this.#judge(entry, rows);
  }

  /** Whether the copy, when last read, showed every row as the master has it. */
  get arrived(): boolean {
    this.#extend();
    if (this.#ledger !== this.#model.head || this.#journal !== this.#model.head) return false;
    return this.copy.tables.every((entry) => [...this.#rows(entry).values()].every((history) => this.#isCurrent(entry, history)));
  }

  /** How far the copy was when last read, for the error of a wait in vain. */
  describe(): string {
    this.#extend();
    const behind = this.copy.tables.map((entry) => {
      const rows = [...this.#rows(entry)].filter(([, history]) => !this.#isCurrent(entry, history));
      const states = rows.slice(0, 3).map(([key, { seen, states: all }]) => `${key} at state ${seen} of ${all.length - 1}`);
      return `${entry.view} ${rows.length} rows behind${states.length === 0 ? "" : ` (${states.join(", ")}, …)`}`;
    });
    const { head } = this.#model;
    return `${this.copy.name}: ledger ${this.#ledger} and journal ${this.#journal} of ${head}; ${behind.join("; ")}; looks ${JSON.stringify(this.looks)}`;
  }

  async #read(session: CopySession): Promise<Map<Entry, Map<string, bigint>> | "refused" | "absent"> {
    await session.beginSnapshot();
    try {
      const ledger = await session.ask(`SELECT seq FROM ${this.copy.ledger}`);
      const journal = await session.ask(`SELECT count(*) AS held FROM ${this.copy.journal}`);
      if (typeof ledger === "string") return ledger;
      if (typeof journal === "string") return journal;
      const found = new Map<Entry, Map<string, bigint>>();
      for (const entry of this.copy.tables) {
        const hash = rowHash(session.family, entry.table, entry.table.projections[entry.projection] ?? []);
        const rows = await session.ask(`SELECT ${keyText(session.family, entry.table.key)} AS row_key, ${hash} AS hash FROM ${entry.view}`);
        if (typeof rows === "string") return rows;
        found.set(entry, new Map(rows.map((row) => [row["row_key"] ?? "", BigInt(row["hash"] ?? 0)])));
      }
      this.#count(Number(ledger[0]?.["seq"] ?? 0), Number(journal[0]?.["held"]));
      return found;
    } finally {
      await session.endSnapshot();
    }
  }

  /** The ledger's only row and the journal's number of rows rise, each by itself. */
  #count(ledger: number, journal: number): void {
    if (ledger < this.#ledger) this.#violations.add(`the ledger went back from ${this.#ledger} to ${ledger}`);
    if (journal < this.#journal) this.#violations.add(`the journal went back from ${this.#journal} rows to ${journal}`);
    this.#ledger = Math.max(this.#ledger, ledger);
    this.#journal = Math.max(this.#journal, journal);
  }

  #judge(entry: Entry, rows: ReadonlyMap<string, bigint>): void {
    const histories = this.#rows(entry);
    for (const [key, history] of histories) {
      const held = rows.get(key) ?? null;
      const { states, seen } = history;
      let next = seen;
      while (next < states.length && this.#shown(entry, states[next]) !== held) next++;
      if (next === states.length) this.#violations.add(this.#explain(entry, key, held));
      else if (next > seen) {
        history.seen = next;
        this.steps++;
      }
    }
    for (const key of rows.keys()) {
      if (!histories.has(key)) this.#violations.add(`${entry.view} shows ${key}, which the master never had`);
    }
  }

  /** Takes in what the master has committed since. */
  #extend(): void {
    for (const effects of this.#model.effectsAfter(this.#taken)) {
      this.#taken++;
      for (const effect of effects) this.#follow(effect);
    }
  }

  #follow(effect: Effect): void {
    const histories = this.#histories.get(effect.table);
    if (histories === undefined) return;
    const append = (key: string, row: TrackedRow | null) => {
      const history = histories.get(key) ?? { states: [null], seen: 0 };
      histories.set(key, history);
      history.states.push(row);
    };
    if (effect.kind === "clear") for (const key of histories.keys()) append(key, null);
    if (effect.kind === "remove") append(effect.key, null);
    if (effect.kind !== "put") return;
    if (effect.from !== null && effect.from !== effect.row.key) append(effect.from, null);
    append(effect.row.key, effect.row);
  }

  #rows(entry: Entry): Map<string, History> {
    return this.#histories.get(entry.table.name) ?? new Map<string, History>();
  }

  #isCurrent(entry: Entry, { states, seen }: History): boolean {
    return this.#shown(entry, states[seen]) === this.#shown(entry, states.at(-1));
  }

  /** What the copy holds of a row in this state: its hash, or null where the row is not there or not the copy's. */
  #shown(entry: Entry, state: TrackedRow | null | undefined): bigint | null {
    if (state === null || state === undefined || !this.copy.accepts(state.bucket)) return null;
    return state.hashes[Object.keys(entry.table.projections).indexOf(entry.projection)] ?? null;
  }

  #explain(entry: Entry, key: string, held: bigint | null): string {
    const history = this.#rows(entry).get(key);
    const states = history?.states ?? [];
    const fits = states.flatMap((state, index) => (this.#shown(entry, state) === held ? [index] : []));
    const was = fits.length === 0 ? "which it never was for this copy" : `as it was in state ${fits.join(", ")}`;
    return `${entry.view} ${held === null ? "lacks" : "shows"} ${key} ${was}, after state ${history?.seen} of ${states.length - 1}`;
  }
}
