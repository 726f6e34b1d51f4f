// The accounts of readers, as far as dongbo's user may look: whether they exist, and whether a view can bind them.
import type { TableMapping } from "../../../engine/model/share.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";
import { matches } from "./target-privileges.ts";

/** Of these readers, those that no account stands for; none when dongbo's user may not look. */
export async function missingReaders(session: MysqlSession, readers: readonly string[]): Promise<readonly string[]> {
  try {
    const rows = await session.query("SELECT User AS user, Host AS host FROM mysql.user");
    const known = new Set(rows.map(({ user, host }) => grantee(user ?? "", host ?? "")));
    return readers.filter((reader) => !granteesOf(reader).some((name) => known.has(name)));
  } catch (error) {
    if (errorNumber(error) === tableAccessDenied) return [];
    throw error;
  }
}

const tableAccessDenied = 1142;

/** They read every table, the server's files or its log, or act in another's name. */
const widePrivileges: ReadonlySet<string> = new Set([
  "SELECT",
  "FILE",
  "SUPER",
  "REPLICATION SLAVE",
  "SET USER",
  "SET_USER_ID",
  "CREATE USER",
]);

/**
 * Readers that can read a copy, or the records by which it is judged, past its view; none when dongbo's user may not look.
 * For `check` to warn of.
 */
export async function readersPastTheGate(
  session: MysqlSession,
  readers: readonly string[],
  tables: readonly Pick<TableMapping, "physical">[],
): Promise<readonly string[]> {
  const everywhere = await session.query("SELECT GRANTEE AS grantee, PRIVILEGE_TYPE AS privilege FROM information_schema.USER_PRIVILEGES");
  const databases = await session.query(
    "SELECT GRANTEE AS grantee, TABLE_SCHEMA AS pattern FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SELECT'",
  );
  const single = await session.query(
    `SELECT GRANTEE AS grantee, TABLE_SCHEMA AS pattern FROM information_schema.TABLE_PRIVILEGES
     WHERE PRIVILEGE_TYPE = 'SELECT' AND NOT (TABLE_SCHEMA = 'dongbo' AND TABLE_NAME = 'status')`,
  );
  const closed = ["dongbo", ...tables.map(({ physical }) => physical.schema)];
  const past = new Set([
    ...everywhere.filter(({ privilege }) => widePrivileges.has(privilege ?? "")).map((row) => row["grantee"]),
    ...databases.filter(({ pattern }) => closed.some((database) => matches(pattern ?? "", database))).map((row) => row["grantee"]),
    ...single.filter(({ pattern }) => closed.includes(pattern ?? "")).map((row) => row["grantee"]),
  ]);
  return readers.filter((reader) => granteesOf(reader).some((name) => past.has(name)));
}

/** How information_schema writes the accounts that a reader's name may stand for. */
function granteesOf(reader: string): string[] {
  const at = reader.lastIndexOf("@");
  return at > 0 ? [grantee(reader.slice(0, at), reader.slice(at + 1))] : [grantee(reader, ""), grantee(reader, "%")];
}

function grantee(user: string, host: string): string {
  return `'${user}'@'${host}'`;
}
