// Writes changes of several tables: in few statements when nothing stands in the way, else with care, so that a row that
// the target refuses is found and the others pass.
import { assert } from "../../../engine/model/assert.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Key, keyText, type Row } from "../../../engine/model/row.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { tableKey } from "../../../engine/model/table.ts";
import type { TableChange } from "../../../engine/ports/change-target.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import {
  bindKey,
  bindPartial,
  bindRow,
  type BoundKey,
  type BoundRow,
  filled,
  isMoved,
  keyOf,
  type PartialRow,
  unchangedColumns,
} from "./bound-row.ts";
import { PostponedRows } from "./postponed-rows.ts";
import { dangling, RowsRefused } from "./refusal.ts";
import type { TableWriter } from "./table-writer.ts";
import type { TableShape, TargetCatalog } from "./target-catalog.ts";

export interface WriterParts {
  readonly table: TableWriter;
  readonly catalog: TargetCatalog;
  readonly book: QuarantineBook;
}

/** Rows that make way for one another are updated in so many rounds at most; what is left then is read and placed anew. */
const updateRoundsMax = 3;

/** A TableChange on its way, in the order in which it will be written. */
interface Plan {
  readonly shape: TableShape;
  readonly truncate: boolean;
  readonly deletes: BoundKey[];
  readonly updates: PartialRow[];
  readonly upserts: BoundRow[];
}

export type MissingRows = { readonly table: TableMapping; readonly keys: Key[] }[];

export class RowWriter {
  readonly #parts: WriterParts;
  readonly #postponed = new PostponedRows();
  #missing = new Map<TableMapping, Key[]>();
  #tookCare = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Gives the keys of partial rows whose unchanged columns nobody here knows. Throws ReplicationError. */
  async write(changes: readonly TableChange[]): Promise<MissingRows> {
    const plans = this.#inOrder(changes);
    const childrenFirst = plans.toReversed();
    for (const { shape, truncate } of childrenFirst) if (truncate) await this.#empty(shape);
    for (const { shape, deletes } of childrenFirst) await this.#remove(shape, deletes, false);
    for (const { shape, updates, upserts } of plans) await this.#put(shape, [...upserts, ...(await this.#update(shape, updates))]);
    const missing = [...this.#missing].map(([table, keys]) => ({ table, keys }));
    this.#missing = new Map();
    return missing;
  }

  /** Some row was refused: what the catalogue said of constraints may be out of date. */
  get tookCare(): boolean {
    return this.#tookCare;
  }

  /**
   * Before the commit: tries once more what other rows stood in the way of, as long as that makes way. What is left may refer
   * to one another in a circle; then it is judged.
   */
  async finish(): Promise<void> {
    for (let left = Infinity; this.#postponed.size > 0 && this.#postponed.size < left;) {
      left = this.#postponed.size;
      const waiting = this.#takePostponed();
      for (const { shape, gone } of waiting.toReversed()) await this.#remove(shape, gone, false);
      for (const { shape, rows } of waiting) await this.#place(shape, rows, false);
    }
    const waiting = this.#takePostponed();
    for (const { shape, gone, rows } of waiting)
      await this.#loosen(shape, [
        ...gone,
        ...boundKeys(
          shape,
          rows.map(({ key }) => key),
        ),
      ]);
    for (const { shape, gone } of waiting.toReversed()) await this.#remove(shape, gone, true);
    for (const { shape, rows } of waiting)
      await this.#place(
        shape,
        rows.map((row) => loosened(shape, row)),
        true,
      );
    for (const { shape, rows } of waiting) for (const row of rows) await this.#refer(shape, row);
  }

  #takePostponed(): { readonly shape: TableShape; readonly gone: BoundKey[]; readonly rows: BoundRow[] }[] {
    if (this.#postponed.size === 0) return [];
    return this.#parts.catalog.parentsFirst.map((table) => ({ shape: this.#shape(table), ...this.#postponed.take(this.#shape(table)) }));
  }

  /** Parents first; without tables that are stopped, and with what earlier pieces have left waiting. */
  #inOrder(changes: readonly TableChange[]): Plan[] {
    const plans: Plan[] = [];
    for (const table of this.#parts.catalog.parentsFirst) {
      for (const change of changes) {
        if (tableKey(change.table.target) !== tableKey(table.target) || this.#parts.book.isStopped(table)) continue;
        plans.push(this.#plan(change));
      }
    }
    return plans;
  }

  #plan(change: TableChange): Plan {
    const shape = this.#shape(change.table);
    const plan: Plan = { shape, truncate: change.truncate, deletes: [], updates: [], upserts: [] };
    this.#clearQuarantine(shape, change);
    // All that waits is read before any of it is superseded: rows may exchange their keys.
    const older = change.updates.map(({ key }) => this.#postponed.supersede(shape, key));
    this.#supersedePostponed(shape, change);
    for (const row of change.upserts) this.#bound(plan, keyOf(shape, row), () => plan.upserts.push(bindRow(shape, row)));
    const moved = new Set<string>();
    for (const [index, { key, row }] of change.updates.entries()) {
      const partial = this.#partial(plan, key, row);
      if (partial === null) continue;
      const waiting = older[index] ?? null;
      if (waiting !== null) plan.upserts.push(filled(partial, waiting.values));
      else if (change.truncate) this.#miss(shape, partial);
      else plan.updates.push(partial);
      if (isMoved(partial)) moved.add(keyText(key));
    }
    // A row that moves away leaves nothing to delete; deleted, it could not move.
    for (const key of change.deletes) if (!moved.has(keyText(key))) plan.deletes.push(...boundKeys(shape, [key]));
    return plan;
  }

  /** Null when its values cannot be bound: it goes, under both its keys. */
  #partial(plan: Plan, oldKey: Key, row: Row): PartialRow | null {
    let partial: PartialRow | null = null;
    const key = keyOf(plan.shape, row);
    this.#bound(plan, key, () => {
      partial = bindPartial(plan.shape, row, oldKey);
    });
    if (partial === null && keyText(key) !== keyText(oldKey)) plan.deletes.push(...boundKeys(plan.shape, [oldKey]));
    return partial;
  }

  /** Sets a row aside when one of its values is none that its column can hold. */
  #bound({ shape, deletes }: Plan, key: Key, bind: () => void): void {
    try {
      bind();
    } catch (error) {
      if (!(error instanceof ReplicationError)) throw error;
      deletes.push(...boundKeys(shape, [key]));
      this.#parts.book.add(shape.mapping, key, error);
    }
  }

  #supersedePostponed(shape: TableShape, change: TableChange): void {
    if (this.#postponed.size === 0) return;
    if (change.truncate) this.#postponed.take(shape);
    const rows = [...change.upserts, ...change.updates.map(({ row }) => row)];
    for (const key of [...change.deletes, ...rows.map((row) => keyOf(shape, row))]) this.#postponed.supersede(shape, key);
  }

  #miss(shape: TableShape, { key }: PartialRow): void {
    const keys = this.#missing.get(shape.mapping) ?? [];
    keys.push(key);
    this.#missing.set(shape.mapping, keys);
  }

  async #empty(shape: TableShape): Promise<void> {
    try {
      await this.#parts.table.deleteAll(shape);
    } catch (error) {
      this.#throwUnlessRefused(error);
      await this.#emptyLoosened(shape);
    }
  }

  async #emptyLoosened(shape: TableShape): Promise<void> {
    try {
      await this.#parts.table.loosen(shape, "all");
      await this.#parts.table.deleteAll(shape);
    } catch (error) {
      this.#throwUnlessRefused(error);
      this.#stopUndeletable(shape);
    }
  }

  /** Rows that go; `final`: with whatever refers to them. */
  async #remove(shape: TableShape, keys: readonly BoundKey[], final: boolean): Promise<void> {
    if (this.#parts.book.isStopped(shape.mapping)) return;
    await this.#divide(
      keys,
      (some) => this.#parts.table.delete(shape, some),
      async (gone, refusal) => {
        if (!final && refusal.mayPassLater && this.#postponed.add(shape, { gone })) return;
        if (!refusal.mayPassLater || !(await this.#dislodge(shape, gone))) this.#stopUndeletable(shape);
      },
    );
  }

  /** Removes a row after the rows of the subscription that refer to it, which are set aside. False when others keep it. */
  async #dislodge(shape: TableShape, key: BoundKey): Promise<boolean> {
    for (const reference of this.#parts.catalog.foreignKeys) {
      if (reference.parent !== shape.mapping) continue;
      const child = this.#shape(reference.child);
      for (;;) {
        const keys = await this.#parts.table.children(child, shape, reference, key);
        if (keys.length === 0) break;
        await this.#parts.table.loosen(child, boundKeys(child, keys));
        for (const bound of boundKeys(child, keys)) {
          if (!(await this.#dislodge(child, bound))) return false;
          if (!this.#parts.book.isStopped(child.mapping)) this.#parts.book.add(child.mapping, bound.key, dangling(reference.name));
        }
      }
    }
    try {
      await this.#parts.table.delete(shape, [key]);
      return true;
    } catch (error) {
      this.#throwUnlessRefused(error);
      return false;
    }
  }

  async #loosen(shape: TableShape, keys: readonly BoundKey[]): Promise<void> {
    try {
      await this.#parts.table.loosen(shape, keys);
    } catch (error) {
      // The owner demands a value there: the rows stay as they are, and are judged so.
      this.#throwUnlessRefused(error);
    }
  }

  /** Gives a row that was written without its references what it refers to; sets it aside when that is not there. */
  async #refer(shape: TableShape, row: BoundRow): Promise<void> {
    if (shape.references.length === 0 || this.#parts.book.holds(shape.mapping, row.key) || this.#parts.book.isStopped(shape.mapping))
      return;
    const [key] = boundKeys(shape, [row.key]);
    if (key === undefined) return;
    try {
      await this.#parts.table.refer(shape, row, key);
    } catch (error) {
      const refusal = this.#throwUnlessRefused(error);
      if (await this.#dislodge(shape, key)) this.#parts.book.add(shape.mapping, row.key, refusal);
      else this.#stopUndeletable(shape);
    }
  }

  /**
   * Updates rows where they are, again as long as that makes way for others. Rows that are still in each other's way, or
   * refused for good, are read whole, all before any is removed, and given back to be placed anew.
   */
  async #update(shape: TableShape, partial: readonly PartialRow[]): Promise<BoundRow[]> {
    let open = partial;
    for (let round = 0; round < updateRoundsMax && open.length > 0; round += 1) {
      const refused: PartialRow[] = [];
      for (const row of open) if (!(await this.#updateOne(shape, row))) refused.push(row);
      open = refused;
    }
    const completed: BoundRow[] = [];
    for (const row of open) {
      const [oldKey] = boundKeys(shape, [row.oldKey]);
      const older = oldKey === undefined ? null : await this.#parts.table.read(shape, unchangedColumns(row), oldKey);
      if (older === null) this.#miss(shape, row);
      else completed.push(filled(row, older));
    }
    const away = open.filter(isMoved).map(({ oldKey }) => oldKey);
    await this.#remove(shape, boundKeys(shape, away), false);
    return completed;
  }

  /** False when the target refuses it. */
  async #updateOne(shape: TableShape, row: PartialRow): Promise<boolean> {
    const [oldKey] = boundKeys(shape, [row.oldKey]);
    try {
      if (oldKey === undefined || !(await this.#parts.table.update(shape, row, oldKey))) this.#miss(shape, row);
      return true;
    } catch (error) {
      this.#throwUnlessRefused(error);
      return false;
    }
  }

  /** Inserts or replaces rows; with care from the first refusal on. */
  async #put(shape: TableShape, rows: readonly BoundRow[]): Promise<void> {
    if (rows.length === 0 || this.#parts.book.isStopped(shape.mapping)) return;
    let written = 0;
    try {
      for (const piece of this.#parts.table.pieces(shape, rows)) {
        await this.#parts.table.upsert(shape, piece);
        written += piece.length;
      }
    } catch (error) {
      this.#throwUnlessRefused(error);
      await this.#place(shape, rows.slice(written), false);
    }
  }

  /**
   * Puts rows into their new state whatever their old one: the old versions go first, so that values of unique columns
   * can change hands.
   */
  async #place(shape: TableShape, rows: readonly BoundRow[], final: boolean): Promise<void> {
    if (rows.length === 0 || this.#parts.book.isStopped(shape.mapping)) return;
    const cleared = await this.#removed(shape, rows);
    const write = async (some: readonly BoundRow[]): Promise<void> => {
      if (this.#parts.book.isStopped(shape.mapping)) return;
      if (cleared) await this.#insert(shape, some);
      else await this.#parts.table.upsert(shape, some);
    };
    const refused = async (row: BoundRow, refusal: RowsRefused): Promise<void> => {
      if (!final && refusal.mayPassLater && this.#postponed.add(shape, { row })) return;
      if (!cleared) await this.#remove(shape, boundKeys(shape, [row.key]), final);
      this.#parts.book.add(shape.mapping, row.key, refusal);
    };
    for (const piece of this.#parts.table.pieces(shape, rows)) await this.#divide(piece, write, refused);
  }

  async #insert(shape: TableShape, piece: readonly BoundRow[]): Promise<void> {
    try {
      await this.#parts.table.insert(shape, piece);
    } catch (error) {
      // Rows of which the server has changed a value are there.
      if (error instanceof RowsRefused) await this.#removed(shape, piece);
      throw error;
    }
  }

  /** False when the target does not let them go. */
  async #removed(shape: TableShape, rows: readonly BoundRow[]): Promise<boolean> {
    try {
      await this.#parts.table.delete(
        shape,
        boundKeys(
          shape,
          rows.map(({ key }) => key),
        ),
      );
      return true;
    } catch (error) {
      this.#throwUnlessRefused(error);
      return false;
    }
  }

  #stopUndeletable(shape: TableShape): void {
    this.#parts.book.stop(shape.mapping, "DB-ROW-009", "a foreign key or a trigger of the target keeps it");
  }

  /** Whatever was set aside under these keys is judged anew; what is refused again comes back. */
  #clearQuarantine(shape: TableShape, { truncate, deletes, updates, upserts }: TableChange): void {
    const { book } = this.#parts;
    if (truncate) book.clearAll(shape.mapping);
    if (book.count(shape.mapping) === 0) return;
    const keys = [...deletes, ...updates.flatMap(({ key, row }) => [key, keyOf(shape, row)]), ...upserts.map((row) => keyOf(shape, row))];
    book.clear(shape.mapping, keys);
  }

  /** Halves what fails until single items are found: about k·log n statements for k bad items among n. */
  async #divide<T>(
    items: readonly T[],
    work: (some: readonly T[]) => Promise<void>,
    refused: (item: T, refusal: RowsRefused) => Promise<void>,
  ): Promise<void> {
    const [first] = items;
    if (first === undefined) return;
    try {
      await work(items);
    } catch (error) {
      const refusal = this.#throwUnlessRefused(error);
      if (items.length === 1) return refused(first, refusal);
      const middle = items.length >> 1;
      await this.#divide(items.slice(0, middle), work, refused);
      await this.#divide(items.slice(middle), work, refused);
    }
  }

  #throwUnlessRefused(error: unknown): RowsRefused {
    if (!(error instanceof RowsRefused)) throw error;
    this.#tookCare = true;
    return error;
  }

  #shape(table: TableMapping): TableShape {
    const shape = this.#parts.catalog.shapes.get(tableKey(table.target));
    assert(shape !== undefined, "every table of the subscription was read from the target's catalogue");
    return shape;
  }
}

/** The row without what it refers to. */
function loosened(shape: TableShape, row: BoundRow): BoundRow {
  return { ...row, values: row.values.map((value, index) => (shape.references.includes(index) ? null : value)) };
}

/** Keys as they are compared; without those that are no values of their columns, under which no row can be. */
function boundKeys(shape: TableShape, keys: readonly Key[]): BoundKey[] {
  return keys.flatMap((key) => {
    try {
      return [bindKey(shape, key)];
    } catch (error) {
      if (error instanceof ReplicationError) return [];
      throw error;
    }
  });
}
