// What the master's own applications do: transactions of a few rows, over both tables, with all that makes life hard for copies.
import type { Random } from "../workload/random.ts";
import type { Master, MasterChange, MasterRow } from "./master.ts";
import { poison, provinces } from "./simulated-share.ts";

export interface WorkloadTraits {
  /** Keys of a table. */
  readonly keys: number;
  /** Values that are refused by copies occur. */
  readonly poison: boolean;
  readonly truncates: boolean;
  /** Bytes of a large value; 0: there are none. */
  readonly largeBytes: number;
  /** How long a commit may be hidden, milliseconds. */
  readonly hiddenMsMax: number;
}

/** Fills the master before anybody looks at it. */
export function fill(master: Master, { keys }: WorkloadTraits, random: Random): void {
  for (let table = 0; table < master.tables.length; table++) {
    const count = random.between(0, keys);
    const changes = Array.from({ length: count }, (_, index): MasterChange => ({
      table,
      before: null,
      after: newRow(`k${index}`, random, null),
    }));
    if (changes.length > 0) master.commit(changes, 0);
  }
}

export function writeTransaction(master: Master, traits: WorkloadTraits, random: Random): void {
  const changes: MasterChange[] = [];
  // Within the transaction its own changes are seen.
  const rows = master.rows.map((held) => new Map(held));
  const size = random.chance(0.06) ? random.between(12, 40) : random.between(1, 5);
  for (let step = 0; step < size; step++) {
    const table = random.between(0, master.tables.length - 1);
    for (const change of steps(rows[table] as Map<string, MasterRow>, table, traits, random)) {
      if ([change.before?.[0], change.after?.[0]].some((key) => typeof key === "string" && master.isLocked(table, key))) break;
      if (change.before === null && change.after === null && master.hidden.size > 0) break;
      changes.push(change);
      const held = rows[table] as Map<string, MasterRow>;
      if (change.before === null && change.after === null) held.clear();
      if (change.before !== null) held.delete(change.before[0] ?? "");
      if (change.after !== null) held.set(change.after[0] ?? "", change.after);
    }
  }
  const hidden = random.chance(0.3) ? random.between(1, random.chance(0.3) ? traits.hiddenMsMax : Math.min(20, traits.hiddenMsMax)) : 0;
  if (changes.length > 0) master.commit(changes, hidden);
}

/** One thing that is done to a table: mostly to one row, sometimes to two that exchange their keys. */
function steps(rows: ReadonlyMap<string, MasterRow>, table: number, traits: WorkloadTraits, random: Random): MasterChange[] {
  if (traits.truncates && random.chance(0.01)) return [{ table, before: null, after: null }];
  const key = `k${random.between(0, traits.keys - 1)}`;
  const before = rows.get(key);
  if (before === undefined) return [{ table, before: null, after: newRow(key, random, traits) }];
  const what = random.weighted({ update: 6, move: 3, note: 2, rekey: 1, remove: 2 });
  const [, province = null, name = null, note = null] = before;
  switch (what) {
    case "update":
      return [{ table, before, after: [key, province, newName(random, traits), note] }];
    case "move":
      return [{ table, before, after: [key, newProvince(random), random.chance(0.5) ? name : newName(random, traits), note] }];
    case "note":
      return [{ table, before, after: [key, province, name, newNote(random, traits)] }];
    case "remove":
      return [{ table, before, after: null }];
    case "rekey": {
      const to = `k${random.between(0, traits.keys - 1)}`;
      if (rows.has(to)) return [];
      return [{ table, before, after: [to, random.chance(0.3) ? newProvince(random) : province, name, note] }];
    }
  }
}

function newRow(key: string, random: Random, traits: WorkloadTraits | null): MasterRow {
  return [key, newProvince(random), newName(random, traits), newNote(random, traits)];
}

function newProvince(random: Random): string | null {
  return random.chance(0.1) ? null : random.pick(provinces);
}

function newName(random: Random, traits: WorkloadTraits | null): string {
  return traits?.poison === true && random.chance(0.04) ? `${poison} ${random.hex(4)}` : random.hex(6);
}

function newNote(random: Random, traits: WorkloadTraits | null): string | null {
  if (random.chance(0.2)) return null;
  const large = traits !== null && traits.largeBytes > 0 && random.chance(0.2);
  return large ? random.hex(traits.largeBytes) : random.hex(10);
}
