// A TableChange with its values as they are bound, in the order in which it will be written.
import { PackedRows } from "../../../engine/model/packed-rows.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Key, keyText, type Row } from "../../../engine/model/row.ts";
import type { TableChange } from "../../../engine/ports/change-target.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import {
  bindPartial,
  bindRow,
  bytesOf,
  type BoundKey,
  boundKeys,
  type BoundRow,
  filled,
  isMoved,
  keyOf,
  type PartialRow,
} from "./bound-row.ts";
import type { PostponedRows } from "./postponed-rows.ts";
import type { TableWriter } from "./table-writer.ts";
import type { TableShape } from "./target-catalog.ts";

export interface ChangePlan {
  readonly shape: TableShape;
  readonly truncate: boolean;
  readonly deletes: BoundKey[];
  readonly updates: PartialRow[];
  readonly upserts: BoundRow[];
  /** Rows to be tried as they are, before anything is bound: nothing that waits from earlier pieces stands in their way. */
  readonly packed: PackedRows | null;
  /** Partial rows whose old row was emptied away: the keys they have now. */
  readonly missing: Key[];
}

export interface PlanParts {
  readonly table: Pick<TableWriter, "refuseTooLarge">;
  readonly book: QuarantineBook;
  readonly postponed: PostponedRows;
}

/**
 * Rows that wait from earlier pieces give way to newer ones, or complete them. A row of which a column cannot hold its value,
 * or no statement the whole, is set aside, and goes under all its keys.
 */
export function planChange(shape: TableShape, change: TableChange, { table, book, postponed }: PlanParts): ChangePlan {
  clearQuarantine(shape, change, book);
  // All that waits is read before any of it is superseded: rows may exchange their keys.
  const older = change.updates.map(({ key }) => postponed.supersede(shape, key));
  supersedePostponed(shape, change, postponed);
  const packed = change.upserts instanceof PackedRows && postponed.size === 0 ? change.upserts : null;
  const plan: ChangePlan = { shape, truncate: change.truncate, deletes: [], updates: [], upserts: [], packed, missing: [] };
  for (const row of packed === null ? change.upserts : []) {
    const bound = bindOrSetAside(plan, book, keyOf(shape, row), () => {
      const whole = bindRow(shape, row);
      table.refuseTooLarge(shape, whole.bytes);
      return whole;
    });
    if (bound !== null) plan.upserts.push(bound);
  }
  const moved = new Set<string>();
  for (const [index, { key, row }] of change.updates.entries()) {
    const partial = bindOrSetAside(plan, book, keyOf(shape, row), () => {
      const known = bindPartial(shape, row, key);
      table.refuseTooLarge(shape, bytesOf(known.values));
      return known;
    });
    if (partial === null) {
      plan.deletes.push(...boundKeys(shape, [key]));
      continue;
    }
    const waiting = older[index] ?? null;
    if (waiting !== null) plan.upserts.push(filled(partial, waiting.values));
    else if (change.truncate) plan.missing.push(partial.key);
    else plan.updates.push(partial);
    if (isMoved(partial)) moved.add(keyText(key));
  }
  // A row that moves away leaves nothing to delete; deleted, it could not move.
  const gone = change.deletes.filter((key) => !moved.has(keyText(key)));
  plan.deletes.push(...boundKeys(shape, gone));
  return plan;
}

function bindOrSetAside<T>({ shape, deletes }: ChangePlan, book: QuarantineBook, key: Key, bind: () => T): T | null {
  try {
    return bind();
  } catch (error) {
    if (!(error instanceof ReplicationError)) throw error;
    deletes.push(...boundKeys(shape, [key]));
    book.add(shape.mapping, key, error);
    return null;
  }
}

/** Whatever was set aside under these keys is judged anew; what is refused again comes back. */
function clearQuarantine(shape: TableShape, change: TableChange, book: QuarantineBook): void {
  if (change.truncate) book.clearAll(shape.mapping);
  if (book.count(shape.mapping) === 0) return;
  book.clear(shape.mapping, [
    ...change.deletes,
    ...change.updates.map(({ key }) => key),
    ...rowsOf(change).map((row) => keyOf(shape, row)),
  ]);
}

function supersedePostponed(shape: TableShape, change: TableChange, postponed: PostponedRows): void {
  if (postponed.size === 0) return;
  if (change.truncate) postponed.take(shape);
  for (const key of [...change.deletes, ...rowsOf(change).map((row) => keyOf(shape, row))]) postponed.supersede(shape, key);
}

function rowsOf({ upserts, updates }: TableChange): Row[] {
  return [...upserts, ...updates.map(({ row }) => row)];
}
