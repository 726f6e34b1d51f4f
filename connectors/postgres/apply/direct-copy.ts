// Whether a snapshot chunk goes straight into its table by COPY, which is several times cheaper and fails on the first row that is there.
import type { TableMapping } from "../../../engine/model/share.ts";
import { tableKey } from "../../../engine/model/table.ts";

/** Chunks that go the slow way after collisions in a row: 1, 2, 4 … up to this many. */
const pauseMax = 64;

/** Remembers, by table, how the last chunks fared: a first load collides seldom, a re-sync always. */
export class DirectCopy {
  readonly #pauses = new Map<string, { length: number; left: number }>();

  /** Whether the next chunk of the table is likely to be new. */
  expected(table: TableMapping): boolean {
    return (this.#pauses.get(tableKey(table.target))?.left ?? 0) === 0;
  }

  /** As `expected`, of a chunk that has come: one less of the slow way is left. */
  worthTrying(table: TableMapping): boolean {
    const isExpected = this.expected(table);
    const pause = this.#pauses.get(tableKey(table.target));
    if (pause !== undefined && !isExpected) pause.left -= 1;
    return isExpected;
  }

  succeeded(table: TableMapping): void {
    this.#pauses.delete(tableKey(table.target));
  }

  collided(table: TableMapping): void {
    const id = tableKey(table.target);
    const length = Math.min(pauseMax, 2 * (this.#pauses.get(id)?.length ?? 0.5));
    this.#pauses.set(id, { length, left: length });
  }
}
