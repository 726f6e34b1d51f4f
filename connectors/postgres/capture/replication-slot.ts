// The replication slot: what keeps the server from removing log that dongbo has not confirmed. (Manual, "Logical Decoding
// Concepts"; view pg_replication_slots, whose columns differ between versions.)
import type pg from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Lsn, parseLsn } from "../lsn.ts";
import { sqlState, toReplicationError } from "../postgres-errors.ts";
import type { SourceSession, TextRow } from "./source-session.ts";

/** What the server says of a slot. Null where it has nothing to say, or its version does not know the column. */
export interface SlotState {
  readonly name: string;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly temporary: boolean;
  /** Everything before it was confirmed; streaming begins here or later. */
  readonly confirmedFlushLsn: Lsn | null;
  /** The oldest log the slot still needs. */
  readonly restartLsn: Lsn | null;
  /** `reserved`, `extended`, `unreserved` (about to be removed) or `lost`. */
  readonly walStatus: string | null;
  /** Why the slot was invalidated, from PostgreSQL 17 on. */
  readonly invalidationReason: string | null;
  /** Bytes that may still be written before log that the slot needs is removed. */
  readonly safeWalBytes: number | null;
  readonly activePid: number | null;
  /** Log kept from the slot's restart position to the end. */
  readonly retainedBytes: number;
  /** Log between what was confirmed and the end. */
  readonly behindBytes: number;
}

/** Columns that not every version has are taken from the row as JSON. */
const slotSql = `
SELECT slot_name, plugin, database, temporary::text, confirmed_flush_lsn::text, restart_lsn::text, wal_status,
       to_jsonb(s) ->> 'invalidation_reason' AS invalidation_reason, safe_wal_size::text, active_pid::text,
       greatest(0, coalesce(pg_wal_lsn_diff(e.lsn, restart_lsn), 0))::text AS retained,
       greatest(0, coalesce(pg_wal_lsn_diff(e.lsn, confirmed_flush_lsn), 0))::text AS behind
FROM pg_replication_slots s,
     (SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_insert_lsn() END) e(lsn)
WHERE slot_name = $1`;

/** Null when there is no slot of this name. */
export async function inspectSlot(session: SourceSession, name: string): Promise<SlotState | null> {
  const [row] = await session.read(slotSql, [name]);
  return row === undefined ? null : readSlot(row);
}

function readSlot(row: TextRow): SlotState {
  return {
    name: row["slot_name"] ?? "",
    plugin: row["plugin"] ?? null,
    database: row["database"] ?? null,
    temporary: row["temporary"] === "true",
    confirmedFlushLsn: lsn(row["confirmed_flush_lsn"]),
    restartLsn: lsn(row["restart_lsn"]),
    walStatus: row["wal_status"] ?? null,
    invalidationReason: row["invalidation_reason"] ?? null,
    safeWalBytes: count(row["safe_wal_size"]),
    activePid: count(row["active_pid"]),
    retainedBytes: count(row["retained"]) ?? 0,
    behindBytes: count(row["behind"]) ?? 0,
  };
}

function lsn(text: string | null | undefined): Lsn | null {
  return text === null || text === undefined ? null : parseLsn(text);
}

function count(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

/** Throws DB-SLOT-006 when a slot of our name is not of our making: another plugin, another database, or a temporary one. */
export function verifyOwnSlot(slot: SlotState, database: string): void {
  const subject = `replication slot ${slot.name}`;
  if (slot.plugin !== "pgoutput") {
    throw new ReplicationError("DB-SLOT-006", { subject, cause: `it uses the plugin ${slot.plugin ?? "of physical replication"}` });
  }
  if (slot.database !== database) {
    throw new ReplicationError("DB-SLOT-006", { subject, cause: `it belongs to the database ${slot.database ?? "of nobody"}` });
  }
  if (slot.temporary) throw new ReplicationError("DB-SLOT-006", { subject, cause: "it is temporary" });
}

/** The position from which the slot can stream. Throws DB-SLOT-002, with sizes, when the server has let it go. */
export async function verifyUsableSlot(session: SourceSession, slot: SlotState): Promise<Lsn> {
  const { invalidationReason: reason, walStatus, confirmedFlushLsn } = slot;
  if (walStatus !== "lost" && reason === null && confirmedFlushLsn !== null) return confirmedFlushLsn;
  const [limits] = await session.read("SELECT current_setting('max_slot_wal_keep_size') AS keep");
  const facts = [
    `invalidated${reason === null ? "" : ` (${reason})`}`,
    `${printSize(slot.behindBytes)} behind the end of the log`,
    `max_slot_wal_keep_size is ${limits?.["keep"] ?? "unknown"}`,
  ];
  throw new ReplicationError("DB-SLOT-002", { subject: `replication slot ${slot.name}`, cause: facts.join(", ") });
}

/** `1.5 GB`: as operators read sizes, by powers of 1024. */
export function printSize(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/**
 * Makes the slot and returns the position from which it keeps the log. The server first waits for every transaction that
 * runs now, whoever runs it: the session's statement_timeout bounds that. Throws DB-SLOT-011 when it ran out, naming how
 * long the oldest has been open, DB-PG-016 when no slot is left to have.
 */
export async function createSlot(client: pg.Client, name: string, observer: SourceSession): Promise<Lsn> {
  const subject = `replication slot ${name}`;
  try {
    const result = await client.query<TextRow>("SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput')", [name]);
    return parseLsn(result.rows[0]?.["lsn"] ?? "");
  } catch (error) {
    const state = sqlState(error);
    if (state === "57014") throw await waitedInVain(observer, subject, error);
    if (state === "53400") throw new ReplicationError("DB-PG-016", { subject }, { cause: toReplicationError(error, subject) });
    throw toReplicationError(error, subject);
  }
}

/** Other users' transactions show their age only through the id they hold or keep from being cleaned up. */
const oldestSql = `
SELECT pid::text, usename, coalesce(application_name, '') AS application, round(extract(epoch FROM clock_timestamp() - xact_start))::text AS seconds
FROM pg_stat_activity
WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start NULLS LAST, age(backend_xid) DESC LIMIT 1`;

const preparedSql = `
SELECT gid, round(extract(epoch FROM clock_timestamp() - prepared))::text AS seconds FROM pg_prepared_xacts ORDER BY prepared LIMIT 1`;

async function waitedInVain(observer: SourceSession, subject: string, error: unknown): Promise<ReplicationError> {
  const [running] = await observer.read(oldestSql);
  const [prepared] = await observer.read(preparedSql);
  const facts: string[] = [];
  if (running !== undefined) {
    const age = running["seconds"] === null || running["seconds"] === undefined ? "for an unknown time" : `for ${running["seconds"]} s`;
    facts.push(`process ${running["pid"]} of user ${running["usename"] ?? "unknown"} has had a transaction open ${age}`);
  }
  if (prepared !== undefined) facts.push(`a prepared transaction has waited for ${prepared["seconds"] ?? "?"} s`);
  const cause = facts.length === 0 ? undefined : `it waits for transactions that run since before: ${facts.join("; ")}`;
  return new ReplicationError("DB-SLOT-011", cause === undefined ? { subject } : { subject, cause }, {
    cause: toReplicationError(error, subject),
  });
}

/** How long a connection that was just closed may take to let go of the slot. */
const releaseMsMax = 5000;
const firstRetryMs = 50;
const retryMsMax = 800;

/**
 * Runs work that needs the slot free, again and again for a few seconds while somebody still holds it: the server's own
 * process ends a moment after our connection. Throws DB-SLOT-003 when it stays held.
 */
export async function onceSlotIsFree<T>(name: string, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + releaseMsMax;
  for (let retryMs = firstRetryMs; ; retryMs = Math.min(2 * retryMs, retryMsMax)) {
    try {
      return await work();
    } catch (error) {
      if (sqlState(error) !== "55006") throw error;
      if (performance.now() > deadline) {
        const subject = `replication slot ${name}`;
        const failure = toReplicationError(error, subject);
        // The server's own sentence names the process that holds it.
        throw new ReplicationError("DB-SLOT-003", { subject, cause: failure.explanation }, { cause: failure });
      }
    }
    await new Promise((resolve) => {
      setTimeout(resolve, retryMs);
    });
  }
}

/** Drops the slot; one that is gone already is fine. */
export async function dropSlot(client: pg.Client, name: string): Promise<void> {
  try {
    await onceSlotIsFree(name, () => client.query("SELECT pg_drop_replication_slot($1)", [name]));
  } catch (error) {
    if (sqlState(error) !== "42704") throw toReplicationError(error, `replication slot ${name}`);
  }
}
