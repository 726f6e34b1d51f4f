// How a copy stands by the records in database dongbo of a MySQL or MariaDB target.
import type { Key } from "../../../engine/model/row.ts";
import type { CopyState, ShareState } from "../../../engine/model/share.ts";
import type { PartStand } from "../../../engine/target/copy-stand.ts";
import type { MysqlSession, TextRow } from "../mysql-client.ts";

const standSql = `
SELECT s.slices, s.share_state, s.position, s.epoch, s.source_identity, c.copy_state, c.contract, c.\`load\` IS NOT NULL AS loading,
  c.stopped_code, c.stopped_message, s.source_time
FROM dongbo.subscription AS s
LEFT JOIN dongbo.copy AS c ON c.subscription = s.id AND c.target_table = ?
WHERE s.id = ? OR s.part_of = ?`;

/** One for each slice of the whole subscription, or for the whole. `table`: the copy as the records name it. */
export async function readParts(session: MysqlSession, subscription: string, table: string): Promise<PartStand[]> {
  return (await session.query(standSql, [table, subscription, subscription])).map(toPart);
}

function toPart(row: TextRow): PartStand {
  const code = row["stopped_code"] ?? null;
  const sourceTime = row["source_time"] ?? null;
  return {
    of: Number(row["slices"]),
    shareState: row["share_state"] as ShareState,
    position: row["position"] ?? null,
    sourceTime: sourceTime === null ? null : Number(sourceTime),
    epoch: Number(row["epoch"]),
    sourceIdentity: row["source_identity"] ?? null,
    copyState: (row["copy_state"] ?? null) as CopyState | null,
    contract: row["contract"] ?? null,
    loading: row["loading"] === "1",
    stopped: code === null ? null : { code, message: row["stopped_message"] ?? "" },
  };
}

const quarantinedSql = `
SELECT q.\`key\` FROM dongbo.quarantine AS q
WHERE q.subscription IN (SELECT s.id FROM dongbo.subscription AS s WHERE s.id = ? OR s.part_of = ?) AND q.target_table = ?`;

/** Keys of the copy's rows that were set aside, in the source's text form. */
export async function readQuarantined(session: MysqlSession, subscription: string, table: string): Promise<Key[]> {
  const rows = await session.query(quarantinedSql, [subscription, subscription, table]);
  return rows.map((row) => (JSON.parse(row["key"] ?? "[]") as string[]).map((part) => Buffer.from(part, "utf8")));
}
