// Whether a copy was what the stream took it to be. Each change tells whether its row was the copy's before and is now (Growth); all of a
// transaction's changes together tell by how many rows the copy grows, and the target tells by how many it did. The two are the same
// unless somebody wrote into the copy behind the engine's back, or the engine went wrong: an update that inserted its row, a delete that
// found none. Nothing is read for it, and nothing is said where the images do not tell, or rows came from elsewhere than the stream.
import type { TableMapping } from "../model/share.ts";
import type { Growth } from "../ports/change-mapper.ts";

export interface Drift {
  readonly table: TableMapping;
  /** By which the copy grew more, or less, than the stream said: at least so many were not as they should have been. */
  readonly rows: number;
}

/** One batch's account, by index of the table. */
export class DriftAccount {
  readonly #told = new Map<number, Growth>();

  add(table: number, growth: Growth): void {
    this.#told.set(table, (this.#told.get(table) ?? 0) + growth);
  }

  /** Rows of the table came, or went, by other ways. */
  spoil(table: number): void {
    this.#told.set(table, Number.NaN);
  }

  /** `grownBy`: what the target counted; null: that says nothing. */
  drifts(tables: readonly TableMapping[], grownBy: (table: TableMapping) => number | null): Drift[] {
    return [...this.#told].flatMap(([index, told]) => {
      const table = tables[index];
      const grown = table === undefined || Number.isNaN(told) ? null : grownBy(table);
      return table === undefined || grown === null || grown === told ? [] : [{ table, rows: Math.abs(grown - told) }];
    });
  }
}
