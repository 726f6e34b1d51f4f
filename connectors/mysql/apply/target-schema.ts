// The database `dongbo` of a target as a whole: its tables (checkpoint-sql.ts) and what judges by them (gate-sql.ts).
import { createHash } from "node:crypto";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";
import { ensureTargetTables } from "./checkpoint-sql.ts";
import { gateObjects, type Routine } from "./gate-sql.ts";

/**
 * Brings database dongbo to this version: missing tables, the gate. To be run by one process at a time.
 * Nobody is granted anything here. Throws DB-TGT-001 when a database of that name is not ours, DB-TGT-002
 * when a newer dongbo made it, DB-TGT-003 when functions may not be made, DB-MY-060 when readers could set the clock.
 */
export async function ensureTargetSchema(session: MysqlSession): Promise<void> {
  await refuseSettableClock(session);
  await ensureTargetTables(session);
  await ensureGate(session);
}

/** With the server option --sysdate-is-now a session's `SET timestamp` would move the clock that copies are judged by. */
export async function clockCanBeSet(session: MysqlSession): Promise<boolean> {
  await session.execute("SET timestamp = 1000000000");
  try {
    const [row] = await session.query("SELECT SYSDATE() < '2002-01-01' AS moved");
    return row?.["moved"] === "1";
  } finally {
    await session.execute("SET timestamp = DEFAULT");
  }
}

async function refuseSettableClock(session: MysqlSession): Promise<void> {
  if (await clockCanBeSet(session)) throw new ReplicationError("DB-MY-060", { subject: "dongbo" });
}

/** Installs gate and status when they are not what this version installs: an upgrade, or somebody's hand. */
async function ensureGate(session: MysqlSession): Promise<void> {
  const [row] = await session.query("SELECT code_digest FROM dongbo.schema_version");
  if (row?.["code_digest"] === (await gateDigest(session))) return;
  for (const object of gateObjects(session.flavour)) {
    if (typeof object === "string") await session.execute(object);
    else await makeRoutine(session, object);
  }
  await session.execute("UPDATE dongbo.schema_version SET code_digest = ?", [await gateDigest(session)]);
}

/**
 * MySQL cannot replace a routine: between drop and creation readers get an error, never a row, and what was granted on it is
 * to be granted anew.
 */
async function makeRoutine(session: MysqlSession, { kind, name, rest }: Routine): Promise<void> {
  try {
    if (session.flavour === "mariadb") {
      await session.execute(`CREATE OR REPLACE ${kind} dongbo.${name} ${rest}`);
      return;
    }
    await session.execute(`DROP ${kind} IF EXISTS dongbo.${name}`);
    await session.execute(`CREATE ${kind} dongbo.${name} ${rest}`);
  } catch (error) {
    if (errorNumber(error) === needsAdministrator) {
      const cause = "an administrator has made a routine in the place of dongbo's, and the server lets nobody else replace it";
      throw new ReplicationError("DB-TGT-003", { subject: "dongbo", cause, sql: [`DROP ${kind} dongbo.${name};`] }, { cause: error });
    }
    if (errorNumber(error) !== binlogNeedsTrust) throw error;
    const cause = "the server keeps a binary log and lets only administrators make functions, which the gate needs";
    throw new ReplicationError("DB-TGT-003", { subject: "dongbo", cause, sql: [trustCreators] }, { cause: error });
  }
}

/** ER_SPECIFIC_ACCESS_DENIED_ERROR; of SYSTEM_USER on MySQL. */
const needsAdministrator = 1227;
/** ER_BINLOG_CREATE_ROUTINE_NEED_SUPER. */
const binlogNeedsTrust = 1419;

/** Lets users without SUPER make functions; may be set back once dongbo has made its own. */
export const trustCreators = "SET GLOBAL log_bin_trust_function_creators = 1;";

/** Digest of what this version installs and of what is there; made by another account it works only as long as that is there. */
async function gateDigest(session: MysqlSession): Promise<string> {
  const routines = await session.query(
    `SELECT ROUTINE_NAME AS name, ROUTINE_DEFINITION AS definition, SECURITY_TYPE AS security, DEFINER = CURRENT_USER() AS own, SQL_MODE AS mode
     FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'dongbo' ORDER BY 1`,
  );
  const views = await session.query(
    `SELECT TABLE_NAME AS name, VIEW_DEFINITION AS definition, SECURITY_TYPE AS security, DEFINER = CURRENT_USER() AS own
     FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'dongbo' ORDER BY 1`,
  );
  return createHash("sha256")
    .update(JSON.stringify([gateObjects(session.flavour), routines, views]))
    .digest("hex");
}
