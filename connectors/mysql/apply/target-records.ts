// The records in database dongbo that say what a subscription is and which copies it has; written before any data is.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { StopReason, Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { LoadProgress } from "../../../engine/ports/change-target.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { quoteLiteral, quoteTable } from "../quote.ts";
import { judgedTimeSql } from "./gate-sql.ts";
import { nowMicrosSql } from "./checkpoint-sql.ts";
import { batchColumn } from "./names.ts";
import { inTransaction, oneRow } from "./target-session.ts";

/**
 * Writes the subscription's terms. A shorter or longer validity period holds for what was synced before, too; what had
 * expired under `resync` stays expired. A subscription that was withdrawn and is wanted again starts anew. Throws
 * DB-TGT-004 when batches were applied and their checkpoint is gone: nobody but the operator may call that a new copy.
 */
export async function registerSubscription(session: MysqlSession, subscription: Subscription): Promise<void> {
  await refuseLostCheckpoint(session, subscription);
  const { id, share, source, agreement, regulation } = subscription;
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
  await inTransaction(session, async () => {
    if (regulation.onExpiry === "resync") await markExpired(session, id);
    await session.execute(
      `INSERT INTO dongbo.subscription
         (id, share, source, validity_period, on_expiry, agreement_id, agreement_from, agreement_to, regulation_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE share = ?, source = ?, validity_period = ?, on_expiry = ?, agreement_id = ?, agreement_from = ?,
         agreement_to = ?, regulation_id = ?`,
      [id, ...terms, ...terms],
    );
    await startAnewWhenTerminated(session, id);
    await recomputeClocks(session, id);
  });
}

async function refuseLostCheckpoint(session: MysqlSession, subscription: Subscription): Promise<void> {
  const row = await oneRow(
    session,
    `SELECT EXISTS (SELECT 1 FROM dongbo.batch WHERE subscription = ?)
       AND NOT EXISTS (SELECT 1 FROM dongbo.subscription WHERE id = ?) AS lost`,
    [subscription.id, subscription.id],
  );
  if (row?.["lost"] !== "1") return;
  const id = quoteLiteral(subscription.id);
  const names = [subscription.share, subscription.source].map(quoteLiteral).join(", ");
  const period = subscription.regulation.validityPeriodSeconds * 1_000_000;
  throw new ReplicationError("DB-TGT-004", {
    subject: subscription.id,
    sql: [
      `INSERT INTO dongbo.subscription (id, share, source, validity_period, next_batch) SELECT ${id}, ${names}, ${period}, MAX(id) + 1 FROM dongbo.batch WHERE subscription = ${id};`,
    ],
  });
}

async function markExpired(session: MysqlSession, id: string): Promise<void> {
  await session.execute(
    `UPDATE dongbo.copy AS c JOIN dongbo.subscription AS s ON s.id = c.subscription SET c.copy_state = 'EXPIRED'
     WHERE s.id = ? AND c.copy_state = 'VALID' AND ${judgedTimeSql} >= LEAST(c.valid_until, c.last_sync_at + s.validity_period)`,
    [id],
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

async function recomputeClocks(session: MysqlSession, id: string): Promise<void> {
  await session.execute(
    `UPDATE dongbo.copy AS c JOIN dongbo.subscription AS s ON s.id = c.subscription SET c.valid_until = c.last_sync_at + s.validity_period
     WHERE s.id = ?`,
    [id],
  );
  await session.execute("UPDATE dongbo.subscription SET valid_until = last_sync_at + validity_period WHERE id = ?", [id]);
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
  const places = names.map(() => "?").join(", ");
  await inTransaction(session, async () => {
    for (const table of tables) await registerCopy(session, id, table);
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

async function registerCopy(session: MysqlSession, subscription: string, table: CopyNames): Promise<void> {
  await refuseOtherOwner(session, subscription, table);
  const { target, physical } = table;
  const source = printTable(table.source);
  await session.execute(
    `INSERT INTO dongbo.copy (subscription, target_table, target_schema, target_name, physical_schema, physical_name, source_table, \`columns\`)
     VALUES (?, ?, ?, ?, ?, ?, ?, '[]') ON DUPLICATE KEY UPDATE source_table = ?`,
    [subscription, printTable(target), target.schema, target.name, physical.schema, physical.name, source, source],
  );
  const row = await oneRow(session, "SELECT physical_schema, physical_name FROM dongbo.copy WHERE subscription = ? AND target_table = ?", [
    subscription,
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
async function refuseOtherOwner(session: MysqlSession, subscription: string, table: CopyNames): Promise<void> {
  const parameters = [subscription, table.target.schema, table.target.name, table.physical.schema, table.physical.name];
  const other = `subscription <> ? AND (target_schema = ? AND target_name = ? OR physical_schema = ? AND physical_name = ?)`;
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
export async function forgetRows(session: MysqlSession, subscription: string, table: TableMapping): Promise<void> {
  await session.execute(`UPDATE dongbo.copy SET ${neverSynced}, \`rows\` = 0 WHERE subscription = ? AND target_table = ?`, [
    subscription,
    printTable(table.target),
  ]);
}

/**
 * The table was there already, and nothing is known of its rows: another subscription's, or those of a record that was
 * lost. They are counted, and batches go on above theirs, so that the load that follows can tell them from its own.
 */
export async function adoptRows(session: MysqlSession, subscription: string, table: TableMapping): Promise<void> {
  const found = await oneRow(session, `SELECT COUNT(*) AS number, MAX(${batchColumn}) AS newest FROM ${quoteTable(table.physical)}`, []);
  const newest = found?.["newest"] ?? null;
  if (newest === null) return;
  await session.execute("UPDATE dongbo.copy SET `rows` = ? WHERE subscription = ? AND target_table = ?", [
    found?.["number"] ?? "0",
    subscription,
    printTable(table.target),
  ]);
  await session.execute("UPDATE dongbo.subscription SET next_batch = GREATEST(next_batch, CAST(? AS SIGNED) + 1) WHERE id = ?", [
    newest,
    subscription,
  ]);
}

/**
 * Closes the gate of a copy that was whole until a load is complete: no row has a value yet in a column just added, and NULL
 * would be a lie; or rows must not be read any more.
 */
export async function awaitLoad(session: MysqlSession, subscription: string, table: CopyNames): Promise<void> {
  await session.execute(
    "UPDATE dongbo.copy SET copy_state = 'RESYNCING' WHERE subscription = ? AND target_table = ? AND copy_state IN ('VALID', 'EXPIRED')",
    [subscription, printTable(table.target)],
  );
}

/** What is recorded of a copy. */
export interface CopyRecord {
  /** Columns that dongbo made in the physical table; null when it has no record of having made any. */
  readonly columns: readonly string[] | null;
  readonly viewDigest: string | null;
  /** Canonical text of what the copy's rows obey, or will when the load under way is complete; null: there are none yet. */
  readonly contract: string | null;
  /** Nobody may read its rows as they are. */
  readonly closed: boolean;
}

export async function readCopyRecord(session: MysqlSession, subscription: string, table: CopyNames): Promise<CopyRecord> {
  const row = await oneRow(
    session,
    `SELECT \`columns\`, view_digest, \`load\`, contract, copy_state NOT IN ('VALID', 'EXPIRED') AS closed
     FROM dongbo.copy WHERE subscription = ? AND target_table = ?`,
    [subscription, printTable(table.target)],
  );
  const columns = JSON.parse(row?.["columns"] ?? "[]") as string[];
  const load = JSON.parse(row?.["load"] ?? "null") as LoadProgress | null;
  return {
    columns: columns.length === 0 ? null : columns,
    viewDigest: row?.["view_digest"] ?? null,
    contract: load?.contract ?? row?.["contract"] ?? null,
    closed: row?.["closed"] === "1",
  };
}

export async function writeCopyRecord(
  session: MysqlSession,
  subscription: string,
  table: TableMapping,
  record: Pick<CopyRecord, "columns" | "viewDigest">,
): Promise<void> {
  await session.execute("UPDATE dongbo.copy SET `columns` = ?, view_digest = ? WHERE subscription = ? AND target_table = ?", [
    JSON.stringify(record.columns ?? []),
    record.viewDigest,
    subscription,
    printTable(table.target),
  ]);
}
