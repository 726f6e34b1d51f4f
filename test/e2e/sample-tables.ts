// Tables that hold one sample a row: each in its type's own column, all others NULL; and what happens to such rows four ways.
import type { PairStage } from "./pair-stage.ts";

/** A type's column and the value in it. */
export interface SampleRow {
  readonly column: string;
  readonly type: string;
  /** SQL on the master. */
  readonly value: string;
}

/** First numbers of the rows: there before the load; inserted after; updated in another column; deleted; given another key. */
const ways = { loaded: 1000, inserted: 2000, updated: 3000, deleted: 4000, moved: 5000 } as const;
const movedTo = 6000;

/** Numbers under which a sample's row must be in a copy at the end. */
export function numbersOf(index: number): number[] {
  return [ways.loaded, ways.inserted, ways.updated, movedTo].map((base) => base + index);
}

export class SampleTable {
  readonly rows: readonly SampleRow[];
  readonly columns: readonly string[];
  readonly #name: string;
  readonly #types: readonly string[];

  /** `samples`: type → values as SQL. */
  constructor(name: string, samples: Readonly<Record<string, readonly { readonly value: string }[]>>) {
    this.#name = name;
    const types = Object.keys(samples);
    this.columns = types.map((_, index) => `c${index}`);
    this.rows = types.flatMap((type, index) => (samples[type] ?? []).map(({ value }) => ({ column: `c${index}`, type, value })));
    this.#types = types;
  }

  create(): string {
    const columns = this.#types.map((type, index) => `c${index} ${type}`);
    return `CREATE TABLE ${this.#name} (id int PRIMARY KEY, marker int, ${columns.join(", ")})`;
  }

  /** Rows that are there before the load. */
  before(): string[] {
    return (["loaded", "updated", "deleted", "moved"] as const).flatMap((way) => this.#insert(ways[way]));
  }

  /** What happens while the copy is streamed. */
  after(): string[] {
    return [
      ...this.#insert(ways.inserted),
      `UPDATE ${this.#name} SET marker = 1 WHERE id >= ${ways.updated} AND id < ${ways.deleted}`,
      `DELETE FROM ${this.#name} WHERE id >= ${ways.deleted} AND id < ${ways.moved}`,
      `UPDATE ${this.#name} SET id = id + ${movedTo - ways.moved} WHERE id >= ${ways.moved} AND id < ${movedTo}`,
    ];
  }

  #insert(base: number): string[] {
    return [
      ...this.rows.map(({ column, value }, index) => `INSERT INTO ${this.#name} (id, ${column}) VALUES (${base + index}, ${value})`),
      `INSERT INTO ${this.#name} (id) VALUES (${base + this.rows.length})`,
    ];
  }

  /** What differs, in words, between what a target shows and what it must. `wanted` null: the row must not be there. */
  async differences(
    stage: PairStage,
    target: string,
    view: string,
    as: {
      readonly print: (row: SampleRow) => string;
      readonly wanted: (row: SampleRow, index: number) => string | null;
      numbers?: typeof numbersOf;
    },
  ): Promise<string[]> {
    const found: string[] = [];
    for (const column of this.columns) {
      const mine = this.rows.map((row, index) => ({ row, index })).filter(({ row }) => row.column === column);
      const print = mine[0] === undefined ? "NULL" : as.print(mine[0].row);
      const rows = await stage.read(target, `SELECT id, ${print} AS held FROM ${view} WHERE id IS NOT NULL`);
      if (typeof rows === "string") {
        const record = await stage.record(target, view);
        return [`${view} in ${target}: ${rows}, ${record?.["stopped_code"]} ${record?.["stopped_message"]}`];
      }
      const held = new Map(rows.map((row) => [Number(row["id"]), row["held"] ?? null]));
      for (const { row, index } of mine) {
        const wanted = as.wanted(row, index);
        for (const number of (as.numbers ?? numbersOf)(index))
          found.push(...judge(`${row.type} ${row.value} as row ${number}`, held, number, wanted));
      }
    }
    return found;
  }
}

function judge(name: string, held: ReadonlyMap<number, string | null>, number: number, wanted: string | null): string[] {
  const short = (text: string | null | undefined) => JSON.stringify(text)?.slice(0, 120) ?? "no row";
  if (!held.has(number)) return wanted === null ? [] : [`${short(name)} is missing`];
  if (wanted === null) return [`${short(name)} should have been refused, and is ${short(held.get(number))}`];
  return held.get(number) === wanted ? [] : [`${short(name)} is ${short(held.get(number))} instead of ${short(wanted)}`];
}
