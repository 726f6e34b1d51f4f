// What a source server says of itself, its log and the user that asks, for preflight to judge. Reads only.
import { clockAhead } from "../../../engine/validity/clock-skew.ts";
import type { Flavour, MysqlSession } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";

export interface SourceFacts {
  readonly flavour: Flavour;
  readonly version: number;
  /** The account that the session runs as, `user@host`. */
  readonly account: string;
  /** Server variables by name; those that the server does not know are missing. */
  readonly variables: ReadonlyMap<string, string>;
  /** Server's clock less this machine's; what the network's delay leaves open is taken off. */
  readonly clockAheadMs: number;
  /** Sessions that the account may have; 0: any number. */
  readonly sessionsMax: number;
  /** Databases that alone are logged, and those that are not; null: the account may not look. */
  readonly logFilter: { readonly only: readonly string[]; readonly without: readonly string[] } | null;
  /** The server gets changes from a master of its own; null: the account may not look. */
  readonly isReplica: boolean | null;
  /** Privileges on everything, in the server's words; null: they come by roles, which cannot be looked into. */
  readonly privileges: ReadonlySet<string> | null;
}

const variableNames = [
  "log_bin",
  "binlog_format",
  "binlog_row_image",
  "binlog_row_metadata",
  "binlog_row_value_options",
  "binlog_transaction_compression",
  "gtid_mode",
  "expire_logs_days",
  "binlog_expire_logs_seconds",
  "binlog_expire_logs_auto_purge",
  "max_binlog_total_size",
  "log_slave_updates",
  "log_replica_updates",
  "max_allowed_packet",
  "server_id",
];

export async function readSourceFacts(session: MysqlSession): Promise<SourceFacts> {
  const list = variableNames.map((name) => `'${name}'`).join(", ");
  const variables = await session.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${list})`);
  const [own] = await session.query("SELECT CURRENT_USER() AS account, @@max_user_connections AS sessions");
  return {
    flavour: session.flavour,
    version: session.version,
    account: own?.["account"] ?? "",
    variables: new Map(variables.map((row) => [row["Variable_name"] ?? "", row["Value"] ?? ""])),
    clockAheadMs: await readClock(session),
    sessionsMax: Number(own?.["sessions"]),
    logFilter: await unlessDenied(() => readLogFilter(session)),
    isReplica: await unlessDenied(() => readIsReplica(session)),
    privileges: await readPrivileges(session),
  };
}

async function readClock(session: MysqlSession): Promise<number> {
  const before = Date.now();
  const [row] = await session.query("SELECT FLOOR(UNIX_TIMESTAMP(SYSDATE(6)) * 1000) AS ms");
  return clockAhead(before, Number(row?.["ms"]), Date.now());
}

async function readLogFilter(session: MysqlSession): Promise<SourceFacts["logFilter"]> {
  const renamed = session.flavour === "mysql" && session.version >= 80_200;
  const [row] = await session.query(renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
  return { only: databases(row?.["Binlog_Do_DB"]), without: databases(row?.["Binlog_Ignore_DB"]) };
}

async function readIsReplica(session: MysqlSession): Promise<boolean> {
  const onMysql = session.version >= 80_022 ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS";
  return (await session.query(session.flavour === "mariadb" ? "SHOW ALL SLAVES STATUS" : onMysql)).length > 0;
}

function databases(list: string | null | undefined): string[] {
  return (list ?? "").split(",").filter((name) => name !== "");
}

/** Null: a privilege is missing. */
async function unlessDenied<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (errorNumber(error) === accessDenied) return null;
    throw error;
  }
}

/** ER_SPECIFIC_ACCESS_DENIED_ERROR. */
const accessDenied = 1227;

/** MariaDB tells what the account's role adds; MySQL names its roles only. */
async function readPrivileges(session: MysqlSession): Promise<ReadonlySet<string> | null> {
  const grants = (await session.query("SHOW GRANTS")).map((row) => Object.values(row)[0] ?? "");
  const byRole = session.flavour === "mysql" && grants.some((grant) => !grant.includes(" ON "));
  if (byRole) return null;
  return new Set(grants.flatMap((grant) => /^GRANT (.+?) ON \*\.\* TO /.exec(grant)?.[1]?.split(", ") ?? []));
}
