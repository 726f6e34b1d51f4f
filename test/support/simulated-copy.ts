// A master and its copy as a comparison sees them, in memory: the master's log, transactions that are in it and cannot be seen yet, and a
// copy that comes behind. Whatever is asked of either, the world has moved on by a random bit before the answer.
import { createHash } from "node:crypto";
import type { Position } from "../../engine/model/position.ts";
import type { Key } from "../../engine/model/row.ts";
import type { Clock } from "../../engine/ports/clock.ts";
import type {
  CanonicalKey,
  CopyReading,
  CopyStand,
  CopyTable,
  FoundRow,
  GroupChoice,
  GroupDigest,
  KeyRange,
  LogMark,
  MasterReading,
  MasterRow,
  MasterTable,
  RowDigest,
} from "../../engine/ports/compared-table.ts";

interface SimulatedRow {
  readonly value: string;
  readonly passes: boolean;
}

interface Logged {
  readonly key: string;
  readonly row: SimulatedRow | null;
}

interface CopiedRow {
  readonly value: string;
  readonly version: string;
}

export interface WorldOptions {
  /** From 0 to 1, a new number at each call. */
  readonly random: () => number;
  /** Keys that are written. */
  readonly busy: readonly string[];
  /** Writes that are made in all, so that the world comes to rest. */
  readonly writes: number;
}

const two64 = 1n << 64n;
export const simulatedContract = "contract";

export class SimulatedWorld {
  readonly #options: WorldOptions;
  readonly #log: Logged[] = [];
  /** Places in the log of what cannot be seen yet. */
  readonly #hidden = new Set<number>();
  /** By key; several: somebody has taken the key's index away. */
  readonly #copy = new Map<string, CopiedRow[]>();
  #applied = 0;
  #writes = 0;
  #now = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** A row from before the comparison: with both. */
  load(key: string, row: SimulatedRow): void {
    this.#log.push({ key, row });
    this.#applyUntil(this.#log.length);
  }

  /** Somebody changes the copy behind the engine's back. */
  damage(key: string, value: string | null, twice = false): void {
    const version = this.#copy.get(key)?.[0]?.version ?? "local";
    if (value === null) this.#copy.delete(key);
    else
      this.#copy.set(
        key,
        twice
          ? [
              { value, version },
              { value, version },
            ]
          : [{ value, version }],
      );
  }

  readonly clock: Clock = {
    now: () => this.#now * 1_000,
    monotonicMs: () => this.#now,
    sleep: (ms) => {
      this.#now += Math.max(1, ms);
      for (let step = 0; step < 5; step++) this.#step();
      return Promise.resolve();
    },
  };

  master(versioned: boolean): MasterTable {
    const read = <T>(answer: () => T): Promise<MasterReading<T>> => {
      this.#step();
      const hidden = new Set(this.#hidden);
      const reading = {
        answer: answer(),
        shows: ({ mark }: LogMark) => ![...hidden].some((place) => place < Number(mark)),
      };
      this.#step();
      return Promise.resolve({ ...reading, position: String(this.#log.length) as Position, at: this.clock.now() });
    };
    const owed = (range: KeyRange): RowDigest[] =>
      this.#keys().flatMap((key) => {
        const row = this.#visible(key);
        return row !== null && row.passes && inRange(key, range) ? [{ key: [key], digest: digestOf(key, row.value) }] : [];
      });
    return {
      versioned,
      estimatedRows: -1,
      keyOrder: () => Promise.resolve("plain"),
      quickHash: null,
      border: (range, rows) => {
        const keys = this.#keys().filter((key) => inRange(key, range));
        // Small ranges, so that there are several.
        const border = keys[Math.min(rows, 2) - 1];
        return Promise.resolve(border === undefined ? null : [border]);
      },
      mark: () => {
        this.#step();
        return Promise.resolve({ mark: String(this.#log.length) });
      },
      digest: (range, groups) => read(() => groupDigests(owed(range), groups)),
      list: (range, choice) => read(() => chosen(owed(range), choice)),
      find: (keys) => read(() => keys.flatMap(([key = ""]) => this.#find(key, versioned))),
      columns: (keys) => read(() => keys.map((key) => ({ key, digests: [this.#visible(key[0] ?? "")?.value ?? null] }))),
      values: (keys) => Promise.resolve(keys.map((key) => ({ key, value: this.#visible(key[0] ?? "")?.value ?? null }))),
      close: () => Promise.resolve(),
    };
  }

  copy(): CopyTable {
    const read = <T>(answer: () => T): Promise<CopyReading<T>> => {
      this.#step();
      return Promise.resolve({ answer: answer(), stand: this.#stand() });
    };
    const rows = (): FoundRow[] =>
      [...this.#copy].flatMap(([key, all]) => all.map(({ value, version }) => ({ key: [key], digest: digestOf(key, value), version })));
    const within = (range: KeyRange): FoundRow[] => rows().filter(({ key: [key = ""] }) => inRange(key, range));
    return {
      keyOrder: () => Promise.resolve("plain"),
      quickHash: null,
      stand: () => {
        this.#step();
        return Promise.resolve(this.#stand());
      },
      digest: (range, groups) => read(() => groupDigests(within(range), groups)),
      list: (range, choice) => read(() => chosen(within(range), choice)),
      find: (keys) => read(() => rows().filter((row) => keys.some(([key]) => key === row.key[0]))),
      columns: (keys) => read(() => keys.map((key) => ({ key, digests: [this.#copied(key)] }))),
      values: (keys) => Promise.resolve(keys.map((key) => ({ key, value: this.#copied(key) }))),
      quarantined: () => Promise.resolve<Key[]>([]),
      dangling: () => Promise.resolve({ listed: [], values: 0, rows: 0 }),
      close: () => Promise.resolve(),
    };
  }

  #copied([key = ""]: CanonicalKey): string | null {
    return this.#copy.get(key)?.[0]?.value ?? null;
  }

  #stand(): CopyStand {
    const position = String(this.#applied) as Position;
    return { position, sourceTime: null, epoch: 1, sourceIdentity: "server", contract: simulatedContract, loading: false, stopped: null };
  }

  #keys(): string[] {
    return [...new Set(this.#log.map(({ key }) => key))].toSorted();
  }

  #lastPlace(key: string): number {
    return this.#log.findLastIndex((entry, place) => entry.key === key && !this.#hidden.has(place));
  }

  #visible(key: string): SimulatedRow | null {
    return this.#log[this.#lastPlace(key)]?.row ?? null;
  }

  #find(key: string, versioned: boolean): MasterRow[] {
    const row = this.#visible(key);
    if (row === null) return [];
    const untouched = versioned && ![...this.#hidden].some((place) => this.#log[place]?.key === key);
    const version = versioned ? String(this.#lastPlace(key)) : "";
    return [{ key: [key], digest: digestOf(key, row.value), version, passes: row.passes, untouched }];
  }

  /** The world goes on: somebody writes, what was hidden comes to light, the copy comes forward. */
  #step(): void {
    const { random } = this.#options;
    this.#now += 1;
    for (let chance = random(); chance > 0.3; chance = random()) {
      const what = random();
      if (what < 0.4) this.#write();
      else if (what < 0.7) this.#reveal();
      else this.#apply();
    }
    // Once nobody writes any more, everything comes to rest.
    if (this.#writes >= this.#options.writes) {
      this.#reveal();
      this.#apply();
    }
  }

  #write(): void {
    const { random, busy, writes } = this.#options;
    const key = busy[Math.floor(random() * busy.length)];
    if (key === undefined || this.#writes >= writes) return;
    // Its row is locked until what changed it can be seen.
    if ([...this.#hidden].some((place) => this.#log[place]?.key === key)) return;
    this.#writes += 1;
    // Few values, so that rows become again what they were.
    const row = random() < 0.3 ? null : { value: `v${Math.floor(random() * 2)}`, passes: random() < 0.7 };
    if (random() < 0.5) this.#hidden.add(this.#log.length);
    this.#log.push({ key, row });
  }

  #reveal(): void {
    const [place] = this.#hidden;
    if (place !== undefined) this.#hidden.delete(place);
  }

  /** All that is in the log, some of it, or one batch of several transactions with its net effect. */
  #apply(): void {
    this.#applyUntil(this.#applied + Math.ceil(this.#options.random() * (this.#log.length - this.#applied)));
  }

  #applyUntil(until: number): void {
    const batch = String(until);
    for (const { key, row } of this.#log.slice(this.#applied, until)) {
      if (row === null || !row.passes) this.#copy.delete(key);
      else this.#copy.set(key, [{ value: row.value, version: batch }]);
    }
    this.#applied = until;
  }
}

function digestOf(key: string, value: string): string {
  return createHash("md5").update(`${key} ${value}`).digest("hex");
}

function inRange(key: string, { after, until }: KeyRange): boolean {
  return (after === null || key > (after[0] ?? "")) && (until === null || key <= (until[0] ?? ""));
}

function groupOf(digest: string, groups: number): number {
  return Number.parseInt(digest.slice(0, 4), 16) % groups;
}

function groupDigests(rows: readonly RowDigest[], groups: number): GroupDigest[] {
  const sums = new Map<number, GroupDigest>();
  for (const { digest } of rows) {
    const group = groupOf(digest, groups);
    const { count, high, low } = sums.get(group) ?? { count: 0, high: 0n, low: 0n };
    const [own, rest] = [BigInt(`0x${digest.slice(0, 16)}`), BigInt(`0x${digest.slice(16)}`)];
    sums.set(group, { group, count: count + 1, high: (high + own) % two64, low: (low + rest) % two64 });
  }
  return [...sums.values()];
}

function chosen(rows: readonly RowDigest[], { groups, wanted }: GroupChoice): RowDigest[] {
  return rows.filter(({ digest }) => wanted.includes(groupOf(digest, groups)));
}
