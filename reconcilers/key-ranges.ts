// A table cut into ranges of its key, each about as large as half a second allows, and smaller where rows change meanwhile. Borders come
// from the master.
import type { CanonicalKey, KeyRange, MasterTable } from "../engine/ports/compared-table.ts";

const rowsFirst = 4_000;
const rowsMin = 1_000;
const rowsMax = 100_000;
/** Below that, asking costs more than reading once more what has changed. */
const restlessMin = 2_000;
/** What reading a range may take. */
const readMs = 500;
/** How much a size may change from one range to the next. */
const changeMax = 4;
/** How much sizes grow with each range that is equal; and once one was not: so that most ranges are equal in the end. */
const growth = { calm: 2, restless: 1.2 } as const;

/** Everything; also where the two servers do not order keys alike. */
export const wholeTable: KeyRange = { after: null, until: null };

export class KeyRanges {
  readonly #master: Pick<MasterTable, "border">;
  readonly #until: CanonicalKey | null;
  #rows = rowsFirst;
  /** As many as can be read in time. */
  #fitting = rowsMax;
  #growth: number = growth.calm;
  #after: CanonicalKey | null;
  #over = false;

  /** `within`: what is to be cut; it begins where an earlier run had come to. */
  constructor(master: Pick<MasterTable, "border">, within: KeyRange) {
    this.#master = master;
    this.#after = within.after;
    this.#until = within.until;
  }

  /** How many rows the next range is to have. */
  get rows(): number {
    return Math.round(Math.min(this.#rows, this.#fitting));
  }

  /** The next range; the last one ends where the whole does. Null: there are no more. */
  async next(): Promise<KeyRange | null> {
    if (this.#over) return null;
    const border = await this.#master.border({ after: this.#after, until: this.#until }, this.rows);
    const range = { after: this.#after, until: border ?? this.#until };
    this.#after = border;
    this.#over = border === null;
    return range;
  }

  /** How long reading a range of `rows` took. */
  learn(tookMs: number): void {
    const { rows } = this;
    const fitting = rows * Math.min(changeMax, readMs / Math.max(tookMs, 1));
    this.#fitting = Math.min(rowsMax, Math.max(rowsMin, rows / changeMax, fitting));
  }

  /** What a range came to; it differs where its rows change meanwhile as well. */
  judged(differs: boolean): void {
    if (differs) this.#growth = growth.restless;
    const next = differs ? Math.max(restlessMin, this.#rows / changeMax) : this.#rows * this.#growth;
    this.#rows = Math.min(rowsMax, next);
  }
}
