// Writes changes of several tables: all at once when nothing stands in the way, else with care, so that a row that the
// target refuses is found and the others pass.
import { assert } from "../../../engine/model/assert.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { RowList } from "../../../engine/model/packed-rows.ts";
import { type Key, keyText, type Row } from "../../../engine/model/row.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { tableKey } from "../../../engine/model/table.ts";
import type { TableChange } from "../../../engine/ports/change-target.ts";
import { sqlState } from "../postgres-errors.ts";
import { lacksEnumLabel, mayPassLater, type OpenTransaction, refusesRows } from "./open-transaction.ts";
import { PostponedRows } from "./postponed-rows.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import type { StatementFailure } from "./statement-batch.ts";
import {
  completions,
  deleteAll,
  deletes,
  filled,
  isMoved,
  keyOf,
  type PartialRow,
  type TableWrite,
  updates,
  upserts,
  type WriteScope,
} from "./table-writes.ts";
import type { TableShape, TargetCatalog } from "./target-catalog.ts";

export interface WriterParts extends WriteScope {
  readonly transaction: OpenTransaction;
  readonly catalog: TargetCatalog;
  readonly book: QuarantineBook;
  /** Labels were added to the target's enum types since the last commit: one that is still unknown is a poison value. */
  readonly typesRefreshed: boolean;
}

/** Rows that make way for one another are updated in so many rounds at most; what is left then is read and placed anew. */
const updateRoundsMax = 3;

/** A TableChange on its way, in the order in which it will be written. */
interface Plan {
  readonly shape: TableShape;
  readonly truncate: boolean;
  readonly deletes: readonly Key[];
  readonly updates: readonly PartialRow[];
  readonly upserts: RowList;
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

  /** Gives the keys of partial rows whose unchanged columns nobody here knows. Throws StatementFailure or ReplicationError. */
  async write(changes: readonly TableChange[]): Promise<MissingRows> {
    const plans = this.#inOrder(changes);
    for (const plan of plans) this.#clearQuarantine(plan);
    const written = !plans.some(isEntangled) && (await this.#attempt(() => this.#allAtOnce(plans)));
    if (!written) {
      this.#tookCare = true;
      await this.#withCare(plans);
    }
    const missing = [...this.#missing].map(([table, keys]) => ({ table, keys }));
    this.#missing = new Map();
    return missing;
  }

  /** These rows were written by other means. */
  written(shape: TableShape, rows: RowList): void {
    const isAnyAside = this.#parts.book.count(shape.mapping) > 0;
    if (!isAnyAside && this.#postponed.empty) return;
    const keys = Array.from(rows, (row) => keyOf(shape, row));
    if (isAnyAside) this.#parts.book.clear(shape.mapping, keys);
    for (const key of keys) this.#postponed.supersede(shape, key);
  }

  /** Some row was refused: what the catalogue said of constraints may be out of date. */
  get tookCare(): boolean {
    return this.#tookCare;
  }

  /** Before the commit: tries once more what other rows stood in the way of, and judges what still fails. */
  async finish(): Promise<void> {
    if (this.#postponed.empty) return;
    const waiting = this.#parts.catalog.parentsFirst.map((table) => ({
      shape: this.#shape(table),
      ...this.#postponed.take(this.#shape(table)),
    }));
    for (const { shape, deletes: keys } of waiting.toReversed()) await this.#removeEach(shape, keys, true);
    for (const { shape, rows } of waiting) await this.#place(shape, rows, true);
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
    const completed: Row[] = [];
    const updated: PartialRow[] = [];
    // All that waits is read before any of it is superseded: rows may exchange their keys.
    const older = change.updates.map((update) => this.#postponed.supersede(shape, update.key));
    this.#supersedePostponed(shape, change);
    const moved = new Set<string>();
    for (const [index, update] of change.updates.entries()) {
      const waiting = older[index] ?? null;
      if (waiting !== null) {
        completed.push(filled(update.row, waiting));
      } else if (change.truncate) {
        this.#miss(shape, [update]);
      } else {
        updated.push(update);
        if (isMoved(shape, update)) moved.add(keyText(update.key));
      }
    }
    // A row that moves away leaves nothing to delete; deleted, it could not move.
    const gone = change.deletes.filter((key) => !moved.has(keyText(key)));
    const rows = completed.length === 0 ? change.upserts : [...change.upserts, ...completed];
    return { shape, truncate: change.truncate, deletes: gone, updates: updated, upserts: rows };
  }

  #supersedePostponed(shape: TableShape, change: TableChange): void {
    if (this.#postponed.empty) return;
    if (change.truncate) this.#postponed.supersedeAll(shape);
    const rows = [...change.upserts, ...change.updates.map(({ row }) => row)];
    for (const key of [...change.deletes, ...rows.map((row) => keyOf(shape, row))]) this.#postponed.supersede(shape, key);
  }

  async #complete(shape: TableShape, partial: readonly PartialRow[]): Promise<Row[]> {
    const found: Row[] = [];
    const read = async (some: readonly PartialRow[]): Promise<void> => {
      const reads = completions(shape, some);
      const results = await this.#parts.transaction.attempt(reads.map(({ statement }) => statement));
      for (const [index, { settle }] of reads.entries()) {
        const { complete, missing } = settle(results[index] ?? { rows: [], count: 0 });
        found.push(...complete);
        this.#miss(shape, missing);
      }
    };
    // A key that the target cannot even read has no row there.
    await this.#divide(partial, read, async (row) => Promise.resolve(this.#miss(shape, [row])));
    return found;
  }

  #miss(shape: TableShape, partial: readonly PartialRow[]): void {
    const keys = this.#missing.get(shape.mapping) ?? [];
    keys.push(...partial.map(({ row }) => keyOf(shape, row)));
    if (keys.length > 0) this.#missing.set(shape.mapping, keys);
  }

  async #allAtOnce(plans: readonly Plan[]): Promise<void> {
    const childrenFirst = plans.toReversed();
    await this.#perform([
      ...childrenFirst.filter((plan) => plan.truncate).map((plan) => deleteAll(this.#parts, plan.shape)),
      ...childrenFirst.flatMap((plan) => deletes(this.#parts, plan.shape, plan.deletes)),
      ...plans.flatMap((plan) => [...this.#updates(plan.shape, plan.updates), ...upserts(this.#parts, plan.shape, plan.upserts)]),
    ]);
  }

  #updates(shape: TableShape, partial: readonly PartialRow[]): TableWrite[] {
    return updates(this.#parts, shape, partial, (missing) => this.#miss(shape, missing));
  }

  /** The slow way: table by table, each refusal divided until the row is found. */
  async #withCare(plans: readonly Plan[]): Promise<void> {
    for (const { shape, truncate } of plans.toReversed()) {
      if (truncate && !(await this.#attempt(() => this.#perform([deleteAll(this.#parts, shape)])))) this.#stopUndeletable(shape);
    }
    for (const { shape, deletes: keys } of plans.toReversed()) await this.#removeEach(shape, keys, false);
    for (const { shape, updates: partial, upserts: rows } of plans) {
      const completed = await this.#updateEach(shape, partial);
      await this.#place(shape, [...rows, ...completed], false);
    }
  }

  /**
   * Updates rows where they are, again as long as that makes way for others. Rows that are still in each other's way, or
   * refused for good, are read whole, all before any is removed, and given back to be placed anew.
   */
  async #updateEach(shape: TableShape, partial: readonly PartialRow[]): Promise<Row[]> {
    let open: readonly PartialRow[] = await this.#present(shape, partial);
    for (let round = 0; round < updateRoundsMax && open.length > 0; round += 1) {
      const refused: PartialRow[] = [];
      await this.#divide(
        open,
        (some) => this.#perform(this.#updates(shape, some)),
        async (one) => {
          refused.push(one);
          return Promise.resolve();
        },
      );
      open = refused;
    }
    const completed = await this.#complete(shape, open);
    const moved = open.filter((one) => isMoved(shape, one));
    await this.#removeEach(
      shape,
      moved.map(({ key }) => key),
      false,
    );
    return completed;
  }

  /**
   * Without rows that move and are not there: looked up before any moves, for the place that one should have come from may be
   * the place that another has just come to.
   */
  async #present(shape: TableShape, partial: readonly PartialRow[]): Promise<PartialRow[]> {
    const missing = new Set<PartialRow>();
    const look = async (some: readonly PartialRow[]): Promise<void> => {
      const reads = completions(shape, some);
      const results = await this.#parts.transaction.attempt(reads.map(({ statement }) => statement));
      for (const [index, { settle }] of reads.entries())
        for (const row of settle(results[index] ?? { rows: [], count: 0 }).missing) missing.add(row);
    };
    const moved = partial.filter((row) => isMoved(shape, row));
    await this.#divide(moved, look, async (row) => Promise.resolve(void missing.add(row)));
    this.#miss(shape, [...missing]);
    return partial.filter((row) => !missing.has(row));
  }

  async #removeEach(shape: TableShape, keys: readonly Key[], final: boolean): Promise<void> {
    if (this.#parts.book.isStopped(shape.mapping)) return;
    await this.#divide(
      keys,
      (some) => this.#perform(deletes(this.#parts, shape, some)),
      async (key, failure) => {
        const waits = !final && mayPassLater(failure) && this.#postponed.add(shape, key, null);
        if (!waits && !isUnreadable(failure)) this.#stopUndeletable(shape);
        return Promise.resolve();
      },
    );
  }

  /**
   * Puts rows into their new state whatever their old one: the old versions go first, so that values of unique columns
   * can change hands.
   */
  async #place(shape: TableShape, rows: readonly Row[], final: boolean): Promise<void> {
    if (rows.length === 0 || this.#parts.book.isStopped(shape.mapping)) return;
    const cleared = await this.#removed(
      shape,
      rows.map((row) => keyOf(shape, row)),
    );
    await this.#divide(
      rows,
      (some) => (this.#parts.book.isStopped(shape.mapping) ? Promise.resolve() : this.#perform(upserts(this.#parts, shape, some))),
      async (row, failure) => {
        const key = keyOf(shape, row);
        if (!cleared && !(await this.#removed(shape, [key]))) this.#stopUndeletable(shape);
        else if (final || !mayPassLater(failure) || !this.#postponed.add(shape, key, row))
          this.#parts.book.add(shape.mapping, key, failure.cause);
      },
    );
  }

  /** False when the target does not let them go. */
  async #removed(shape: TableShape, keys: readonly Key[]): Promise<boolean> {
    try {
      await this.#perform(deletes(this.#parts, shape, keys));
      return true;
    } catch (error) {
      return keys.length === 1 && isUnreadable(this.#throwUnlessRefused(error));
    }
  }

  #stopUndeletable(shape: TableShape): void {
    this.#parts.book.stop(shape.mapping, "DB-ROW-009", "a foreign key or a trigger of the target keeps it");
  }

  /** Whatever was set aside under these keys is judged anew; what is refused again comes back. */
  #clearQuarantine({ shape, truncate, deletes: gone, updates: partial, upserts: rows }: Plan): void {
    const { book } = this.#parts;
    if (truncate) book.clearAll(shape.mapping);
    if (book.count(shape.mapping) === 0) return;
    const keys = [...gone, ...partial.flatMap(({ key, row }) => [key, keyOf(shape, row)]), ...Array.from(rows, (row) => keyOf(shape, row))];
    book.clear(shape.mapping, keys);
  }

  /** Statements that stand or fall together. */
  async #perform(writes: readonly TableWrite[]): Promise<void> {
    if (writes.length === 0) return;
    const results = await this.#parts.transaction.attempt(writes.map(({ statement }) => statement));
    for (const [index, { settle }] of writes.entries()) settle(results[index] ?? { rows: [], count: 0 });
  }

  /** False when the target refuses the rows; every other failure is thrown. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#throwUnlessRefused(error);
      return false;
    }
  }

  /** Halves what fails until single items are found: about k·log n statements for k bad items among n. */
  async #divide<T>(
    items: readonly T[],
    work: (some: readonly T[]) => Promise<void>,
    refused: (item: T, failure: StatementFailure) => Promise<void>,
  ): Promise<void> {
    const [first] = items;
    if (first === undefined) return;
    try {
      await work(items);
    } catch (error) {
      const failure = this.#throwUnlessRefused(error);
      if (items.length === 1) return refused(first, failure);
      const middle = items.length >> 1;
      await this.#divide(items.slice(0, middle), work, refused);
      await this.#divide(items.slice(middle), work, refused);
    }
  }

  #throwUnlessRefused(error: unknown): StatementFailure {
    if (!refusesRows(error)) throw error;
    if (lacksEnumLabel(error) && !this.#parts.typesRefreshed) {
      throw new ReplicationError("DB-TGT-015", { subject: "an enum type of the copy" });
    }
    return error;
  }

  #shape(table: TableMapping): TableShape {
    const shape = this.#parts.catalog.shapes.get(tableKey(table.target));
    assert(shape !== undefined, "every table of the subscription was read from the target's catalogue");
    return shape;
  }
}

/** A row comes to a place that another one leaves: of several statements a later one would take it for the other, were that one not there. */
function isEntangled({ shape, updates: partial }: Plan): boolean {
  const moved = partial.filter((row) => isMoved(shape, row));
  if (moved.length < 2) return false;
  const left = new Set(moved.map(({ key }) => keyText(key)));
  return moved.some(({ row }) => left.has(keyText(keyOf(shape, row))));
}

/** The value of a key is none of the column's type: no row of the target can have it. */
function isUnreadable(failure: StatementFailure): boolean {
  return sqlState(failure.cause)?.startsWith("22") === true;
}
