// What a binary log held at a moment. A transaction is in the log, and may have been streamed, before others can see it.
import { assert } from "../../../engine/model/assert.ts";
import type { LogMark } from "../../../engine/ports/compared-table.ts";
import { numbersTransactions } from "../capture/source-server.ts";
import { formatGtidSet, gtidSetJoin, parseGtidSet } from "../gtid-set.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { formatLogOffset, mysqlPositions } from "../positions.ts";
import { currentOffset } from "../snapshot/begin-read.ts";

/** MariaDB's snapshots know their place in the log to the byte, MySQL's by what was executed before them (BegunRead.shown). */
export async function markLog(session: MysqlSession): Promise<LogMark> {
  const numbered =
    session.flavour === "mysql" && numbersTransactions((await session.query("SELECT @@global.gtid_mode AS mode"))[0]?.["mode"]);
  return { mark: numbered ? await loggedSet(session) : formatLogOffset(await currentOffset(session)) };
}

/** Whether a snapshot that shows this shows all that the log held at the mark. */
export function showsMark(shown: string): (mark: LogMark) => boolean {
  return ({ mark }) => mysqlPositions.covers(mysqlPositions.parse(shown), mysqlPositions.parse(mark));
}

/** Between the log and the executed set a transaction is owned by its session. Who owns it no more when asked for has been executed. */
async function loggedSet(session: MysqlSession): Promise<string> {
  const [owned] = await session.query("SELECT @@global.gtid_owned AS owned");
  const [executed] = await session.query("SELECT @@global.gtid_executed AS executed");
  const sets = [parseGtidSet(withoutOwners(owned?.["owned"] ?? "")), parseGtidSet(executed?.["executed"] ?? "")];
  assert(sets[0] && sets[1], "the server prints sets of GTIDs");
  return formatGtidSet(gtidSetJoin(sets[0], sets[1]));
}

/** `uuid:7#45:9#46`, one server's behind the other's, with nothing or a comma between them. */
export function withoutOwners(owned: string): string {
  const compact = owned.replaceAll(/[\s,]/g, "");
  const separated = compact.replaceAll(/(?=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/gi, ",");
  return separated.replaceAll(/#\d+/g, "").replace(/^,/, "");
}
