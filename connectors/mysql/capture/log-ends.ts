// Both ends of a server's binary log.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { EndOfLog } from "../../../engine/ports/change-source.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { compareLogOffsets, formatLogOffset, type LogOffset, mysqlPositions } from "../positions.ts";
import type { SettledSnapshots } from "../settled-snapshot.ts";
import { seenBefore, seenIn } from "../snapshot/snapshot-visibility.ts";
import type { LogForm } from "./source-server.ts";

/** Name of the oldest file that the server still has. Throws DB-SLOT-020 when there is none. */
export async function oldestFile(session: MysqlSession, subject: string): Promise<string> {
  const [row] = await session.query("SHOW BINARY LOGS");
  const name = row?.["Log_name"] ?? null;
  if (name === null) throw new ReplicationError("DB-SLOT-020", { subject, cause: "the server writes no binary log" });
  return name;
}

/** The position from which on the log is kept. */
export async function oldestPosition(session: MysqlSession, form: LogForm, file: string): Promise<Position> {
  if (form === "offset") return formatLogOffset({ file, offset: 4 }) as Position;
  const [row] =
    form === "mariadb"
      ? await session.query("SELECT BINLOG_GTID_POS(?, 4) AS position", [file])
      : await session.query("SELECT @@GLOBAL.gtid_purged AS position");
  return mysqlPositions.parse(row?.["position"] ?? "");
}

const clockSql = "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)";

export interface LogEnd extends EndOfLog {
  /** The same in bytes; null where nothing is asked of it. */
  readonly place: LogOffset | null;
}

/** A log goes on from where it has ended: one that ends before was emptied, or is of a server that was set back. */
export function isSetBack(last: LogEnd, now: LogEnd): boolean {
  if (!mysqlPositions.covers(now.position, last.position)) return true;
  return last.place !== null && now.place !== null && compareLogOffsets(now.place, last.place) < 0;
}

/** See ChangeSource.endOfLog. The clock is read first. */
export async function endOfLog(session: MysqlSession, form: LogForm, snapshots: SettledSnapshots): Promise<LogEnd> {
  switch (form) {
    case "mariadb":
      return endOfMariaDb(session, snapshots);
    case "gtid": {
      const [row] = await session.query(`SELECT ${clockSql} AS at, @@GLOBAL.gtid_executed AS position`);
      const position = mysqlPositions.parse(row?.["position"] ?? "");
      return { position, at: Number(row?.["at"]), visibility: seenIn(position), place: null };
    }
    case "offset": {
      const [clock] = await session.query(`SELECT ${clockSql} AS at`);
      const place = await writtenUpTo(session);
      return { position: formatLogOffset(place) as Position, at: Number(clock?.["at"]), visibility: seenBefore(place), place };
    }
  }
}

async function endOfMariaDb(session: MysqlSession, snapshots: SettledSnapshots): Promise<LogEnd> {
  const [clock] = await session.query(`SELECT ${clockSql} AS at`);
  const place = await snapshots.begin(session);
  await session.query("COMMIT");
  const [end] = await session.query("SELECT @@GLOBAL.gtid_binlog_pos AS position");
  return { position: mysqlPositions.parse(end?.["position"] ?? ""), at: Number(clock?.["at"]), visibility: seenBefore(place), place };
}

/** MySQL 8.4 has given the statement another name. */
async function writtenUpTo(session: MysqlSession): Promise<LogOffset> {
  const [row] = await session.query(session.version >= 80_200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
  return { file: row?.["File"] ?? "", offset: Number(row?.["Position"]) };
}
