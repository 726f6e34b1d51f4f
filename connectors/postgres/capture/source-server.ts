// What must be true of a server before its log can be read, and which server it is.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Lsn, parseLsn } from "../lsn.ts";
import type { SourceSession } from "./source-session.ts";

export interface SourceServer {
  /** `server_version_num`, for example 180004. */
  readonly version: number;
  /** `<system identifier>/<timeline>`: the timeline changes when a standby is promoted or a backup is brought back. */
  readonly identity: string;
  readonly insertLsn: Lsn;
  /** Milliseconds; 0: the server never gives a connection up. */
  readonly walSenderTimeoutMs: number;
}

const versionMin = 150_000;

/** In recovery the functions on the log's end fail, so they are asked only outside of it. */
const serverSql = `
SELECT current_setting('server_version_num') AS version,
       pg_is_in_recovery()::text AS standby,
       current_setting('wal_level') AS wal_level,
       (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout') AS wal_sender_timeout,
       (SELECT system_identifier::text FROM pg_control_system()) AS system,
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_insert_lsn()::text END AS insert_lsn,
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline`;

/**
 * Looks at the server. Throws DB-PG-011 when it is too old or a standby, DB-PG-012 when its log does not hold what logical
 * replication needs.
 */
export async function inspectServer(session: SourceSession, subject: string): Promise<SourceServer> {
  const [row] = await session.read(serverSql);
  const version = Number(row?.["version"]);
  if (version < versionMin) {
    const cause = `the server is PostgreSQL ${Math.floor(version / 10_000)}`;
    throw new ReplicationError("DB-PG-011", { subject, cause });
  }
  if (row?.["standby"] === "true") throw new ReplicationError("DB-PG-011", { subject, cause: "the server is a standby" });
  if (row?.["wal_level"] !== "logical") {
    const cause = `wal_level is ${row?.["wal_level"] ?? "unknown"}`;
    throw new ReplicationError("DB-PG-012", { subject, cause, sql: ["ALTER SYSTEM SET wal_level = logical;"] });
  }
  return {
    version,
    identity: `${row["system"] ?? ""}/${Number.parseInt(row["timeline"] ?? "", 16)}`,
    insertLsn: parseLsn(row["insert_lsn"] ?? ""),
    walSenderTimeoutMs: Number(row["wal_sender_timeout"]),
  };
}

/** Throws DB-SLOT-004 when the server is another one than expected, saying in which way. */
export function verifyIdentity(actual: string, expected: string, subject: string): void {
  if (actual === expected) return;
  const [system] = actual.split("/");
  const cause =
    expected.split("/")[0] === system
      ? `the server's history has branched since (timeline ${expected.split("/")[1]} then, ${actual.split("/")[1]} now): a standby was promoted or a backup restored`
      : `another server answers (system identifier ${expected.split("/")[0]} then, ${system} now)`;
  throw new ReplicationError("DB-SLOT-004", { subject, cause });
}
