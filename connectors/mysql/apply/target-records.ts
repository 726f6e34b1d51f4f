// The records in database dongbo that say what a subscription is and which copies it has; written before any data is.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { StopReason, Subscription, TableMapping } from "../../../engine/model/share.ts";
import { partIds } from "../../../engine/model/slice.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { LoadProgress } from "../../../engine/ports/change-target.ts";
import { batchStep, firstBatchAfter, firstBatchOf } from "../../../engine/target/batch-ids.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { quoteLiteral, quoteTable } from "../quote.ts";
import { judgedTimeSql } from "./gate-sql.ts";
import { nowMicrosSql } from "./checkpoint-sql.ts";
import { batchColumn } from "./names.ts";
import { inTransaction, oneRow } from "./target-session.ts";

/**
 * Writes the subscription's terms, and those of all slices where it is one: readers are refused until each of them is there.
 * What wrote the same copies in other slices, or whole, is fenced off for good. A shorter or longer validity period holds for what was synced before, too; what had
 * expired under `resync` stays expired. A subscription that was withdrawn and is wanted again starts anew. Throws
 * DB-TGT-004 when batches were applied and their checkpoint is gone: nobody but the operator may call that a new copy.
 */
export async function registerSubscription(session: MysqlSession, subscription: Subscription): Promise<void> {
  await refuseLostCheckpoint(session, subscription);
  const { id, slice, share, source, agreement, regulation } = subscription;
  const terms = [
    share,
    source,
    regulation.validityPeriodSeconds * 1_000_000,
    regulation.onExpiry,
    agreement.id,
    agreement.from.getTime() * 1000,
    agreement.to === null ? null : agreement.to.getTime() * 1000,
    regulation.id,
  ];
  const parts = partIds(subscription);
  await inTransaction(session, async () => {
    await retireOtherSlices(session, subscription);
    if (regulation.onExpiry === "resync") await markExpired(session, parts);
    for (const [index, part] of parts.entries()) {
      // A slice whose checkpoint was lost must find that out by itself.
      if (part !== id && (await isCheckpointLost(session, part))) continue;
      const place = slice === undefined ? [null, 0, 1, 1] : [slice.whole, index, slice.of, firstBatchOf({ index }, 0)];
      await session.execute(
        `INSERT INTO dongbo.subscription
         (id, share, source, validity_period, on_expiry, agreement_id, agreement_from, agreement_to, regulation_id,
          part_of, slice, slices, next_batch)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE share = ?, source = ?, validity_period = ?, on_expiry = ?, agreement_id = ?, agreement_from = ?,
         agreement_to = ?, regulation_id = ?`,
        [part, ...terms, ...place, ...terms],
      );
    }
    await startAnewWhenTerminated(session, id);
    await recomputeClocks(session, parts);
  });
}

/** What wrote these copies cut into another number of slices, or whole, ends: everything is loaded anew. */
async function retireOtherSlices(session: MysqlSession, { id, slice }: Subscription): Promise<void> {
  const whole = slice?.whole ?? id;
  await session.execute(
    `UPDATE dongbo.subscription SET share_state = 'TERMINATED', epoch = epoch + 1
     WHERE (id = ? OR part_of = ?) AND slices <> ? AND share_state <> 'TERMINATED'`,
    [whole, whole, slice?.of ?? 1],
  );
}

/** The other slices' workers cannot commit any more until they have looked at what was changed. */
export async function fenceOtherSlices(session: MysqlSession, subscription: Subscription): Promise<void> {
  for (const id of partIds(subscription))
    if (id !== subscription.id) await session.execute("UPDATE dongbo.subscription SET epoch = epoch + 1 WHERE id = ?", [id]);
}

async function isCheckpointLost(session: MysqlSession, id: string): Promise<boolean> {
  const row = await oneRow(
    session,
    `SELECT EXISTS (SELECT 1 FROM dongbo.batch WHERE subscription = ?)
       AND NOT EXISTS (SELECT 1 FROM dongbo.subscription WHERE id = ?) AS lost`,
    [id, id],
  );
  return row?.["lost"] === "1";
}

async function refuseLostCheckpoint(session: MysqlSession, subscription: Subscription): Promise<void> {
  if (!(await isCheckpointLost(session, subscription.id))) return;
  const { slice } = subscription;
  const id = quoteLiteral(subscription.id);
  const names = [subscription.share, subscription.source].map(quoteLiteral).join(", ");
  const period = subscription.regulation.validityPeriodSeconds * 1_000_000;
  const part = slice === undefined ? "NULL, 0, 1" : `${quoteLiteral(slice.whole)}, ${slice.index}, ${slice.of}`;
  throw new ReplicationError("DB-TGT-004", {
    subject: subscription.id,
    sql: [
      `INSERT INTO dongbo.subscription (id, share, source, validity_period, part_of, slice, slices, next_batch) SELECT ${id}, ${names}, ${period}, ${part}, MAX(id) + ${batchStep(slice)} FROM dongbo.batch WHERE subscription = ${id};`,
    ],
  });
}

async function markExpired(session: MysqlSession, ids: readonly string[]): Promise<void> {
  await session.execute(
    `UPDATE dongbo.copy AS c JOIN dongbo.subscription AS s ON s.id = c.subscription SET c.copy_state = 'EXPIRED'
     WHERE s.id IN (${marks(ids)}) AND c.copy_state = 'VALID' AND ${judgedTimeSql} >= LEAST(c.valid_until, c.last_sync_at + s.validity_period)`,
    ids,
  );
}

async function startAnewWhenTerminated(session: MysqlSession, id: string): Promise<void> {
  const anew = await session.execute(
    `UPDATE dongbo.subscription SET share_state = 'LOADING', suspended_reason = NULL, suspension_bars_use = 0,
       position = NULL, source_identity = NULL, source_time = NULL, last_sync_at = NULL, valid_until = NULL
     WHERE id = ? AND share_state = 'TERMINATED'`,
    [id],
  );
  if (anew !== 0) await session.execute(`UPDATE dongbo.copy SET ${neverSynced} WHERE subscription = ?`, [id]);
}

/** A copy whose rows nothing is known of; its objects stay recorded. */
const neverSynced = `copy_state = 'NEVER_SYNCED', last_sync_at = NULL, valid_until = NULL, last_reconciled_at = NULL, verdict = NULL,
  \`load\` = NULL, contract = NULL, stopped_code = NULL, stopped_message = NULL, withdrawn_at = NULL`;

async function recomputeClocks(session: MysqlSession, ids: readonly string[]): Promise<void> {
  await session.execute(
    `UPDATE dongbo.copy AS c JOIN dongbo.subscription AS s ON s.id = c.subscription SET c.valid_until = c.last_sync_at + s.validity_period
     WHERE s.id IN (${marks(ids)})`,
    ids,
  );
  await session.execute(`UPDATE dongbo.subscription SET valid_until = last_sync_at + validity_period WHERE id IN (${marks(ids)})`, ids);
}

/** Placeholders for so many values. */
function marks(values: readonly unknown[]): string {
  return values.map(() => "?").join(", ");
}

type CopyNames = Pick<TableMapping, "source" | "target" | "physical">;

/**
 * Records the subscription's copies. Those that left the share are marked withdrawn, which closes their gate and takes
 * them out of the share's clock; one that comes back must be loaded anew. Throws DB-TGT-013 when a table is another
 * subscription's, DB-TGT-007 when the copy lies elsewhere than is now wanted.
 */
export async function registerCopies(session: MysqlSession, subscription: Subscription): Promise<void> {
  const { id } = subscription;
  const tables = [...subscription.tables, ...subscription.stopped];
  const names = tables.map((table) => printTable(table.target));
  const places = marks(names);
  await inTransaction(session, async () => {
    for (const table of tables) await registerCopy(session, subscription, table);
    await session.execute(
      `UPDATE dongbo.copy SET withdrawn_at = ${nowMicrosSql} WHERE subscription = ? AND target_table NOT IN (${places}) AND withdrawn_at IS NULL`,
      [id, ...names],
    );
    await session.execute(
      `UPDATE dongbo.copy SET ${neverSynced} WHERE subscription = ? AND target_table IN (${places}) AND withdrawn_at IS NOT NULL`,
      [id, ...names],
    );
  });
}

async function registerCopy(session: MysqlSession, subscription: Subscription, table: CopyNames): Promise<void> {
  await refuseOtherOwner(session, subscription, table);
  const { target, physical } = table;
  const source = printTable(table.source);
  const parts = partIds(subscription);
  await session.execute(
    `INSERT INTO dongbo.copy (subscription, slice, target_table, target_schema, target_name, physical_schema, physical_name, source_table, \`columns\`)
     SELECT s.id, s.slice, ?, ?, ?, ?, ?, ?, '[]' FROM dongbo.subscription AS s WHERE s.id IN (${marks(parts)})
     ON DUPLICATE KEY UPDATE source_table = ?`,
    [printTable(target), target.schema, target.name, physical.schema, physical.name, source, ...parts, source],
  );
  const row = await oneRow(session, "SELECT physical_schema, physical_name FROM dongbo.copy WHERE subscription = ? AND target_table = ?", [
    subscription.id,
    printTable(target),
  ]);
  if (row?.["physical_schema"] === physical.schema && row["physical_name"] === physical.name) return;
  throw new ReplicationError("DB-TGT-007", {
    subject: printTable(target),
    cause: `its rows lie in another physical table than ${printTable(physical)}`,
    remedy: "Name the former physical_schema again, or drop view and table and their row in dongbo.copy to load it anew",
  });
}

/** A table may be taken over from a subscription that was withdrawn, not from one that is alive. */
async function refuseOtherOwner(session: MysqlSession, subscription: Subscription, table: CopyNames): Promise<void> {
  const parts = partIds(subscription);
  const parameters = [...parts, table.target.schema, table.target.name, table.physical.schema, table.physical.name];
  const other = `subscription NOT IN (${marks(parts)}) AND (target_schema = ? AND target_name = ? OR physical_schema = ? AND physical_name = ?)`;
  await session.execute(
    `DELETE FROM dongbo.copy WHERE ${other} AND subscription IN (SELECT id FROM dongbo.subscription WHERE share_state = 'TERMINATED')`,
    parameters,
  );
  const row = await oneRow(session, `SELECT subscription FROM dongbo.copy WHERE ${other}`, parameters);
  if (row === undefined) return;
  const cause = `the table belongs to subscription ${row["subscription"] ?? ""}`;
  throw new ReplicationError("DB-TGT-013", { subject: printTable(table.target), cause });
}

/** Stops the table: its gate is closed and its clock stands. */
export async function stopCopy(session: MysqlSession, subscription: string, table: CopyNames, reason: StopReason): Promise<void> {
  await session.execute("UPDATE dongbo.copy SET stopped_code = ?, stopped_message = ? WHERE subscription = ? AND target_table = ?", [
    reason.code,
    reason.message,
    subscription,
    printTable(table.target),
  ]);
}

/** The copy's rows are gone, or never were: closes its gate until a load is complete. */
export async function forgetRows(session: MysqlSession, subscriptions: readonly string[], table: TableMapping): Promise<void> {
  await session.execute(
    `UPDATE dongbo.copy SET ${neverSynced}, \`rows\` = 0 WHERE subscription IN (${marks(subscriptions)}) AND target_table = ?`,
    [...subscriptions, printTable(table.target)],
  );
}

/**
 * The table was there already, and nothing is known of its rows: another subscription's, or those of a record that was
 * lost. They are counted, and batches go on above theirs, so that the load that follows can tell them from its own.
 */
export async function adoptRows(session: MysqlSession, subscription: Subscription, table: TableMapping): Promise<void> {
  const { id, slice } = subscription;
  const found = await oneRow(session, `SELECT COUNT(*) AS number, MAX(${batchColumn}) AS newest FROM ${quoteTable(table.physical)}`, []);
  const newest = found?.["newest"] ?? null;
  if (newest === null) return;
  const name = printTable(table.target);
  const number = found?.["number"] ?? "0";
  await session.execute("UPDATE dongbo.copy SET `rows` = ? WHERE subscription = ? AND target_table = ?", [number, id, name]);
  if (slice === undefined) {
    await session.execute("UPDATE dongbo.subscription SET next_batch = GREATEST(next_batch, CAST(? AS SIGNED) + 1) WHERE id = ?", [
      newest,
      id,
    ]);
    return;
  }
  const parts = partIds(subscription);
  await session.execute(`UPDATE dongbo.copy SET first_batch = ? WHERE subscription IN (${marks(parts)}) AND target_table = ?`, [
    firstBatchAfter(Number(newest)),
    ...parts,
    name,
  ]);
}

/** A slice's batches begin after everything that was in its tables before there were slices. */
export async function passFirstBatches(session: MysqlSession, { id, slice }: Subscription): Promise<void> {
  if (slice === undefined) return;
  const first = Math.max(0, ...(await readFirstBatches(session, id)).values());
  await session.execute("UPDATE dongbo.subscription SET next_batch = GREATEST(next_batch, ?) WHERE id = ?", [
    firstBatchOf(slice, first),
    id,
  ]);
}

/** By table as readers name it: rows with an older batch are of an earlier life of the table. */
export async function readFirstBatches(session: MysqlSession, subscription: string): Promise<Map<string, number>> {
  const rows = await session.query("SELECT target_table, first_batch FROM dongbo.copy WHERE subscription = ?", [subscription]);
  return new Map(rows.map((row) => [row["target_table"] ?? "", Number(row["first_batch"])]));
}

/**
 * Closes the gate of a copy that was whole until a load is complete: no row has a value yet in a column just added, and NULL
 * would be a lie; or rows must not be read any more.
 */
export async function awaitLoad(session: MysqlSession, subscriptions: readonly string[], table: CopyNames): Promise<void> {
  await session.execute(
    `UPDATE dongbo.copy SET copy_state = 'RESYNCING'
     WHERE subscription IN (${marks(subscriptions)}) AND target_table = ? AND copy_state IN ('VALID', 'EXPIRED')`,
    [...subscriptions, printTable(table.target)],
  );
}

/** Canonical text of what the copy's rows obey, or will when the load under way is complete; null: there are none yet. */
export async function readContract(session: MysqlSession, subscription: string, table: CopyNames): Promise<string | null> {
  const row = await oneRow(session, "SELECT `load`, contract FROM dongbo.copy WHERE subscription = ? AND target_table = ?", [
    subscription,
    printTable(table.target),
  ]);
  const load = JSON.parse(row?.["load"] ?? "null") as LoadProgress | null;
  return load?.contract ?? row?.["contract"] ?? null;
}

/** What is recorded of a copy's objects, with each slice that writes it. */
export interface CopyRecord {
  /** Columns that dongbo made in the physical table; null when it has no record of having made any. */
  readonly columns: readonly string[] | null;
  readonly viewDigest: string | null;
  /** Nobody may read its rows as they are. */
  readonly closed: boolean;
}

export async function readCopyRecord(session: MysqlSession, subscriptions: readonly string[], table: CopyNames): Promise<CopyRecord> {
  const rows = await session.query(
    `SELECT \`columns\`, view_digest, copy_state NOT IN ('VALID', 'EXPIRED') AS closed
     FROM dongbo.copy WHERE subscription IN (${marks(subscriptions)}) AND target_table = ? ORDER BY \`columns\` = '[]'`,
    [...subscriptions, printTable(table.target)],
  );
  const [row] = rows;
  const columns = JSON.parse(row?.["columns"] ?? "[]") as string[];
  return {
    columns: columns.length === 0 ? null : columns,
    viewDigest: row?.["view_digest"] ?? null,
    closed: rows.some(({ closed }) => closed === "1"),
  };
}

export async function writeCopyRecord(
  session: MysqlSession,
  subscriptions: readonly string[],
  table: TableMapping,
  record: Pick<CopyRecord, "columns" | "viewDigest">,
): Promise<void> {
  const name = printTable(table.target);
  const where = `subscription IN (${marks(subscriptions)}) AND target_table = ?`;
  const first = await oneRow(session, `SELECT MAX(first_batch) AS first FROM dongbo.copy WHERE ${where}`, [...subscriptions, name]);
  await session.execute(`UPDATE dongbo.copy SET \`columns\` = ?, view_digest = ?, first_batch = ? WHERE ${where}`, [
    JSON.stringify(record.columns ?? []),
    record.viewDigest,
    Number(first?.["first"] ?? 0),
    ...subscriptions,
    name,
  ]);
}
