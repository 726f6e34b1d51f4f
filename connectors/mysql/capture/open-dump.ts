// Asks a server for its binary log from a position on. What a replica does as well: variables of the session tell the server
// what its reader understands (MariaDB: sql/sql_repl.cc; MySQL: sql/rpl_binlog_sender.cc).
import type { Position } from "../../../engine/model/position.ts";
import { parseGtidSet } from "../gtid-set.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { parseLogOffset } from "../positions.ts";
import { encodeDump, encodeDumpGtid } from "./dump-command.ts";
import type { SourceServer } from "./source-server.ts";

/** Knows GTID events. */
const mariaDbCapability = 4;
/** How long the server may wait for us to take more of its log: who is held back must not lose the connection. */
const writeTimeoutSeconds = 24 * 3600;

export interface DumpRequest {
  readonly from: Position;
  readonly serverId: number;
  /** The server tells that it is there at least this often. */
  readonly heartbeatMs: number;
}

/** Prepares the session and returns the command that begins the dump. */
export async function prepareDump(session: MysqlSession, server: SourceServer, request: DumpRequest): Promise<Buffer> {
  const nanoseconds = Math.round(request.heartbeatMs) * 1_000_000;
  const common = [
    `SESSION net_write_timeout = ${writeTimeoutSeconds}`,
    `@master_heartbeat_period = ${nanoseconds}`,
    "@master_binlog_checksum = 'CRC32'",
  ];
  const start = { file: "", offset: 4 };
  if (server.form === "mariadb") {
    const own = [`@mariadb_slave_capability = ${mariaDbCapability}`, "@slave_gtid_strict_mode = 1", "@slave_gtid_ignore_duplicates = 0"];
    await session.query(`SET ${[...common, ...own].join(", ")}, @slave_connect_state = ?`, [request.from]);
    return encodeDump(request.serverId, start);
  }
  const renamed = [`@source_heartbeat_period = ${nanoseconds}`, "@source_binlog_checksum = 'CRC32'"];
  await session.query(`SET ${[...common, ...renamed].join(", ")}`);
  if (server.form === "gtid") return encodeDumpGtid(request.serverId, parseGtidSet(request.from) ?? new Map());
  return encodeDump(request.serverId, parseLogOffset(request.from) ?? start);
}
