// What a server says of itself as a target, and of the user that asks, for preflight to judge. Reads only.
import { clockAhead } from "../../../engine/validity/clock-skew.ts";
import { clockCanBeSet } from "../apply/target-schema.ts";
import type { Flavour, MysqlSession } from "../mysql-client.ts";

export interface TargetFacts {
  readonly flavour: Flavour;
  /** For example 101119 (10.11.19) or 80400. */
  readonly version: number;
  /** CURRENT_USER(): `name@host` as it was granted. */
  readonly account: string;
  /** Sessions the user may have; 0: no limit of its own. */
  readonly sessionsMax: number;
  readonly readOnly: boolean;
  readonly innodb: boolean;
  readonly pageSizeBytes: number;
  readonly packetMaxBytes: number;
  /** See MysqlSession. */
  readonly foldsNames: boolean;
  /** With a binary log and without trust only administrators may make functions. */
  readonly functionsNeedTrust: boolean;
  /** It keeps a binary log of statements, in which InnoDB under READ COMMITTED cannot write. */
  readonly logsStatements: boolean;
  /** See clockCanBeSet. */
  readonly clockCanBeSet: boolean;
  /** Server's clock less this machine's; what the network's delay leaves open is taken off. */
  readonly clockAheadMs: number;
}

export async function readTargetFacts(session: MysqlSession): Promise<TargetFacts> {
  const [row] = await session.query(
    `SELECT CURRENT_USER() AS account, @@SESSION.max_user_connections AS sessions_max, @@GLOBAL.read_only AS read_only,
       @@GLOBAL.innodb_page_size AS page_size, @@GLOBAL.max_allowed_packet AS packet_max,
       @@GLOBAL.log_bin AND NOT @@GLOBAL.log_bin_trust_function_creators AS needs_trust`,
  );
  const engines = await session.query("SELECT SUPPORT AS support FROM information_schema.ENGINES WHERE ENGINE = 'InnoDB'");
  return {
    flavour: session.flavour,
    version: session.version,
    account: row?.["account"] ?? "",
    sessionsMax: Number(row?.["sessions_max"] ?? 0),
    readOnly: !["0", "OFF"].includes(row?.["read_only"] ?? "0"),
    innodb: engines.some(({ support }) => support === "YES" || support === "DEFAULT"),
    pageSizeBytes: Number(row?.["page_size"] ?? 0),
    packetMaxBytes: Number(row?.["packet_max"] ?? 0),
    foldsNames: session.foldsNames,
    functionsNeedTrust: row?.["needs_trust"] === "1",
    logsStatements: await logsStatements(session),
    clockCanBeSet: await clockCanBeSet(session),
    clockAheadMs: await readClock(session),
  };
}

/** Asked by name: MySQL is about to give the variable up. */
async function logsStatements(session: MysqlSession): Promise<boolean> {
  const rows = await session.query("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')");
  const values = new Set(rows.map((row) => row["Value"]));
  return values.has("ON") && values.has("STATEMENT");
}

async function readClock(session: MysqlSession): Promise<number> {
  const before = Date.now();
  const [row] = await session.query("SELECT FLOOR(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6)) / 1000) AS ms");
  return clockAhead(before, Number(row?.["ms"]), Date.now());
}
