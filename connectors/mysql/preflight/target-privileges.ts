// What dongbo's user must be allowed to do in a target, what it is allowed, and the statements that close the gap.
import type { TableMapping } from "../../../engine/model/share.ts";
import { accountSql } from "../apply/grants.ts";
import type { MysqlSession } from "../mysql-client.ts";

/** What is granted at one level: everywhere, or in the databases that a pattern names. */
interface HeldGrant {
  /** Null: everywhere. Else a pattern in which `_` and `%` are wild and `\` takes that from them. */
  readonly pattern: string | null;
  readonly privileges: ReadonlySet<string>;
}

const rowPrivileges = ["SELECT", "INSERT", "UPDATE", "DELETE"];
/** MySQL wants REFERENCES for a foreign key, MariaDB does not. */
const forRecords = [...rowPrivileges, "CREATE", "ALTER", "DROP", "REFERENCES", "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE"];
/** A temporary table shows how the server writes the types of a copy's columns. */
const forCopies = [...rowPrivileges, "CREATE", "ALTER", "CREATE TEMPORARY TABLES"];
/** CREATE makes the database where it is missing; DROP is what replacing a view takes. */
const forViews = ["SELECT", "CREATE", "DROP", "CREATE VIEW"];
/** What lets dongbo give readers their views. */
const grantOption = "GRANT OPTION";

/** Privileges by database. With readers, dongbo's user must be able to pass SELECT on. */
export function neededPrivileges(tables: readonly Pick<TableMapping, "target" | "physical">[], hasReaders: boolean): Map<string, string[]> {
  const passed = hasReaders ? [grantOption] : [];
  const needed = new Map([["dongbo", [...forRecords, ...passed]]]);
  const add = (database: string, privileges: readonly string[]): void => {
    needed.set(database, [...new Set([...(needed.get(database) ?? []), ...privileges])]);
  };
  for (const { target, physical } of tables) {
    add(target.schema, [...forViews, ...passed]);
    add(physical.schema, forCopies);
  }
  return needed;
}

/** Statements that give an account, as CURRENT_USER() prints it, privileges by database. */
export function grantStatements(account: string, privileges: ReadonlyMap<string, readonly string[]>): string[] {
  return [...privileges].map(([database, names]) => {
    const list = names.filter((name) => name !== grantOption);
    const option = names.includes(grantOption) ? " WITH GRANT OPTION" : "";
    const pattern = database.replaceAll(/[\\_%]/g, String.raw`\$&`).replaceAll("`", "``");
    return `GRANT ${list.length === 0 ? "USAGE" : list.join(", ")} ON \`${pattern}\`.* TO ${accountSql(account)}${option}`;
  });
}

/** Those of the needed privileges that the session's user does not hold, by database; none for databases where all is there. */
export async function lackingPrivileges(
  session: MysqlSession,
  needed: ReadonlyMap<string, readonly string[]>,
): Promise<Map<string, string[]>> {
  const held = await heldGrants(session);
  const lacking = new Map<string, string[]>();
  for (const [database, names] of needed) {
    const kept = session.foldsNames ? database.toLowerCase() : database;
    const grants = held.filter(({ pattern }) => pattern === null || matches(session.foldsNames ? pattern.toLowerCase() : pattern, kept));
    const missing = names.filter((name) => !grants.some(({ privileges }) => holds(privileges, name)));
    if (missing.length > 0) lacking.set(database, missing);
  }
  return lacking;
}

function holds(privileges: ReadonlySet<string>, name: string): boolean {
  return privileges.has(name) || (name !== grantOption && privileges.has("ALL PRIVILEGES"));
}

/** Whether the user holds SUPER, which makes functions in spite of a binary log. */
export async function isAdministrator(session: MysqlSession): Promise<boolean> {
  const held = await heldGrants(session);
  return held.some(({ pattern, privileges }) => pattern === null && holds(privileges, "SUPER"));
}

/** The user's own grants and those of its roles in force, as the server prints them. Grants on single tables do not count. */
async function heldGrants(session: MysqlSession): Promise<HeldGrant[]> {
  const rows = await session.query("SHOW GRANTS");
  return rows.flatMap((row) => {
    const line = /^GRANT (.+?) ON (\*|`(?:[^`]|``)+`)\.\* TO (.*)$/s.exec(Object.values(row)[0] ?? "");
    if (line === null) return [];
    const [, list = "", scope = "", rest = ""] = line;
    const privileges = new Set(list.split(",").map((name) => name.trim()));
    if (rest.includes("WITH GRANT OPTION")) privileges.add(grantOption);
    return [{ pattern: scope === "*" ? null : scope.slice(1, -1).replaceAll("``", "`"), privileges }];
  });
}

/** Whether a database's name is among those that a grant's pattern stands for ("GRANT", on wildcards). */
export function matches(pattern: string, database: string): boolean {
  let expression = "";
  for (let index = 0; index < pattern.length; index += 1) {
    const escaped = pattern[index] === "\\" && index + 1 < pattern.length;
    if (escaped) index += 1;
    const character = pattern[index] ?? "";
    if (!escaped && character === "%") expression += ".*";
    else if (!escaped && character === "_") expression += ".";
    else expression += character.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  }
  return new RegExp(`^${expression}$`, "s").test(database);
}
