// What a target holds of a subscription, read back.
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { LoadProgress, StoredCheckpoint, StoredCopy, TargetState } from "../../../engine/ports/change-target.ts";
import type { HeldRows } from "../../../engine/target/quarantine-book.ts";
import type { MysqlSession, TextRow } from "../mysql-client.ts";
import { quoteTable } from "../quote.ts";
import { judgedTimeSql } from "./gate-sql.ts";
import { oneRow } from "./target-session.ts";

/** What the target holds of the subscription. Throws DB-TGT-004 when its row is missing. */
export async function readTargetState(session: MysqlSession, subscription: Subscription): Promise<TargetState> {
  const checkpoint = await readCheckpoint(session, subscription.id);
  const rows = await session.query(copiesSql, [subscription.id]);
  const records = new Map(rows.map((row) => [row["target_table"], storedCopy(row)]));
  const recordOf = (table: Pick<TableMapping, "target">): CopyFacts => records.get(printTable(table.target)) ?? unknownCopy;
  const copies: StoredCopy[] = [];
  for (const table of subscription.tables) {
    const found = await oneRow(
      session,
      `SELECT NOT EXISTS (SELECT 1 FROM ${quoteTable(table.physical)})
         AND NOT EXISTS (SELECT 1 FROM dongbo.quarantine WHERE subscription = ? AND target_table = ?) AS answer`,
      [subscription.id, printTable(table.target)],
    );
    copies.push({ table, ...recordOf(table), empty: found?.["answer"] === "1" });
  }
  return {
    checkpoint,
    copies,
    stopped: subscription.stopped.map((table) => ({ table, reason: recordOf(table).stopped ?? table.reason })),
  };
}

/** Throws DB-TGT-004 when the row is missing. */
export async function readCheckpoint(session: MysqlSession, subscription: string): Promise<StoredCheckpoint> {
  const sql = "SELECT epoch, position, source_identity, next_batch FROM dongbo.subscription WHERE id = ?";
  const row = await oneRow(session, sql, [subscription]);
  if (row === undefined) throw new ReplicationError("DB-TGT-004", { subject: subscription });
  return {
    epoch: Number(row["epoch"]),
    position: (row["position"] ?? null) as Position | null,
    sourceIdentity: row["source_identity"] ?? null,
    nextBatch: Number(row["next_batch"]),
  };
}

/** Digests of the rows that are in quarantine. */
export async function readHeldRows(session: MysqlSession, subscription: Subscription): Promise<HeldRows> {
  const rows = await session.query("SELECT target_table, key_digest FROM dongbo.quarantine WHERE subscription = ?", [subscription.id]);
  const held: HeldRows = new Map();
  for (const table of subscription.tables) {
    const digests = rows.filter((row) => row["target_table"] === printTable(table.target)).map((row) => row["key_digest"] ?? "");
    if (digests.length > 0) held.set(tableKey(table.target), new Set(digests));
  }
  return held;
}

type CopyFacts = Omit<StoredCopy, "table" | "empty">;

const unknownCopy: CopyFacts = { load: null, stopped: null, contract: null, expired: false, awaitsLoad: false };

const copiesSql = `
SELECT c.target_table, c.\`load\`, c.stopped_code, c.stopped_message, c.contract,
  c.copy_state = 'RESYNCING' AND c.\`load\` IS NULL AS awaits_load,
  c.copy_state = 'QUARANTINED' OR s.on_expiry = 'resync' AND (c.copy_state = 'EXPIRED'
    OR c.copy_state = 'VALID' AND COALESCE(${judgedTimeSql} >= c.valid_until, 1)) AS expired
FROM dongbo.copy AS c JOIN dongbo.subscription AS s ON s.id = c.subscription WHERE c.subscription = ?`;

function storedCopy(row: TextRow): CopyFacts {
  const code = row["stopped_code"] ?? null;
  return {
    load: JSON.parse(row["load"] ?? "null") as LoadProgress | null,
    stopped: code === null ? null : { code, message: row["stopped_message"] ?? "" },
    contract: row["contract"] ?? null,
    expired: row["expired"] === "1",
    awaitsLoad: row["awaits_load"] === "1",
  };
}
