// The MySQL server that DONGBO_TEST_MYSQL_URL names, as if it were a private one: what a test makes there goes when it ends.
import { quoteIdentifier, quoteLiteral } from "../../connectors/mysql/quote.ts";
import { runMysql } from "./mysql-session.ts";

/** What a test may do with its server whichever it is. */
export interface MysqlTestServer extends AsyncDisposable {
  /** Connection URL; by default of an account that may do everything. */
  url(database?: string, user?: string, password?: string | null): string;
  /** Runs statements in one session of that account, values as text; returns the last one's rows. */
  query(...statements: readonly string[]): Promise<Record<string, string | null>[]>;
  /** Forgets everything in it. */
  destroy(): Promise<void>;
}

type Settings = Readonly<Record<string, string | number>>;

/**
 * Keeps on the server what was there before the first test: databases, accounts, and variables that were set. So a run that
 * was killed leaves nothing that the next one does not know to remove.
 */
const memory = "dongbo_test";
/** Uses of the server that are open in this process: a source and a target of one test may be the same server. */
let uses = 0;
let remembered: Promise<void> | null = null;

/** What private servers run with, and a server as it is delivered does not. */
const likePrivate: Settings = { binlog_row_metadata: "FULL", sql_mode: "" };

/** For one test file at a time. The settings must be such that a running server takes them. */
export async function useGivenMysql(base: string, settings: Settings): Promise<MysqlTestServer> {
  uses += 1;
  remembered ??= restore(base).then(() => remember(base));
  await remembered;
  const destroy = async (): Promise<void> => {
    uses -= 1;
    if (uses > 0) return;
    remembered = null;
    await restore(base);
  };
  try {
    for (const [name, value] of Object.entries({ ...likePrivate, ...settings })) await setVariable(base, name, value);
  } catch (error) {
    await destroy();
    throw error;
  }
  return {
    url(database = "", user, password = null) {
      const url = new URL(base);
      url.pathname = `/${encodeURIComponent(database)}`;
      if (user !== undefined) [url.username, url.password] = [encodeURIComponent(user), encodeURIComponent(password ?? "")];
      return url.href;
    },
    query: (...statements) => runMysql(base, ...statements),
    destroy,
    [Symbol.asyncDispose]: destroy,
  };
}

const databasesSql = "SELECT 'database' AS kind, SCHEMA_NAME AS name, '' AS value FROM information_schema.SCHEMATA";
const accountsSql = "SELECT 'account' AS kind, User AS name, Host AS value FROM mysql.user";

async function remember(base: string): Promise<void> {
  await runMysql(
    base,
    `CREATE DATABASE ${memory}`,
    `CREATE TABLE ${memory}.found (kind VARCHAR(20), name VARCHAR(255), value VARCHAR(1000), PRIMARY KEY (kind, name, value(255)))
       DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    `INSERT INTO ${memory}.found ${databasesSql} UNION ALL ${accountsSql}`,
  );
}

async function setVariable(base: string, name: string, value: string | number): Promise<void> {
  const [row] = await runMysql(base, `SELECT @@GLOBAL.${name} AS value`);
  await runMysql(
    base,
    `INSERT IGNORE INTO ${memory}.found VALUES ('variable', ${quoteLiteral(name)}, ${quoteLiteral(row?.["value"] ?? "")})`,
    `SET GLOBAL ${name} = ${printValue(String(value))}`,
  );
}

async function restore(base: string): Promise<void> {
  const known = await runMysql(base, `SHOW DATABASES LIKE '${memory}'`);
  if (known.length === 0) return;
  const found = await runMysql(base, `SELECT kind, name, value FROM ${memory}.found`);
  const was = new Set(found.map(printed));
  const isNew = (row: Record<string, string | null>): boolean => !was.has(printed(row));
  const databases = (await runMysql(base, databasesSql)).filter(isNew).map((row) => quoteIdentifier(row["name"] ?? ""));
  const accounts = (await runMysql(base, accountsSql)).filter(isNew);
  const variables = found.filter(({ kind }) => kind === "variable");
  await runMysql(
    base,
    "SET SESSION foreign_key_checks = 0",
    ...variables.map(({ name, value }) => `SET GLOBAL ${name} = ${printValue(value ?? "")}`),
    ...accounts.map(({ name, value }) => `DROP USER ${quoteIdentifier(name ?? "")}@${quoteIdentifier(value ?? "")}`),
    ...databases.map((name) => `DROP DATABASE ${name}`),
    `DROP DATABASE ${memory}`,
  );
}

function printed({ kind, name, value }: Record<string, string | null>): string {
  return JSON.stringify([kind, name, value]);
}

/** Sizes may be written as `64M`, as in a server's configuration. */
function printValue(value: string): string {
  const size = /^(\d+)M$/.exec(value);
  if (size !== null) return String(Number(size[1]) * 1024 ** 2);
  return /^\d+$/.test(value) ? value : quoteLiteral(value);
}
