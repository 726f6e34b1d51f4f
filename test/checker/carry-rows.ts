// Copies a tracked table from one server to another by hand, for tests that judge the checkers without an engine.
import { textClient } from "../support/cluster.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import type { TrackedTable } from "./master-model.ts";
import { familyOf, normalForm } from "./normal-forms.ts";

/** A table on one side; `table` as SQL. */
export interface CarrySide {
  readonly url: string;
  readonly table: string;
}

type Values = Readonly<Record<string, string | null>>;

/** Rows that a condition selects, into a table that is there with the same columns. */
export async function carryRows(from: CarrySide & { readonly where?: string }, to: CarrySide, tracked: TrackedTable): Promise<void> {
  const columns = Object.keys(tracked.forms);
  const family = familyOf(from.url);
  const list = columns.map((column) => `${normalForm(family, tracked.forms[column] ?? "text", column)} AS ${column}`).join(", ");
  const sql = `SELECT ${list} FROM ${from.table}${from.where === undefined ? "" : ` WHERE ${from.where}`}`;
  const rows = family === "mysql" ? await queryMysql(from.url, sql) : await queryPostgres(from.url, sql);
  const values = rows.map((row) => {
    return columns.map((column) => {
      const value = row[column] ?? null;
      return tracked.forms[column] === "bytes" && value !== null ? Buffer.from(value, "hex") : value;
    });
  });
  await (familyOf(to.url) === "mysql" ? insertMysql(to, columns, values) : insertPostgres(to, columns, values));
}

async function queryPostgres(url: string, sql: string): Promise<Values[]> {
  const client = textClient(url);
  await client.connect();
  try {
    return (await client.query<Record<string, string | null>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function queryMysql(url: string, sql: string): Promise<Values[]> {
  const client = await mysqlClient(url);
  try {
    const [rows] = await client.query(sql);
    return rows as Values[];
  } finally {
    await client.end();
  }
}

async function insertPostgres(
  to: CarrySide,
  columns: readonly string[],
  rows: readonly (readonly (string | Buffer | null)[])[],
): Promise<void> {
  const client = textClient(to.url);
  await client.connect();
  try {
    const places = columns.map((_, index) => `$${index + 1}`).join(", ");
    for (const row of rows) await client.query(`INSERT INTO ${to.table} (${columns.join(", ")}) VALUES (${places})`, [...row]);
  } finally {
    await client.end();
  }
}

async function insertMysql(
  to: CarrySide,
  columns: readonly string[],
  rows: readonly (readonly (string | Buffer | null)[])[],
): Promise<void> {
  const client = await mysqlClient(to.url);
  try {
    const places = columns.map(() => "?").join(", ");
    for (const row of rows) await client.query(`INSERT INTO ${to.table} (${columns.join(", ")}) VALUES (${places})`, [...row]);
  } finally {
    await client.end();
  }
}
