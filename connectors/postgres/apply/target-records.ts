// The records in schema dongbo that say what a subscription is and which copies it has; written before any data is.
import type { ClientBase } from "pg";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { StopReason, Subscription, TableMapping } from "../../../engine/model/share.ts";
import { partIds } from "../../../engine/model/slice.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { LoadProgress, StoredCheckpoint, StoredCopy, TargetState } from "../../../engine/ports/change-target.ts";
import { batchStep, firstBatchAfter, firstBatchOf } from "../../../engine/target/batch-ids.ts";
import { quoteLiteral, quoteTable } from "../quote.ts";
import { judgedTimeSql } from "./gate-sql.ts";
import { batchColumn } from "./table-sql.ts";
import { isTrue } from "./target-session.ts";

/**
 * Writes the subscription's terms, and those of all slices where it is one: readers are refused until each of them is there.
 * What wrote the same copies in other slices, or whole, is fenced off for good. A shorter or longer validity period holds for what was synced before, too; what had
 * expired under `resync` stays expired. A subscription that was withdrawn and is wanted again starts anew. Throws
 * DB-TGT-004 when batches were applied and their checkpoint is gone: nobody but the operator may call that a new copy.
 */
export async function registerSubscription(client: ClientBase, subscription: Subscription): Promise<void> {
  await refuseLostCheckpoint(client, subscription);
  await retireOtherSlices(client, subscription);
  const { agreement, regulation, slice } = subscription;
  const parts = partIds(subscription);
  if (regulation.onExpiry === "resync") await markExpired(client, parts);
  // A slice whose checkpoint was lost must find that out by itself.
  await client.query(
    `INSERT INTO dongbo.subscription AS s
       (id, share, source, validity_period, on_expiry, agreement_id, agreement_from, agreement_to, regulation_id,
        part_of, slice, slices, next_batch)
     SELECT p.id, $2, $3, make_interval(secs => $4), $5, $6, $7::timestamptz, $8::timestamptz, $9,
       $10, CASE WHEN $10::text IS NULL THEN 0 ELSE p.place - 1 END, $11::int, CASE WHEN $10::text IS NULL THEN 1 ELSE $12::bigint + p.place - 1 END
     FROM unnest($1::text[]) WITH ORDINALITY AS p(id, place)
     WHERE EXISTS (SELECT FROM dongbo.subscription AS o WHERE o.id = p.id) OR NOT EXISTS (SELECT FROM dongbo.batch AS b WHERE b.subscription = p.id)
     ON CONFLICT (id) DO UPDATE SET share = excluded.share, source = excluded.source, validity_period = excluded.validity_period,
       on_expiry = excluded.on_expiry, agreement_id = excluded.agreement_id, agreement_from = excluded.agreement_from,
       agreement_to = excluded.agreement_to, regulation_id = excluded.regulation_id`,
    [
      parts,
      subscription.share,
      subscription.source,
      String(regulation.validityPeriodSeconds),
      regulation.onExpiry,
      agreement.id,
      agreement.from.toISOString(),
      agreement.to?.toISOString() ?? null,
      regulation.id,
      slice?.whole ?? null,
      slice === undefined ? "1" : String(slice.of),
      String(firstBatchAfter(0)),
    ],
  );
  await startAnewWhenTerminated(client, subscription.id);
  await recomputeClocks(client, parts);
}

/** What wrote these copies cut into another number of slices, or whole, ends: everything is loaded anew. */
async function retireOtherSlices(client: ClientBase, { id, slice }: Subscription): Promise<void> {
  await client.query(
    `UPDATE dongbo.subscription SET share_state = 'TERMINATED', epoch = epoch + 1
     WHERE (id = $1 OR part_of = $1) AND slices <> $2::int AND share_state <> 'TERMINATED'`,
    [slice?.whole ?? id, String(slice?.of ?? 1)],
  );
}

/** The other slices' workers cannot commit any more until they have looked at what was changed. */
export async function fenceOtherSlices(client: ClientBase, subscription: Subscription): Promise<void> {
  const others = partIds(subscription).filter((id) => id !== subscription.id);
  await client.query("UPDATE dongbo.subscription SET epoch = epoch + 1 WHERE id = ANY ($1)", [others]);
}

async function refuseLostCheckpoint(client: ClientBase, subscription: Subscription): Promise<void> {
  const { rows } = await client.query<{ lost: string }>(
    `SELECT EXISTS (SELECT FROM dongbo.batch WHERE subscription = $1)
       AND NOT EXISTS (SELECT FROM dongbo.subscription WHERE id = $1) AS lost`,
    [subscription.id],
  );
  if (rows[0]?.lost !== "t") return;
  const { slice } = subscription;
  const id = quoteLiteral(subscription.id);
  const names = [subscription.share, subscription.source].map(quoteLiteral).join(", ");
  const period = `make_interval(secs => ${subscription.regulation.validityPeriodSeconds})`;
  const part = slice === undefined ? "NULL, 0, 1" : `${quoteLiteral(slice.whole)}, ${slice.index}, ${slice.of}`;
  throw new ReplicationError("DB-TGT-004", {
    subject: subscription.id,
    sql: [
      `INSERT INTO dongbo.subscription (id, share, source, validity_period, part_of, slice, slices, next_batch) SELECT ${id}, ${names}, ${period}, ${part}, max(id) + ${batchStep(slice)} FROM dongbo.batch WHERE subscription = ${id};`,
    ],
  });
}

async function markExpired(client: ClientBase, ids: readonly string[]): Promise<void> {
  await client.query(
    `UPDATE dongbo.copy AS c SET copy_state = 'EXPIRED' FROM dongbo.subscription AS s
     WHERE s.id = c.subscription AND s.id = ANY ($1) AND c.copy_state = 'VALID'
       AND ${judgedTimeSql} >= least(c.valid_until, c.last_sync_at + s.validity_period)`,
    [ids],
  );
}

async function startAnewWhenTerminated(client: ClientBase, id: string): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE dongbo.subscription SET share_state = 'LOADING', suspended_reason = NULL, suspension_bars_use = false,
       position = NULL, source_identity = NULL, source_time = NULL, last_sync_at = NULL, valid_until = NULL
     WHERE id = $1 AND share_state = 'TERMINATED'`,
    [id],
  );
  if (rowCount !== 0) await client.query(`UPDATE dongbo.copy SET ${neverSynced} WHERE subscription = $1`, [id]);
}

/** A copy whose rows nothing is known of; its objects stay recorded. */
const neverSynced = `copy_state = 'NEVER_SYNCED', last_sync_at = NULL, valid_until = NULL, last_reconciled_at = NULL, verdict = NULL,
  load = NULL, contract = NULL, stopped_code = NULL, stopped_message = NULL, withdrawn_at = NULL`;

async function recomputeClocks(client: ClientBase, ids: readonly string[]): Promise<void> {
  await client.query(
    `UPDATE dongbo.copy AS c SET valid_until = c.last_sync_at + s.validity_period FROM dongbo.subscription AS s
     WHERE s.id = c.subscription AND s.id = ANY ($1) AND c.valid_until IS DISTINCT FROM c.last_sync_at + s.validity_period`,
    [ids],
  );
  await client.query(
    `UPDATE dongbo.subscription SET valid_until = last_sync_at + validity_period
     WHERE id = ANY ($1) AND valid_until IS DISTINCT FROM last_sync_at + validity_period`,
    [ids],
  );
}

type CopyNames = Pick<TableMapping, "source" | "target" | "physical">;

/**
 * Records the subscription's copies. Those that left the share are marked withdrawn, which closes their gate and takes
 * them out of the share's clock; one that comes back must be loaded anew. Throws DB-TGT-013 when a table is another
 * subscription's, DB-TGT-007 when the copy lies elsewhere than is now wanted.
 */
export async function registerCopies(client: ClientBase, subscription: Subscription): Promise<void> {
  const { id } = subscription;
  const tables = [...subscription.tables, ...subscription.stopped];
  const names = tables.map((table) => printTable(table.target));
  for (const table of tables) await registerCopy(client, subscription, table);
  await client.query(
    `UPDATE dongbo.copy SET withdrawn_at = clock_timestamp() WHERE subscription = $1 AND target_table <> ALL ($2) AND withdrawn_at IS NULL`,
    [id, names],
  );
  await client.query(
    `UPDATE dongbo.copy SET ${neverSynced} WHERE subscription = $1 AND target_table = ANY ($2) AND withdrawn_at IS NOT NULL`,
    [id, names],
  );
}

async function registerCopy(client: ClientBase, subscription: Subscription, table: CopyNames): Promise<void> {
  await refuseOtherOwner(client, subscription, table);
  const { rows } = await client.query<{ same: string }>(
    `INSERT INTO dongbo.copy AS c (subscription, slice, target_table, target_schema, target_name, physical_schema, physical_name, source_table)
     SELECT s.id, s.slice, $2, $3, $4, $5, $6, $7 FROM dongbo.subscription AS s WHERE s.id = ANY ($1)
     ON CONFLICT (subscription, target_table) DO UPDATE SET source_table = excluded.source_table
     RETURNING physical_schema = $5 AND physical_name = $6 AS same`,
    [
      partIds(subscription),
      printTable(table.target),
      table.target.schema,
      table.target.name,
      table.physical.schema,
      table.physical.name,
      printTable(table.source),
    ],
  );
  if (rows.every(({ same }) => same === "t")) return;
  throw new ReplicationError("DB-TGT-007", {
    subject: printTable(table.target),
    cause: `its rows lie in another physical table than ${printTable(table.physical)}`,
    remedy: "Name the former physical_schema again, or drop view and table and their row in dongbo.copy to load it anew",
  });
}

/** A table may be taken over from a subscription that was withdrawn, not from one that is alive. */
async function refuseOtherOwner(client: ClientBase, subscription: Subscription, table: CopyNames): Promise<void> {
  const parameters = [partIds(subscription), table.target.schema, table.target.name, table.physical.schema, table.physical.name];
  const other = `c.subscription <> ALL ($1) AND ((c.target_schema, c.target_name) = ($2, $3) OR (c.physical_schema, c.physical_name) = ($4, $5))`;
  await client.query(
    `DELETE FROM dongbo.copy AS c USING dongbo.subscription AS s WHERE s.id = c.subscription AND s.share_state = 'TERMINATED' AND ${other}`,
    parameters,
  );
  const { rows } = await client.query<{ subscription: string }>(`SELECT c.subscription FROM dongbo.copy AS c WHERE ${other}`, parameters);
  const owner = rows[0]?.subscription;
  if (owner === undefined) return;
  throw new ReplicationError("DB-TGT-013", { subject: printTable(table.target), cause: `the table belongs to subscription ${owner}` });
}

/** Canonical text of what the copy's rows obey, or will when the load under way is complete; null: there are none yet. */
export async function readContract(client: ClientBase, subscription: string, table: CopyNames): Promise<string | null> {
  const { rows } = await client.query<{ contract: string | null }>(
    "SELECT coalesce(load ->> 'contract', contract) AS contract FROM dongbo.copy WHERE subscription = $1 AND target_table = $2",
    [subscription, printTable(table.target)],
  );
  return rows[0]?.contract ?? null;
}

/** Stops the table: its gate is closed and its clock stands. */
export async function stopCopy(client: ClientBase, subscription: string, table: CopyNames, reason: StopReason): Promise<void> {
  await client.query("UPDATE dongbo.copy SET stopped_code = $3, stopped_message = $4 WHERE subscription = $1 AND target_table = $2", [
    subscription,
    printTable(table.target),
    reason.code,
    reason.message,
  ]);
}

/** The copy's rows are gone, or never were: closes its gate until a load is complete. */
export async function forgetRows(client: ClientBase, subscriptions: readonly string[], table: TableMapping): Promise<void> {
  await client.query(`UPDATE dongbo.copy SET ${neverSynced}, rows = 0 WHERE subscription = ANY ($1) AND target_table = $2`, [
    subscriptions,
    printTable(table.target),
  ]);
}

/**
 * The table was there already, and nothing is known of its rows: another subscription's, or those of a record that was
 * lost. They are counted, and batches go on above theirs, so that the load that follows can tell them from its own.
 */
export async function adoptRows(client: ClientBase, subscription: Subscription, table: TableMapping): Promise<void> {
  const { id, slice } = subscription;
  const found = await client.query<{ rows: string; newest: string | null }>(
    `SELECT count(*) AS rows, max(${batchColumn}) AS newest FROM ${quoteTable(table.physical)}`,
  );
  const { rows, newest } = found.rows[0] ?? { rows: "0", newest: null };
  if (newest === null) return;
  const name = printTable(table.target);
  await client.query("UPDATE dongbo.copy SET rows = $3 WHERE subscription = $1 AND target_table = $2", [id, name, rows]);
  if (slice === undefined) {
    await client.query("UPDATE dongbo.subscription SET next_batch = greatest(next_batch, $2::bigint + 1) WHERE id = $1", [id, newest]);
    return;
  }
  await client.query("UPDATE dongbo.copy SET first_batch = $3 WHERE subscription = ANY ($1) AND target_table = $2", [
    partIds(subscription),
    name,
    String(firstBatchAfter(Number(newest))),
  ]);
}

/** A slice's batches begin after everything that was in its tables before there were slices. */
export async function passFirstBatches(client: ClientBase, { id, slice }: Subscription): Promise<void> {
  if (slice === undefined) return;
  const first = Math.max(0, ...(await readFirstBatches(client, id)).values());
  await client.query("UPDATE dongbo.subscription SET next_batch = greatest(next_batch, $2::bigint) WHERE id = $1", [
    id,
    String(firstBatchOf(slice, first)),
  ]);
}

/** By table as readers name it: rows with an older batch are of an earlier life of the table. */
export async function readFirstBatches(client: ClientBase, subscription: string): Promise<Map<string, number>> {
  const { rows } = await client.query<{ target_table: string; first_batch: string }>(
    "SELECT target_table, first_batch FROM dongbo.copy WHERE subscription = $1",
    [subscription],
  );
  return new Map(rows.map((row) => [row.target_table, Number(row.first_batch)]));
}

/**
 * Closes the gate of a copy that was whole until a load is complete: no row has a value yet in a column just added, and NULL
 * would be a lie; or rows must not be read any more.
 */
export async function awaitLoad(client: ClientBase, subscriptions: readonly string[], table: CopyNames): Promise<void> {
  await client.query(
    "UPDATE dongbo.copy SET copy_state = 'RESYNCING' WHERE subscription = ANY ($1) AND target_table = $2 AND copy_state IN ('VALID', 'EXPIRED')",
    [subscriptions, printTable(table.target)],
  );
}

/** What is recorded of a copy's objects, with each slice that writes it. */
export interface CopyRecord {
  /** Columns that dongbo made in the physical table; null when it has no record of having made any. */
  readonly columns: readonly string[] | null;
  readonly viewDigest: string | null;
}

export async function readCopyRecord(client: ClientBase, subscriptions: readonly string[], table: TableMapping): Promise<CopyRecord> {
  const { rows } = await client.query<{ columns: string; view_digest: string | null }>(
    `SELECT to_json(columns) AS columns, view_digest FROM dongbo.copy WHERE subscription = ANY ($1) AND target_table = $2
     ORDER BY columns = '{}' LIMIT 1`,
    [subscriptions, printTable(table.target)],
  );
  const columns = JSON.parse(rows[0]?.columns ?? "[]") as string[];
  return { columns: columns.length === 0 ? null : columns, viewDigest: rows[0]?.view_digest ?? null };
}

export async function writeCopyRecord(
  client: ClientBase,
  subscriptions: readonly string[],
  table: TableMapping,
  record: CopyRecord,
): Promise<void> {
  await client.query(
    `UPDATE dongbo.copy SET columns = $3, view_digest = $4,
       first_batch = (SELECT max(first_batch) FROM dongbo.copy WHERE subscription = ANY ($1) AND target_table = $2)
     WHERE subscription = ANY ($1) AND target_table = $2 AND (columns, view_digest) IS DISTINCT FROM ($3, $4)`,
    [subscriptions, printTable(table.target), record.columns ?? [], record.viewDigest],
  );
}

/** What the target holds of the subscription. Throws DB-TGT-004 when its row is missing. */
export async function readTargetState(client: ClientBase, subscription: Subscription): Promise<TargetState> {
  const { suspension, ...checkpoint } = await readCheckpoint(client, subscription.id);
  const records = await readCopies(client, subscription.id);
  const recordOf = (table: CopyNames): Omit<StoredCopy, "table" | "empty"> => records.get(printTable(table.target)) ?? unknownCopy;
  const copies: StoredCopy[] = [];
  for (const table of subscription.tables) {
    const empty = await isTrue(
      client,
      `SELECT NOT EXISTS (SELECT FROM ${quoteTable(table.physical)})
         AND NOT EXISTS (SELECT FROM dongbo.quarantine WHERE subscription = $1 AND target_table = $2) AS answer`,
      [subscription.id, printTable(table.target)],
    );
    copies.push({ table, ...recordOf(table), empty });
  }
  return {
    checkpoint,
    suspension,
    copies,
    stopped: subscription.stopped.map((table) => ({ table, reason: recordOf(table).stopped ?? table.reason })),
  };
}

interface SubscriptionRow extends StoredCheckpoint {
  readonly suspension: string | null;
}

/** Throws DB-TGT-004 when the row is missing. */
export async function readCheckpoint(client: ClientBase, subscription: string): Promise<SubscriptionRow> {
  type Column = "epoch" | "position" | "source_identity" | "next_batch" | "suspended_reason";
  const { rows } = await client.query<Record<Column, string | null>>(
    "SELECT epoch, position, source_identity, next_batch, suspended_reason FROM dongbo.subscription WHERE id = $1",
    [subscription],
  );
  const row = rows[0];
  if (row === undefined) throw new ReplicationError("DB-TGT-004", { subject: subscription });
  return {
    epoch: Number(row.epoch),
    position: row.position as Position | null,
    sourceIdentity: row.source_identity,
    nextBatch: Number(row.next_batch),
    suspension: row.suspended_reason,
  };
}

const unknownCopy: Omit<StoredCopy, "table" | "empty"> = { load: null, stopped: null, contract: null, expired: false, awaitsLoad: false };

async function readCopies(client: ClientBase, subscription: string): Promise<Map<string | null, Omit<StoredCopy, "table" | "empty">>> {
  type Column = "target_table" | "load" | "stopped_code" | "stopped_message" | "contract" | "awaits_load" | "expired";
  const { rows } = await client.query<Record<Column, string | null>>(
    `SELECT c.target_table, c.load, c.stopped_code, c.stopped_message, c.contract,
       c.copy_state = 'RESYNCING' AND c.load IS NULL AS awaits_load,
       c.copy_state = 'QUARANTINED' OR s.on_expiry = 'resync' AND (c.copy_state = 'EXPIRED'
         OR c.copy_state = 'VALID' AND coalesce(greatest(clock_timestamp(), s.clock_floor) >= c.valid_until, true)) AS expired
     FROM dongbo.copy AS c JOIN dongbo.subscription AS s ON s.id = c.subscription WHERE c.subscription = $1`,
    [subscription],
  );
  return new Map(
    rows.map((row) => {
      const { stopped_code: code, stopped_message: message, contract } = row;
      const load = JSON.parse(row.load ?? "null") as LoadProgress | null;
      const stopped = code === null ? null : { code, message: message ?? "" };
      return [row.target_table, { load, stopped, contract, expired: row.expired === "t", awaitsLoad: row.awaits_load === "t" }];
    }),
  );
}
