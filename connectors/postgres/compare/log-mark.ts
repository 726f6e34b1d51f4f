// What a PostgreSQL log held at a moment, and whether a snapshot shows all of it. A transaction is in the log, and may have been
// streamed, before others can see it; nothing but its id tells.
import type pg from "pg";
import type { LogMark } from "../../../engine/ports/compared-table.ts";
import { parseSnapshot } from "../snapshot/snapshot-visibility.ts";

// Whoever has an id holds the lock on it until others see what he has committed. Prepared transactions belong to no process.
const writersSql = `
SELECT DISTINCT l.transactionid FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
  AND (a.datid IS NULL OR a.datid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))`;

/**
 * The transactions of this database that have an id and are not over. Whatever else is in the log by now is visible to every
 * snapshot from now on. pg_snapshot_xmax would not do: ids of transactions that run, committed in the log or not, may lie beyond it.
 */
export async function markLog(client: pg.Client): Promise<LogMark> {
  const { rows } = await client.query<{ transactionid: string }>(writersSql);
  return { mark: rows.map(({ transactionid }) => transactionid).join(" ") };
}

/** Whether all of these are over in this snapshot, given as the text of pg_current_snapshot(). */
export function showsMark(snapshot: string): (mark: LogMark) => boolean {
  const visibility = parseSnapshot(snapshot);
  return ({ mark }) => mark === "" || mark.split(" ").every((writer) => visibility.sees(writer));
}
