// Takes rows out of tables whose foreign keys and triggers, added by the copy's owner, may not let them go at once.
import { assert } from "../../../engine/model/assert.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { tableKey } from "../../../engine/model/table.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import { type BoundKey, boundKeys } from "./bound-row.ts";
import type { PostponedRows } from "./postponed-rows.ts";
import { dangling, type RefusalWatch } from "./refusal.ts";
import { keysMax, type TableWriter } from "./table-writer.ts";
import type { TableShape, TargetCatalog } from "./target-catalog.ts";

export interface WriterParts {
  readonly table: TableWriter;
  readonly catalog: TargetCatalog;
  readonly book: QuarantineBook;
  readonly postponed: PostponedRows;
  readonly refusals: RefusalWatch;
}

export class RowRemover {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Empties tables, children first. Rows of others that refer to theirs may still be changed or go. */
  async empty(shapes: readonly TableShape[]): Promise<void> {
    const { table, refusals } = this.#parts;
    const kept: TableShape[] = [];
    for (const shape of shapes) if (!(await refusals.passed(() => table.deleteAll(shape)))) kept.push(shape);
    for (const shape of kept) await refusals.passed(() => table.loosen(shape, "all"));
    for (const shape of kept) if (!(await refusals.passed(() => table.deleteAll(shape)))) await this.#emptyByRows(shape);
  }

  /** Removes rows that are not wanted any more; `final`: with whatever refers to them, else they may wait for that to go. */
  async remove(shape: TableShape, keys: readonly BoundKey[], final: boolean): Promise<void> {
    const { table, book, postponed, refusals } = this.#parts;
    if (book.isStopped(shape.mapping)) return;
    await refusals.divide(
      keys,
      (some) => table.delete(shape, some),
      async (gone, refusal) => {
        if (!final && refusal.mayPassLater && postponed.add(shape, { gone })) return;
        if (!refusal.mayPassLater || !(await this.dislodge(shape, gone))) this.#stop(shape);
      },
    );
  }

  /** Removes rows that make way for new versions of themselves. False when the target does not let them go. */
  async clear(shape: TableShape, keys: readonly BoundKey[]): Promise<boolean> {
    return this.#parts.refusals.passed(() => this.#parts.table.delete(shape, keys));
  }

  /** Removes rows that a finished load has not seen since batch `before`: they are no longer at the source. */
  async sweep(shape: TableShape, before: number): Promise<void> {
    const { table, book, refusals } = this.#parts;
    if (await refusals.passed(() => table.sweep(shape, before))) return;
    while (!book.isStopped(shape.mapping)) {
      const keys = boundKeys(shape, await table.stale(shape, before));
      if (keys.length === 0) return;
      await this.loosen(shape, keys);
      await this.remove(shape, keys, true);
    }
  }

  /** Rows that go anyway let go of what they refer to, where the owner allows that: then the order in which they go is no matter. */
  async loosen(shape: TableShape, keys: readonly BoundKey[]): Promise<void> {
    await this.#parts.refusals.passed(() => this.#parts.table.loosen(shape, keys));
  }

  /** Removes a row after the rows of the subscription that refer to it, which are set aside. False when others keep it. */
  async dislodge(shape: TableShape, key: BoundKey): Promise<boolean> {
    const { table, catalog, book } = this.#parts;
    for (const reference of catalog.foreignKeys) {
      if (reference.parent !== shape.mapping) continue;
      const child = this.shape(reference.child);
      for (;;) {
        const keys = boundKeys(child, await table.children(child, shape, reference, key));
        if (keys.length === 0) break;
        await this.loosen(child, keys);
        for (const bound of keys) {
          if (!(await this.dislodge(child, bound))) return false;
          if (!book.isStopped(child.mapping)) book.add(child.mapping, bound.key, dangling(reference.name));
        }
      }
    }
    return this.clear(shape, [key]);
  }

  shape(table: TableMapping): TableShape {
    const shape = this.#parts.catalog.shapes.get(tableKey(table.target));
    assert(shape !== undefined, "every table of the subscription was read from the target's catalogue");
    return shape;
  }

  /** What cannot go yet waits; when it is too much, what refers to it goes first. */
  async #emptyByRows(shape: TableShape): Promise<void> {
    let keys: BoundKey[];
    do {
      keys = boundKeys(shape, await this.#parts.table.stale(shape, Number.MAX_SAFE_INTEGER));
      await this.remove(shape, keys, false);
    } while (keys.length >= keysMax && !this.#parts.book.isStopped(shape.mapping));
  }

  #stop(shape: TableShape): void {
    this.#parts.book.stop(shape.mapping, "DB-ROW-009", "a foreign key or a trigger of the target keeps it");
  }
}
