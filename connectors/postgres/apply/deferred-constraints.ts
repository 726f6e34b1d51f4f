// Constraints that owners have added to physical tables and that may be judged at the end of a transaction.
import type { Key } from "../../../engine/model/row.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import { sqlState } from "../postgres-errors.ts";
import { quoteIdentifier } from "../quote.ts";
import type { ApplySession } from "./apply-session.ts";
import { type OpenTransaction, plain, refusesRows } from "./open-transaction.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import type { RowTally } from "../../../engine/target/row-tally.ts";
import { type Statement, StatementFailure } from "./statement-batch.ts";
import { deleteWhereSql } from "./table-sql.ts";
import type { ForeignKey, TargetCatalog } from "./target-catalog.ts";

/**
 * A batch holds the net effect of many source transactions, so a reference may be dangling between two of its statements
 * and whole after the last. Foreign keys of the subscription's own tables are therefore made deferrable; as their owner
 * declared them they go on to hold for everybody else. True when something was changed. Where dongbo may not do this, the
 * order of writing has to do.
 */
export async function makeDeferrable(session: ApplySession, catalog: TargetCatalog): Promise<boolean> {
  let changed = false;
  for (const key of catalog.foreignKeys) {
    const shape = catalog.shapes.get(tableKey(key.child.target));
    if (key.deferrable || key.actsByItself || shape === undefined) continue;
    const alter = `ALTER TABLE ${shape.physical} ALTER CONSTRAINT ${quoteIdentifier(key.name)} DEFERRABLE INITIALLY IMMEDIATE`;
    try {
      await session.run([plain("BEGIN"), plain("SET LOCAL lock_timeout = '2s'"), plain(alter), plain("COMMIT")]);
      changed = true;
    } catch (error) {
      if (session.lost || !(error instanceof StatementFailure)) throw error;
      await session.run([plain("ROLLBACK")]);
      // Not ours to change, or in use now: the next look at the catalogue tries again.
      if (!["42501", "55P03"].includes(sqlState(error.cause) ?? "")) throw error;
    }
  }
  return changed;
}

/** What a transaction starts with: nothing waits for the end but the foreign keys between the subscription's tables. */
export function constraintSettings(catalog: TargetCatalog): Statement[] {
  const deferred = catalog.foreignKeys.filter((key) => key.deferrable).map((key) => key.qualified);
  return [
    ...(catalog.deferrableConstraints ? [plain("SET CONSTRAINTS ALL IMMEDIATE")] : []),
    ...(deferred.length === 0 ? [] : [plain(`SET CONSTRAINTS ${[...new Set(deferred)].join(", ")} DEFERRED`)]),
  ];
}

interface CheckParts {
  readonly transaction: OpenTransaction;
  readonly catalog: TargetCatalog;
  readonly book: QuarantineBook;
  readonly tally: RowTally;
  readonly quarantineMax: number;
}

/**
 * Judges the deferred foreign keys before the commit, and sets rows aside that refer to nothing. Throws DB-TGT-017 when a
 * constraint fails that the catalogue, as it was last read, does not explain.
 */
export async function settleConstraints(parts: CheckParts): Promise<void> {
  const deferred = parts.catalog.foreignKeys.filter((key) => key.deferrable);
  if (deferred.length === 0 || !parts.transaction.begun) return;
  for (;;) {
    const failure = await judged(parts.transaction);
    if (failure === null) return;
    let removed = 0;
    // Planned like any query: with what a batch's statements do without, this would take as many index searches as the table has rows.
    await parts.transaction.run([plain("SET LOCAL enable_hashjoin = on"), plain("SET LOCAL enable_seqscan = on")]);
    for (const key of deferred) removed += await removeDangling(parts, key);
    await parts.transaction.run([plain("SET LOCAL enable_hashjoin = off"), plain("SET LOCAL enable_seqscan = off")]);
    if (removed === 0) {
      const { constraint } = failure.cause as { constraint?: string };
      throw new ReplicationError("DB-TGT-017", { subject: `constraint ${constraint ?? "unknown"}` });
    }
  }
}

async function judged(transaction: OpenTransaction): Promise<StatementFailure | null> {
  try {
    await transaction.attempt([plain("SET CONSTRAINTS ALL IMMEDIATE")]);
    return null;
  } catch (error) {
    if (!refusesRows(error)) throw error;
    return error;
  }
}

async function removeDangling(parts: CheckParts, key: ForeignKey): Promise<number> {
  const shape = parts.catalog.shapes.get(tableKey(key.child.target));
  if (shape === undefined) return 0;
  const sql = deleteWhereSql(shape, key.dangling, parts.quarantineMax + 1);
  const [result] = await parts.transaction.run([plain(sql)]);
  const rows = result?.rows ?? [];
  const removed = Number(rows[0]?.at(-1) ?? 0);
  parts.tally.addDeleted(key.child, removed);
  for (const row of rows) {
    const rowKey: Key = row.slice(0, -1).map((text) => Buffer.from(text ?? "", "utf8"));
    parts.book.add(key.child, rowKey, { code: "23503", constraint: key.name });
  }
  return removed;
}

/** Tables whose foreign keys would delete or change rows on their own: nobody could say then what the copy holds. */
export function selfActing(catalog: TargetCatalog): { readonly key: ForeignKey; readonly cause: string }[] {
  return catalog.foreignKeys
    .filter((key) => key.actsByItself && key.parent !== null)
    .map((key) => ({ key, cause: `${quoteIdentifier(key.name)} on ${printTable(key.child.physical)}` }));
}
