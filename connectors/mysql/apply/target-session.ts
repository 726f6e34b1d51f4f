// How target objects are looked at and changed: one process at a time on the whole server, with short waits. MySQL commits
// each DDL statement by itself, so what is done must hold up when the next step never comes.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { MysqlSession, TextRow } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";

const objectsLock = "dongbo objects";
/** A prepare of another process may build indexes; it is waited for longer than a reader is made to wait for us. */
const waitForOthersSeconds = 60;
/**
 * A waiting ALTER makes every reader behind it wait as well, and whoever waits for a row keeps all other processes from their objects:
 * it gives up soon and is tried again.
 */
const waitForReadersSeconds = 3;
/** "Lock wait timeout exceeded", also for metadata. */
const lockNotGiven = 1205;

/** Runs `change` alone among all processes that change dongbo's objects on this server. Throws DB-TGT-012 when they are in use. */
export async function changingObjects<T>(session: MysqlSession, subject: string, change: () => Promise<T>): Promise<T> {
  const [row] = await session.query("SELECT GET_LOCK(?, ?) AS locked", [objectsLock, waitForOthersSeconds]);
  if (row?.["locked"] !== "1") throw new ReplicationError("DB-TGT-012", { subject });
  try {
    const seconds = waitForReadersSeconds;
    await session.execute(`SET SESSION lock_wait_timeout = ${seconds}, SESSION innodb_lock_wait_timeout = ${seconds}`);
    return await change();
  } catch (error) {
    if (errorNumber(error) === lockNotGiven) throw new ReplicationError("DB-TGT-012", { subject }, { cause: error });
    throw error;
  } finally {
    if (!session.lost) await session.query("SELECT RELEASE_LOCK(?) AS released", [objectsLock]);
  }
}

/** Runs `work` in one transaction: all of its statements count, or none. They must not be DDL. */
export async function inTransaction<T>(session: MysqlSession, work: () => Promise<T>): Promise<T> {
  await session.execute("START TRANSACTION");
  try {
    const result = await work();
    await session.execute("COMMIT");
    return result;
  } catch (error) {
    if (!session.lost) await session.execute("ROLLBACK");
    throw error;
  }
}

/** The answer of a query that gives one row, or none. */
export async function oneRow(
  session: MysqlSession,
  sql: string,
  parameters: readonly (string | number | null)[],
): Promise<TextRow | undefined> {
  const [row] = await session.query(sql, parameters);
  return row;
}
