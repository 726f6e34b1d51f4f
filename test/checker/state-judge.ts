// Judges every committed state of every copy, every acknowledgement and every answer of a gate by the invariants 1 to 5. It is told what
// happened in plain data and knows the rules by itself.
import type { MasterHistory, MasterState } from "./master-history.ts";

/** What one table of one consumer's copy may hold under one agreement. */
export interface Entitlement {
  /** Index of the master's table. */
  readonly table: number;
  /** Which of the master's columns, in the copy's order. */
  readonly columns: readonly number[];
  readonly accepts: (row: readonly (string | null)[]) => boolean;
}

export interface JudgedCopy {
  readonly copyState: string;
  readonly lastSyncAt: number | null;
  readonly validUntil: number | null;
  readonly load: object | null;
  readonly contract: string | null;
  readonly stopped: { readonly code: string } | null;
}

export interface JudgedState {
  readonly subscription: {
    readonly epoch: number;
    readonly position: string | null;
    readonly sourceIdentity: string | null;
    readonly sourceTime: number | null;
    readonly nextBatch: number;
    readonly lastSyncAt: number | null;
    readonly clockFloor: number | null;
    readonly periodMicros: number;
    readonly shareState: string;
  } | null;
  readonly copies: ReadonlyMap<string, JudgedCopy>;
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, { readonly values: readonly (string | null)[]; readonly batch: number }>>;
  readonly quarantine: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly batches: readonly number[];
}

export interface JudgedCommit {
  readonly by: string;
  readonly epoch: number | null;
}

export interface Times {
  /** The true time. */
  readonly now: number;
  /** What the clock of the copy's server shows. */
  readonly there: number;
}

export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: number;

  constructor(invariant: number, words: string) {
    super(`invariant ${invariant}: ${words}`);
    this.invariant = invariant;
  }
}

interface Account {
  /** By the contract's text, table by table as readers name them. */
  readonly entitlements: Map<string, Entitlement>;
  readonly refuses: (table: string, values: readonly (string | null)[]) => boolean;
  /** Where the engine knows it to be, and in which history. */
  durable: number | null;
  identity: string | null;
  epoch: number;
  /** It starts anew: until somebody with a later epoch has committed, the source need keep nothing for it. Null: it does not. */
  startsAnewAfter: number | null;
  /** The latest time by which something was applied there. */
  floor: number;
}

export class StateJudge {
  readonly judged = { commits: 0, states: 0, acknowledgements: 0, gates: 0 };
  readonly #master: MasterHistory;
  readonly #accounts = new Map<string, Account>();

  constructor(master: MasterHistory) {
    this.#master = master;
  }

  follow(id: string, refuses: Account["refuses"]): void {
    const account = {
      entitlements: new Map<string, Entitlement>(),
      refuses,
      durable: null,
      identity: null,
      epoch: 0,
      startsAnewAfter: null,
      floor: 0,
    };
    this.#accounts.set(id, account);
  }

  /** Rows that obey this contract are these. */
  agree(id: string, table: string, contract: string, entitlement: Entitlement): void {
    this.#account(id).entitlements.set(`${table} ${contract}`, entitlement);
  }

  /** It was let go, or is to be loaded anew by order. */
  startsAnew(id: string): void {
    const account = this.#account(id);
    account.startsAnewAfter = account.epoch;
  }

  /** The copy's database was set back; whoever writes it does not know yet. */
  setBack(id: string, to: JudgedState): void {
    const account = this.#account(id);
    account.floor = to.subscription?.clockFloor ?? 0;
    account.epoch = to.subscription?.epoch ?? 0;
    if (account.startsAnewAfter !== null) account.startsAnewAfter = account.epoch;
  }

  committed(
    id: string,
    commit: JudgedCommit,
    { before, after }: { readonly before: JudgedState; readonly after: JudgedState },
    times: Times,
  ): void {
    this.judged.commits += 1;
    const account = this.#account(id);
    if (commit.by === "batch") this.#judgeBatch(id, commit, { before, after });
    else judgeWithoutRows(id, commit, { before, after });
    this.#judgeClocks(id, { before, after }, { ...times, judged: Math.max(times.there, account.floor) });
    this.#judgeRows(id, { before, after });
    this.#note(account, commit, after, times);
  }

  /** The engine tells the source to forget everything up to the position; the source has kept what follows `kept` until now. */
  acknowledged(position: number, identity: string, kept: number): void {
    this.judged.acknowledgements += 1;
    for (const [id, { durable, identity: of, startsAnewAfter }] of this.#accounts) {
      // What the source does not have any more cannot be kept.
      const isAttached = durable !== null && of === identity && startsAnewAfter === null && durable >= kept;
      if (isAttached && durable < position)
        throw new Violation(3, `${id} is durable up to ${durable}, and the source may forget up to ${position}`);
    }
  }

  /** A reader's query is answered, or refused, at this time of the copy's server. */
  gate(id: string, table: string, usable: boolean, state: JudgedState, there: number): void {
    this.judged.gates += 1;
    if (!usable) return;
    const account = this.#account(id);
    const copy = state.copies.get(table);
    if (copy === undefined || state.subscription === null)
      throw new Violation(5, `${id} ${table} is readable, and nothing is on record of it`);
    if (!isWhole(copy)) throw new Violation(5, `${id} ${table} is readable while it is ${copy.copyState}`);
    const now = Math.max(there, account.floor);
    for (const each of state.copies.values()) {
      if (each.lastSyncAt === null) continue;
      const until = each.lastSyncAt + state.subscription.periodMicros;
      if (now >= until) throw new Violation(5, `${id} ${table} is readable at ${now}, and valid until ${until}`);
    }
  }

  /** After everything has come to rest: what is lacking; null when the copy is as its contract and the master say. */
  lacking(id: string, state: JudgedState, contracts: ReadonlyMap<string, string>): string | null {
    for (const [table, contract] of contracts) {
      const copy = state.copies.get(table);
      // Too many of its rows are refused: nobody can open it.
      if (copy?.stopped?.code === "DB-ROW-008") continue;
      if (copy === undefined || !isWhole(copy)) return `${table} is ${copy?.stopped === null ? copy.copyState : "stopped"}`;
      if (copy.contract !== contract) return `${table} obeys another contract than the one in force`;
      const difference = this.#difference(id, table, state, this.#master.state);
      if (difference !== null) return difference;
    }
    return null;
  }

  #judgeBatch(id: string, { epoch }: JudgedCommit, { before, after }: { before: JudgedState; after: JudgedState }): void {
    const [old, now] = [before.subscription, after.subscription];
    if (old === null || now === null) throw new Violation(2, `${id}: rows were written without a checkpoint`);
    if (epoch !== old.epoch || now.epoch !== old.epoch)
      throw new Violation(2, `${id}: epoch ${epoch} wrote while epoch ${old.epoch} owned it`);
    const isChanged = [...after.rows].some(([table, rows]) => !sameRows(before.rows.get(table), rows));
    const isRecorded = after.batches.length > before.batches.length && now.nextBatch > old.nextBatch;
    if (isChanged && !isRecorded) throw new Violation(2, `${id}: rows changed without the record of a batch`);
    const wentBack = now.sourceIdentity === old.sourceIdentity && Number(now.position) < Number(old.position ?? 0);
    if (wentBack && [...after.copies.values()].some(isWhole))
      throw new Violation(2, `${id} went back from ${old.position} to ${now.position}`);
  }

  #judgeClocks(
    id: string,
    { before, after }: { before: JudgedState; after: JudgedState },
    times: Times & { readonly judged: number },
  ): void {
    const { subscription } = after;
    if (subscription === null) return;
    for (const [table, { lastSyncAt, validUntil, copyState, load, stopped }] of after.copies) {
      const was = before.copies.get(table)?.lastSyncAt ?? null;
      if (lastSyncAt === null || lastSyncAt === was) continue;
      const name = `${id} ${table}`;
      if (was !== null && lastSyncAt < was) throw new Violation(4, `${name} went back from ${was} to ${lastSyncAt}`);
      if (copyState !== "VALID" || load !== null || stopped !== null) throw new Violation(4, `${name} moved while it was ${copyState}`);
      const truth = this.#master.sourceTimeAt(subscription.sourceIdentity ?? "", Number(subscription.position), times.now);
      if (lastSyncAt > truth)
        throw new Violation(4, `${name} is said to be of ${lastSyncAt}; at ${subscription.position} it is of ${truth} at most`);
      if (lastSyncAt > times.judged) throw new Violation(4, `${name} is said to be of ${lastSyncAt}, where it is ${times.judged}`);
      if (validUntil !== lastSyncAt + subscription.periodMicros) throw new Violation(4, `${name} is valid until ${validUntil}`);
    }
    const known = [...after.copies.values()].flatMap(({ lastSyncAt }) => lastSyncAt ?? []);
    const oldest = known.length === 0 ? null : Math.min(...known);
    if (before.subscription?.lastSyncAt !== subscription.lastSyncAt && subscription.lastSyncAt !== oldest)
      throw new Violation(4, `${id} is said to be of ${subscription.lastSyncAt}, its oldest table is of ${oldest}`);
  }

  #judgeRows(id: string, { before, after }: { before: JudgedState; after: JudgedState }): void {
    const { subscription } = after;
    if (subscription === null) return;
    for (const [table, copy] of after.copies) {
      if (!isWhole(copy)) continue;
      const state = this.#master.stateAt(subscription.sourceIdentity ?? "", Number(subscription.position));
      if (state === null) throw new Violation(1, `${id} is of ${subscription.sourceIdentity}, which there never was`);
      const known = before.rows.get(table) === after.rows.get(table) && this.#lastJudged.get(`${id} ${table}`) === state;
      if (known && before.quarantine === after.quarantine && before.copies.get(table)?.contract === copy.contract) continue;
      this.judged.states += 1;
      const difference = this.#difference(id, table, after, state);
      if (difference !== null) throw new Violation(1, `${id} at ${subscription.position}: ${difference}`);
      this.#lastJudged.set(`${id} ${table}`, state);
    }
  }

  readonly #lastJudged = new Map<string, MasterState>();

  /** In which row the copy is not what it should be; null: in none. */
  #difference(id: string, table: string, state: JudgedState, master: MasterState): string | null {
    const { entitlements, refuses } = this.#account(id);
    const entitlement = entitlements.get(`${table} ${state.copies.get(table)?.contract ?? ""}`);
    if (entitlement === undefined) return `${table} obeys a contract that nobody made`;
    const held = state.rows.get(table) ?? new Map<string, { readonly values: readonly (string | null)[] }>();
    const aside = new Set((state.quarantine.get(table) ?? new Map<string, string>()).values());
    let [due, refused] = [0, 0];
    for (const [key, row] of master[entitlement.table] ?? []) {
      if (!entitlement.accepts(row)) continue;
      const values = entitlement.columns.map((column) => row[column] ?? null);
      if (refuses(table, values)) {
        refused += 1;
        if (!aside.has(key) || held.has(key)) return `${table} ${key} is to be in quarantine and is not`;
        continue;
      }
      due += 1;
      const found = held.get(key)?.values;
      if (found === undefined) return `${table} ${key} is missing${aside.has(key) ? ", and in quarantine" : ""}`;
      if (values.some((value, column) => value !== found[column]))
        return `${table} ${key} is ${describe(found)} instead of ${describe(values)}`;
    }
    if (held.size !== due) return `${table} holds ${held.size} rows instead of ${due}: ${extra(held, master, entitlement)}`;
    return aside.size === refused ? null : `${table} has ${aside.size} rows in quarantine instead of ${refused}`;
  }

  #note(account: Account, { by, epoch }: JudgedCommit, { subscription }: JudgedState, { there }: Times): void {
    if (subscription === null) return;
    account.epoch = subscription.epoch;
    if (by === "take epoch" || by === "batch") {
      account.durable = subscription.position === null ? null : Number(subscription.position);
      account.identity = subscription.sourceIdentity;
    }
    if (by !== "batch") return;
    if (account.startsAnewAfter !== null && (epoch ?? 0) > account.startsAnewAfter) account.startsAnewAfter = null;
    account.floor = Math.max(
      account.floor,
      Math.min(Math.max(there, account.floor), (subscription.sourceTime ?? 0) + subscription.periodMicros),
    );
  }

  #account(id: string): Account {
    const account = this.#accounts.get(id);
    if (account === undefined) throw new Error(`${id} is not followed`);
    return account;
  }
}

function judgeWithoutRows(id: string, { by }: JudgedCommit, { before, after }: { before: JudgedState; after: JudgedState }): void {
  if (before.subscription === null) return;
  if (before.subscription.position !== after.subscription?.position && by !== "prepare")
    throw new Violation(2, `${id}: ${by} moved the checkpoint`);
  for (const [table, rows] of before.rows)
    if (rows !== after.rows.get(table)) throw new Violation(2, `${id}: ${by} changed rows of ${table}`);
}

/** It is said to be one committed state of the master, and may be read until its time runs out. */
function isWhole({ copyState, load, stopped }: JudgedCopy): boolean {
  return copyState === "VALID" && load === null && stopped === null;
}

function sameRows(before: ReadonlyMap<string, object> | undefined, after: ReadonlyMap<string, object>): boolean {
  if (before === after) return true;
  if ((before?.size ?? 0) !== after.size) return false;
  return [...after].every(([key, row]) => before?.get(key) === row);
}

function describe(values: readonly (string | null)[]): string {
  return `(${values.map((value) => (value === null ? "NULL" : value.length > 24 ? `${value.slice(0, 24)}…` : value)).join(", ")})`;
}

function extra(held: ReadonlyMap<string, object>, master: MasterState, { table, accepts }: Entitlement): string {
  const rows = master[table];
  const more = [...held.keys()].filter((key) => {
    const row = rows?.get(key);
    return row === undefined || !accepts(row);
  });
  return `${more.slice(0, 3).join(", ")} ${more.length === 1 ? "is" : "are"} extra`;
}
