// Who may read what in a target: readers get the views and the status and nothing else; what they were given by hand stays.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableName } from "../../../engine/model/table.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";
import { quoteIdentifier, quoteTable } from "../quote.ts";

/**
 * What every reader may use beside the views. The functions open nothing, and queries do not need them; but the server asks
 * whoever builds a view on a view for EXECUTE on what is called in it.
 */
const forEveryReader = [
  "SELECT ON dongbo.status",
  ...["gate", "gate_of_slices", "clock"].map((name) => `EXECUTE ON FUNCTION dongbo.${name}`),
];

/**
 * Gives the readers their views and dongbo.status. Never takes anything away. Throws DB-TGT-011 when a reader does not
 * exist, DB-TGT-003 with the statements for an administrator when dongbo's user may not grant.
 */
export async function grantToReaders(session: MysqlSession, readers: readonly string[], views: readonly TableName[]): Promise<void> {
  for (const reader of readers) {
    const privileges = [...forEveryReader, ...views.map((view) => `SELECT ON ${quoteTable(view)}`)];
    const grants = privileges.map((privilege) => `GRANT ${privilege} TO ${accountSql(reader)}`);
    for (const grant of grants) await runGrant(session, reader, grant, grants);
  }
}

/**
 * `name@host` is that account. A bare name is a role of that name or else the user of that name from any host: MariaDB looks
 * in this order, and to MySQL the two are one.
 */
export function accountSql(reader: string): string {
  const at = reader.lastIndexOf("@");
  return at <= 0 ? quoteIdentifier(reader) : `${quoteIdentifier(reader.slice(0, at))}@${quoteIdentifier(reader.slice(at + 1))}`;
}

async function runGrant(session: MysqlSession, reader: string, grant: string, all: readonly string[]): Promise<void> {
  // Without this mode MariaDB makes an unknown user, one without a password; MySQL never does.
  const guard = session.flavour === "mariadb" ? "SET STATEMENT sql_mode = 'NO_AUTO_CREATE_USER' FOR " : "";
  try {
    await session.execute(`${guard}${grant}`);
  } catch (error) {
    const number = errorNumber(error);
    if (number !== null && unknownAccount.has(number)) throw unknownReader(reader, error);
    if (number === null || !denied.has(number)) throw error;
    const cause = `dongbo's user may not grant ${reader} what readers need`;
    throw new ReplicationError("DB-TGT-003", { subject: reader, cause, sql: all.map((statement) => `${statement};`) }, { cause: error });
  }
}

/** ER_PASSWORD_NO_MATCH, ER_CANT_CREATE_USER_WITH_GRANT, ER_INVALID_ROLE. */
const unknownAccount: ReadonlySet<number> = new Set([1133, 1410, 1959]);
/** ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR. */
const denied: ReadonlySet<number> = new Set([1044, 1045, 1142, 1227]);

/** An account for a reader that is missing. A user is made locked: who makes it chooses how it logs in. */
export function unknownReader(reader: string, cause?: unknown): ReplicationError {
  const account = accountSql(reader);
  const sql = reader.includes("@") ? `CREATE USER ${account} ACCOUNT LOCK;` : `CREATE ROLE ${account};`;
  return new ReplicationError("DB-TGT-011", { subject: reader, sql: [sql] }, { cause });
}
