// One instant for everything that is read, and what is known of it: when, which transactions it shows, and how far the log had
// come. No lock is taken where the log numbers its transactions.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { SnapshotVisibility } from "../../../engine/ports/snapshot-source.ts";
import { numbersTransactions } from "../capture/source-server.ts";
import type { MysqlSession, TextRow } from "../mysql-client.ts";
import { formatLogOffset, type LogOffset, mysqlPositions } from "../positions.ts";
import type { SettledSnapshots } from "../settled-snapshot.ts";
import { seenBefore, seenIn } from "./snapshot-visibility.ts";

export interface BegunRead {
  readonly visibility: SnapshotVisibility;
  /** Everything up to here is seen for certain: a place in the log, or where MySQL numbers transactions, their set. */
  readonly shown: Position;
  /** The source's clock from just before the read could see anything. */
  readonly startedAt: Micros;
  /** Everything the read can see committed at or before this; null: ask `endOfLog` when all rows are read. */
  readonly position: Position | null;
}

/** The server's clock in microseconds; SYSDATE is the time itself, not that of the statement. */
const clock = "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) AS at";
const begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/** Begins a read-only transaction in a session whose isolation level is REPEATABLE READ. End it with COMMIT. */
export function beginRead(session: MysqlSession, settled: SettledSnapshots): Promise<BegunRead> {
  return session.flavour === "mariadb" ? beginOnMariaDb(session, settled) : beginOnMysql(session);
}

/** How far the log has come. */
export async function endOfLog(session: MysqlSession): Promise<Position> {
  if (session.flavour === "mariadb") return mysqlPositions.parse(only(await session.query("SELECT @@global.gtid_binlog_pos AS position")));
  const [row] = await session.query("SELECT @@global.gtid_mode AS mode, @@global.gtid_executed AS position");
  return numbersTransactions(row?.["mode"]) ? mysqlPositions.parse(row?.["position"] ?? "") : toPosition(await currentOffset(session));
}

/** The snapshot and its place in the log are taken together, to the byte (MDEV-136). */
async function beginOnMariaDb(session: MysqlSession, settled: SettledSnapshots): Promise<BegunRead> {
  const startedAt = Number(only(await session.query(`SELECT ${clock}`)));
  const place = await settled.begin(session);
  return { startedAt, visibility: seenBefore(place), shown: toPosition(place), position: await endOfLog(session) };
}

/**
 * A transaction joins the executed set after it became visible, so what was in it before the snapshot is seen, and what is
 * in it after the last row covers all that was. Without GTIDs only a moment without commits ties the two together.
 */
async function beginOnMysql(session: MysqlSession): Promise<BegunRead> {
  const [row] = await session.query(`SELECT ${clock}, @@global.gtid_mode AS mode, @@global.gtid_executed AS executed`);
  const startedAt = Number(row?.["at"]);
  if (numbersTransactions(row?.["mode"])) {
    await session.query(begin);
    const executed = row?.["executed"] ?? "";
    return { startedAt, visibility: seenIn(executed), shown: mysqlPositions.parse(executed), position: null };
  }
  await session.query("FLUSH TABLES WITH READ LOCK");
  try {
    await session.query(begin);
    const offset = await currentOffset(session);
    return { startedAt, visibility: seenBefore(offset), shown: toPosition(offset), position: toPosition(offset) };
  } finally {
    await session.query("UNLOCK TABLES");
  }
}

function toPosition(place: LogOffset): Position {
  return mysqlPositions.parse(formatLogOffset(place));
}

/** Where the log ends. MySQL 8.4 took the old name of the statement away, older ones do not know the new one. */
export async function currentOffset(session: MysqlSession): Promise<LogOffset> {
  const renamed = session.flavour === "mysql" && session.version >= 80_200;
  const [row] = await session.query(renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
  return { file: row?.["File"] ?? "", offset: Number(row?.["Position"]) };
}

function only(rows: readonly TextRow[]): string {
  return Object.values(rows[0] ?? {})[0] ?? "";
}
