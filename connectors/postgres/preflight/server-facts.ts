// What a server says of itself and of the role that asks, for preflight to judge. Reads only.
import type { Client } from "pg";
import { clockAhead } from "../../../engine/validity/clock-skew.ts";

export interface ServerFacts {
  /** Major version. */
  readonly major: number;
  readonly inRecovery: boolean;
  readonly encoding: string;
  /** `default_transaction_read_only` holds for this role. */
  readonly readOnly: boolean;
  /** Another program answers in the server's name. */
  readonly pooled: boolean;
  /** Server's clock less this machine's; what the network's delay leaves open is taken off. */
  readonly clockAheadMs: number;
  readonly role: RoleFacts;
}

export interface RoleFacts {
  readonly name: string;
  readonly superuser: boolean;
  readonly replication: boolean;
  /** Sessions that the role may have; -1: any number. */
  readonly connectionLimit: number;
  readonly mayCreateInDatabase: boolean;
  readonly database: string;
}

/** What concerns a source's log and its readers. */
export interface LogFacts {
  readonly walLevel: string;
  readonly slotsMax: number;
  readonly slotsUsed: number;
  readonly sendersMax: number;
  readonly sendersUsed: number;
  /** max_slot_wal_keep_size in bytes; null: unlimited. */
  readonly slotKeepBytes: number | null;
  readonly senderTimeoutMs: number;
  /** idle_replication_slot_timeout; 0: off, and before PostgreSQL 18. */
  readonly idleSlotTimeoutSeconds: number;
  /** Null: there is none of that name. */
  readonly slot: { readonly plugin: string; readonly here: boolean; readonly lost: boolean; readonly active: boolean } | null;
  /** The longest open transaction, as far as the role can see. */
  readonly oldestTransaction: { readonly seconds: number; readonly what: string } | null;
}

const serverSql = `
SELECT current_setting('server_version_num')::int / 10000 AS major, pg_is_in_recovery() AS in_recovery,
  current_setting('server_encoding') AS encoding, current_setting('default_transaction_read_only') AS read_only,
  pg_backend_pid() AS pid, current_setting('search_path') AS search_path,
  r.rolname AS role, r.rolsuper AS superuser, r.rolreplication AS replication, r.rolconnlimit AS connection_limit,
  has_database_privilege(current_database(), 'CREATE') AS may_create, current_database() AS database
FROM pg_roles r WHERE r.rolname = current_user`;

export async function readServerFacts(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query<Record<string, string>>(serverSql);
  const row = rows[0] ?? {};
  const { processID } = client as unknown as { processID: number };
  return {
    major: Number(row["major"]),
    inRecovery: row["in_recovery"] === "t",
    encoding: row["encoding"] ?? "",
    readOnly: row["read_only"] === "on",
    // A pooler makes up process ids and drops the settings that a session begins with.
    pooled: Number(row["pid"]) !== processID || row["search_path"] !== "",
    clockAheadMs: await readClock(client),
    role: {
      name: row["role"] ?? "",
      superuser: row["superuser"] === "t",
      replication: row["replication"] === "t",
      connectionLimit: Number(row["connection_limit"]),
      mayCreateInDatabase: row["may_create"] === "t",
      database: row["database"] ?? "",
    },
  };
}

async function readClock(client: Client): Promise<number> {
  const before = Date.now();
  const { rows } = await client.query<{ ms: string }>("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000) AS ms");
  return clockAhead(before, Number(rows[0]?.ms), Date.now());
}

// Sessions of others show when their transaction began only to roles that may see it; prepared ones are open to all.
const logSql = `
SELECT current_setting('wal_level') AS wal_level,
  current_setting('max_replication_slots') AS slots_max, (SELECT count(*) FROM pg_replication_slots) AS slots_used,
  current_setting('max_wal_senders') AS senders_max, (SELECT count(*) FROM pg_stat_replication) AS senders_used,
  (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep_mb,
  (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout') AS sender_timeout,
  (SELECT setting FROM pg_settings WHERE name = 'idle_replication_slot_timeout') AS idle_timeout,
  (SELECT json_build_object('plugin', s.plugin, 'here', s.database = current_database(), 'lost', s.wal_status = 'lost', 'active', s.active)
   FROM pg_replication_slots s WHERE s.slot_name = $1) AS slot,
  (SELECT json_build_object('seconds', round(extract(epoch FROM clock_timestamp() - old.since)), 'what', old.what) FROM (
     SELECT xact_start AS since, 'process ' || pid AS what FROM pg_stat_activity
     WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'
     UNION ALL SELECT prepared, 'prepared transaction ' || quote_literal(gid) FROM pg_prepared_xacts
   ) AS old ORDER BY old.since LIMIT 1) AS oldest`;

export async function readLogFacts(client: Client, slot: string): Promise<LogFacts> {
  const { rows } = await client.query<Record<string, string | null>>(logSql, [slot]);
  const row = rows[0] ?? {};
  const keepMegabytes = Number(row["keep_mb"] ?? -1);
  return {
    walLevel: row["wal_level"] ?? "",
    slotsMax: Number(row["slots_max"]),
    slotsUsed: Number(row["slots_used"]),
    sendersMax: Number(row["senders_max"]),
    sendersUsed: Number(row["senders_used"]),
    slotKeepBytes: keepMegabytes < 0 ? null : keepMegabytes * 1024 * 1024,
    senderTimeoutMs: Number(row["sender_timeout"] ?? 60_000),
    idleSlotTimeoutSeconds: Number(row["idle_timeout"] ?? 0),
    slot: JSON.parse(row["slot"] ?? "null") as LogFacts["slot"],
    oldestTransaction: JSON.parse(row["oldest"] ?? "null") as LogFacts["oldestTransaction"],
  };
}
