// Makes a target ready for a subscription: database dongbo, tables, gated views, grants, records. One process at a time on
// the whole server. Each step may be the last that takes place: a copy is closed before its table changes.
import { readContract as parseContract } from "../../../engine/config/contract-text.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { partIds, wholeOf } from "../../../engine/model/slice.ts";
import type { TableName } from "../../../engine/model/table.ts";
import type { Objection, TargetState } from "../../../engine/ports/change-target.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { quoteIdentifier } from "../quote.ts";
import { grantToReaders } from "./grants.ts";
import { refuseUnusableNames } from "./names.ts";
import { changeTable, dropColumns, planTable } from "./physical-table.ts";
import { ensureReaderView } from "./reader-view.ts";
import {
  adoptRows,
  awaitLoad,
  fenceOtherSlices,
  forgetRows,
  passFirstBatches,
  readContract,
  readCopyRecord,
  registerCopies,
  registerSubscription,
  stopCopy,
  writeCopyRecord,
} from "./target-records.ts";
import { ensureTargetSchema } from "./target-schema.ts";
import { changingObjects } from "./target-session.ts";
import { readTargetState } from "./target-state.ts";

/**
 * Brings the target in step with the subscription and tells what it holds. Idempotent: nothing is touched that is as it
 * should be. A copy that gained a column is RESYNCING from then on: its contract differs, and the caller owes it a load.
 * Throws DB-TGT-001 to 014, and DB-MY codes.
 */
export async function prepareTarget(
  session: MysqlSession,
  subscription: Subscription,
  readers: readonly string[],
  objection: Objection = (table) => ("reason" in table ? table.reason : null),
): Promise<TargetState> {
  const { id, tables } = subscription;
  tables.forEach(refuseUnusableNames);
  return changingObjects(session, id, async () => {
    await ensureTargetSchema(session);
    await registerSubscription(session, subscription);
    await registerCopies(session, subscription);
    for (const schema of new Set(tables.flatMap((table) => [table.physical.schema, table.target.schema])))
      await ensureDatabase(session, schema);
    const prepared: TableName[] = [];
    for (const table of [...tables, ...subscription.stopped]) {
      const contract = await readContract(session, id, table);
      const found = objection(table, contract);
      const reason = found === "withdrawn" ? null : found;
      if (reason !== null) await stopCopy(session, id, table, reason);
      if (found === "withdrawn") await awaitLoad(session, [id], table);
      if (reason !== null || "reason" in table) continue;
      await prepareCopy(session, subscription, table);
      prepared.push(table.target);
    }
    await passFirstBatches(session, subscription);
    await grantToReaders(session, readers, prepared);
    return readTargetState(session, subscription);
  });
}

async function ensureDatabase(session: MysqlSession, name: string): Promise<void> {
  const found = await session.query("SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", [name]);
  if (found.some((row) => row["name"] === name)) return;
  await session.execute(`CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(name)} CHARACTER SET utf8mb4`);
}

async function prepareCopy(session: MysqlSession, subscription: Subscription, table: TableMapping): Promise<void> {
  const parts = partIds(subscription);
  const record = await readCopyRecord(session, parts, table);
  const retyped = retypedColumns(table, await readContract(session, subscription.id, table));
  const changes = await planTable(session, table, { columns: record.columns, retyped, closed: record.closed });
  // What other slices write would not fit the table any more.
  if (changes.missing || changes.added.length > 0 || changes.withdrawn.length > 0) await fenceOtherSlices(session, subscription);
  if (changes.missing) await forgetRows(session, parts, table);
  else if (record.columns !== null && changes.added.length > 0) await awaitLoad(session, parts, table);
  await changeTable(session, table, changes);
  if (!changes.missing && record.columns === null) await adoptRows(session, subscription, table);
  const columns = table.columns.map((column) => column.target);
  const viewDigest = await ensureReaderView(session, {
    subscription: wholeOf(subscription),
    inSlices: subscription.slice !== undefined,
    view: table.target,
    physical: table.physical,
    columns,
    digest: record.viewDigest,
  });
  await dropColumns(session, table.physical, changes.withdrawn);
  await writeCopyRecord(session, parts, table, { columns, viewDigest });
}

/** Columns whose values are of another type, by the contract that they obey, than they shall be: a load must write them anew. */
function retypedColumns(table: TableMapping, contract: string | null): Set<string> {
  const known = (contract === null ? null : parseContract(contract))?.columns ?? [];
  const before = new Map(known.map(({ target, type }) => [target, type]));
  const changed = table.columns.filter(({ target, targetType, sourceType }) => {
    const type = before.get(target);
    return type !== undefined && type !== (targetType ?? sourceType.declaration);
  });
  return new Set(changed.map(({ target }) => target));
}
