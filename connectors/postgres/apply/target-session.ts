// How target objects are looked at and changed: one transaction at a time in the whole database, with short waits.
import type { ClientBase } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { sqlState, toReplicationError } from "../postgres-errors.ts";

/** "dongbo" in ASCII: the advisory lock that lets one process at a time change objects in this database. */
const objectsLock = "110429756416623";

/** A prepare of another process may build indexes; it is waited for longer than a reader is made to wait for us. */
const waitForOthers = "60s";
/** A waiting ALTER or CREATE OR REPLACE makes every reader behind it wait as well: it gives up soon and is tried again. */
const waitForReaders = "3s";

/** Whether what was done stays: `rehearse` undoes it all, after it has shown what would be in its way. */
export type Purpose = "carry out" | "rehearse";

/**
 * Runs `change` in a transaction of its own, alone among all processes that change dongbo's objects here. Everything or
 * nothing of it takes place. Names are found only where they say they are.
 */
export async function changingObjects<T>(
  client: ClientBase,
  subject: string,
  change: () => Promise<T>,
  purpose: Purpose = "carry out",
): Promise<T> {
  try {
    await client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    await client.query(`SET LOCAL search_path = ''; SET LOCAL lock_timeout = '${waitForOthers}'`);
    await client.query(`SELECT pg_advisory_xact_lock(${objectsLock})`);
    await client.query(`SET LOCAL lock_timeout = '${waitForReaders}'`);
    const result = await change();
    await client.query(purpose === "carry out" ? "COMMIT" : "ROLLBACK");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    if (sqlState(error) === "55P03") throw new ReplicationError("DB-TGT-012", { subject }, { cause: toReplicationError(error, subject) });
    throw toReplicationError(error, subject);
  }
}

/** The answer of a query that asks one question in a column named `answer`. */
export async function isTrue(client: ClientBase, sql: string, parameters: readonly unknown[]): Promise<boolean> {
  const { rows } = await client.query<{ answer: string }>(sql, [...parameters]);
  return rows[0]?.answer === "t";
}
