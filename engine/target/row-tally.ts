// Exact counts of what one target transaction did.
import type { TableMapping } from "../model/share.ts";
import { tableKey } from "../model/table.ts";

/** Rows written and deleted in all, and by how much each table has grown. */
export class RowTally {
  written = 0;
  deleted = 0;
  readonly #growth = new Map<string, number>();
  readonly #resized = new Set<string>();

  /** `fresh`: how many of the rows written were not there before. */
  addWritten(table: TableMapping, rows: number, fresh: number): void {
    this.written += rows;
    this.#grow(table, fresh);
  }

  addDeleted(table: TableMapping, rows: number): void {
    this.deleted += rows;
    this.#grow(table, -rows);
  }

  growth(table: TableMapping): number {
    return this.#growth.get(tableKey(table.target)) ?? 0;
  }

  /** Rows were added or removed, though it may have as many as before. */
  resized(table: TableMapping): boolean {
    return this.#resized.has(tableKey(table.target));
  }

  #grow(table: TableMapping, rows: number): void {
    const id = tableKey(table.target);
    if (rows !== 0) this.#resized.add(id);
    this.#growth.set(id, (this.#growth.get(id) ?? 0) + rows);
  }
}
