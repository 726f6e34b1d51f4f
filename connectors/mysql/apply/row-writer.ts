// Writes changes of several tables: in few statements when nothing stands in the way, else with care, so that a row that
// the target refuses is found and the others pass.
import { setImmediate } from "node:timers/promises";
import type { PackedRows } from "../../../engine/model/packed-rows.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { tableKey } from "../../../engine/model/table.ts";
import type { TableChange } from "../../../engine/ports/change-target.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import { type BoundKey, boundKeys, type BoundRow, filled, isMoved, loosened, type PartialRow, unchangedColumns } from "./bound-row.ts";
import { type ChangePlan, planChange } from "./change-plan.ts";
import { PostponedRows } from "./postponed-rows.ts";
import { RefusalWatch, RowsRefused } from "./refusal.ts";
import { RowRemover, type WriterParts } from "./row-remover.ts";
import type { TableWriter } from "./table-writer.ts";
import type { TableShape, TargetCatalog } from "./target-catalog.ts";

/** Rows that make way for one another are updated in so many rounds at most; what is left then is read and placed anew. */
const updateRoundsMax = 3;

export type MissingRows = { readonly table: TableMapping; readonly keys: Key[] }[];

interface Waiting {
  readonly shape: TableShape;
  readonly gone: BoundKey[];
  readonly rows: BoundRow[];
}

export class RowWriter {
  readonly #parts: WriterParts;
  readonly #remover: RowRemover;
  #missing = new Map<TableMapping, Key[]>();

  constructor(table: TableWriter, catalog: TargetCatalog, book: QuarantineBook) {
    this.#parts = { table, catalog, book, postponed: new PostponedRows(), refusals: new RefusalWatch() };
    this.#remover = new RowRemover(this.#parts);
  }

  /** Gives the keys of partial rows whose unchanged columns nobody here knows. Throws ReplicationError. */
  async write(changes: readonly TableChange[]): Promise<MissingRows> {
    const plans = this.#inOrder(changes);
    const childrenFirst = plans.toReversed();
    await this.#remover.empty(childrenFirst.filter(({ truncate }) => truncate).map(({ shape }) => shape));
    for (const { shape, deletes } of childrenFirst) await this.#remover.remove(shape, deletes, false);
    for (const plan of plans) {
      this.#miss(plan.shape, plan.missing);
      await this.#put(plan.shape, [...plan.upserts, ...(await this.#update(plan.shape, plan.updates))]);
      if (plan.packed !== null) await this.#putPacked(plan.shape, plan.packed);
    }
    const missing = [...this.#missing].map(([table, keys]) => ({ table, keys }));
    this.#missing = new Map();
    return missing;
  }

  /** Some row was refused: what the catalogue said of constraints may be out of date. */
  get tookCare(): boolean {
    return this.#parts.refusals.seen;
  }

  /** Removes rows that a finished load has not seen since batch `before`. */
  async sweep(table: TableMapping, before: number): Promise<void> {
    await this.#remover.sweep(this.#remover.shape(table), before);
  }

  /**
   * Before the commit: tries once more what other rows stood in the way of, as long as that makes way. What is left may refer
   * to one another in a circle; then it is judged.
   */
  async finish(): Promise<void> {
    const { postponed } = this.#parts;
    for (let left = Infinity; postponed.size > 0 && postponed.size < left;) {
      left = postponed.size;
      const waiting = this.#takeWaiting();
      for (const { shape, gone } of waiting.toReversed()) await this.#remover.remove(shape, gone, false);
      for (const { shape, rows } of waiting) await this.#place(shape, rows, false);
    }
    if (postponed.size > 0) await this.#judge(this.#takeWaiting());
  }

  async #judge(waiting: readonly Waiting[]): Promise<void> {
    for (const { shape, gone, rows } of waiting) await this.#remover.loosen(shape, [...gone, ...keysOf(shape, rows)]);
    for (const { shape, gone } of waiting.toReversed()) await this.#remover.remove(shape, gone, true);
    for (const { shape, rows } of waiting) {
      const bare = rows.map((row) => loosened(shape, row));
      await this.#place(shape, bare, true);
    }
    for (const { shape, rows } of waiting) for (const row of rows) await this.#refer(shape, row);
  }

  #takeWaiting(): Waiting[] {
    return this.#parts.catalog.parentsFirst.map((table) => {
      const shape = this.#remover.shape(table);
      return { shape, ...this.#parts.postponed.take(shape) };
    });
  }

  /** Parents first; without tables that are stopped, and with what earlier pieces have left waiting. */
  #inOrder(changes: readonly TableChange[]): ChangePlan[] {
    const { catalog, book } = this.#parts;
    const plans: ChangePlan[] = [];
    for (const table of catalog.parentsFirst) {
      for (const change of changes) {
        if (tableKey(change.table.target) !== tableKey(table.target) || book.isStopped(table)) continue;
        plans.push(planChange(this.#remover.shape(table), change, this.#parts));
      }
    }
    return plans;
  }

  #miss(shape: TableShape, missing: readonly Key[]): void {
    if (missing.length === 0) return;
    this.#missing.set(shape.mapping, [...(this.#missing.get(shape.mapping) ?? []), ...missing]);
  }

  /**
   * Updates rows where they are, again as long as that makes way for others. Rows that are still in each other's way, or
   * refused for good, are read whole, all before any is removed, and given back to be placed anew.
   */
  async #update(shape: TableShape, partial: readonly PartialRow[]): Promise<BoundRow[]> {
    let open: readonly PartialRow[] = await this.#present(shape, partial);
    for (let round = 0; round < updateRoundsMax && open.length > 0; round += 1) {
      const refused: PartialRow[] = [];
      for (const row of open) if (!(await this.#parts.refusals.passed(() => this.#updateOne(shape, row)))) refused.push(row);
      open = refused;
    }
    const completed: BoundRow[] = [];
    for (const row of open) {
      const [oldKey] = boundKeys(shape, [row.oldKey]);
      const older = oldKey === undefined ? null : await this.#parts.table.read(shape, unchangedColumns(row), oldKey);
      if (older === null) this.#miss(shape, [row.key]);
      else completed.push(filled(row, older));
    }
    const away = open.filter(isMoved).map(({ oldKey }) => oldKey);
    await this.#remover.remove(shape, boundKeys(shape, away), false);
    return completed;
  }

  /**
   * Without rows that move and are not there: looked up before any moves, for the place that one should have come from may be
   * the place that another has just come to.
   */
  async #present(shape: TableShape, partial: readonly PartialRow[]): Promise<PartialRow[]> {
    const present: PartialRow[] = [];
    for (const row of partial) {
      const [oldKey] = isMoved(row) ? boundKeys(shape, [row.oldKey]) : [];
      if (!isMoved(row) || (oldKey !== undefined && (await this.#parts.table.read(shape, shape.key, oldKey)) !== null)) present.push(row);
      else this.#miss(shape, [row.key]);
    }
    return present;
  }

  async #updateOne(shape: TableShape, row: PartialRow): Promise<void> {
    const [oldKey] = boundKeys(shape, [row.oldKey]);
    if (oldKey === undefined || !(await this.#parts.table.update(shape, row, oldKey))) this.#miss(shape, [row.key]);
  }

  /** As #put; rows are bound from the first piece on that does not go as it is. */
  async #putPacked(shape: TableShape, rows: PackedRows): Promise<void> {
    const { table, book, refusals } = this.#parts;
    const pieces = book.isStopped(shape.mapping) ? [] : table.packedPieces(rows);
    let packet = await this.#packet(shape, pieces[0]);
    let written = 0;
    for (const [index, piece] of pieces.entries()) {
      if (packet === null) break;
      const sent = packet;
      const upsert = refusals.passed(() => table.upsertPacked(shape, piece.length, sent));
      const [passed, next] = await Promise.all([upsert, this.#packet(shape, pieces[index + 1])]);
      if (!passed) break;
      written += piece.length;
      packet = next;
    }
    if (written === rows.length) return;
    const rest = { table: shape.mapping, truncate: false, deletes: [], updates: [], upserts: [...rows.from(written)] };
    const { deletes, upserts } = planChange(shape, rest, this.#parts);
    await this.#remover.remove(shape, deletes, false);
    await this.#put(shape, upserts);
  }

  /** Made once what was begun before is on its way to the server. */
  async #packet(shape: TableShape, piece: PackedRows | undefined): Promise<Buffer | null> {
    await setImmediate();
    return piece === undefined ? null : this.#parts.table.packed(shape, piece);
  }

  /** Inserts or replaces rows; with care from the first refusal on. */
  async #put(shape: TableShape, rows: readonly BoundRow[]): Promise<void> {
    const { table, book, postponed, refusals } = this.#parts;
    if (rows.length === 0 || book.isStopped(shape.mapping)) return;
    // Earlier rows of the same keys that could not go yet are replaced now.
    if (postponed.size > 0) for (const { key } of rows) postponed.supersede(shape, key);
    let written = 0;
    for (const piece of table.pieces(shape, rows)) {
      if (!(await refusals.passed(() => table.upsert(shape, piece)))) break;
      written += piece.length;
    }
    await this.#place(shape, rows.slice(written), false);
  }

  /**
   * Puts rows into their new state whatever their old one: the old versions go first, or at least their values where other
   * rows refer to them, so that values of unique columns can change hands.
   */
  async #place(shape: TableShape, rows: readonly BoundRow[], final: boolean): Promise<void> {
    const { table, book, postponed, refusals } = this.#parts;
    if (rows.length === 0 || book.isStopped(shape.mapping)) return;
    const keys = keysOf(shape, rows);
    const cleared = await this.#remover.clear(shape, keys);
    if (!cleared) await refusals.passed(() => table.blank(shape, keys));
    const write = async (some: readonly BoundRow[]): Promise<void> => {
      if (book.isStopped(shape.mapping)) return;
      if (cleared) await this.#insert(shape, some);
      else await table.upsert(shape, some);
    };
    const refused = async (row: BoundRow, refusal: RowsRefused): Promise<void> => {
      if (!final && refusal.mayPassLater && postponed.add(shape, { row })) return;
      if (!cleared) await this.#remover.remove(shape, keysOf(shape, [row]), final);
      book.add(shape.mapping, row.key, refusal);
    };
    for (const piece of table.pieces(shape, rows)) await refusals.divide(piece, write, refused);
  }

  async #insert(shape: TableShape, piece: readonly BoundRow[]): Promise<void> {
    try {
      await this.#parts.table.insert(shape, piece);
    } catch (error) {
      // Rows of which the server has changed a value are there.
      if (error instanceof RowsRefused) await this.#remover.clear(shape, keysOf(shape, piece));
      throw error;
    }
  }

  /** Gives a row that was written without its references what it refers to; sets it aside when that is not there. */
  async #refer(shape: TableShape, row: BoundRow): Promise<void> {
    const { table, book, refusals } = this.#parts;
    if (shape.references.length === 0 || book.isStopped(shape.mapping) || book.holds(shape.mapping, row.key)) return;
    await refusals.divide(
      keysOf(shape, [row]),
      async (keys) => {
        for (const key of keys) await table.refer(shape, row, key);
      },
      async (key, refusal) => {
        await this.#remover.remove(shape, [key], true);
        book.add(shape.mapping, row.key, refusal);
      },
    );
  }
}

function keysOf(shape: TableShape, rows: readonly BoundRow[]): BoundKey[] {
  return boundKeys(
    shape,
    rows.map(({ key }) => key),
  );
}
