// Filters mean on the stream what they mean to the server: the compiled filter and SQL give one verdict.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectMysql, type MysqlSession } from "../../connectors/mysql/mysql-client.ts";
import { predicateSql } from "../../connectors/mysql/predicate-sql.ts";
import { quoteIdentifier } from "../../connectors/mysql/quote.ts";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { Row } from "../../engine/model/row.ts";
import type { CatalogTable } from "../../engine/model/table.ts";
import { checkFilter } from "../../mappings/check-filter.ts";
import { compileFilter } from "../../mappings/row-filter.ts";
import { filters, runs, seed } from "../support/filter-samples.ts";
import { mysqlOpaque, mysqlSamples } from "../support/filter-samples-mysql.ts";
import type { MysqlTestServer } from "../support/given-mysql.ts";
import { startMysqlServer } from "../support/mysql-server.ts";
import { serverAddress } from "../support/server-address.ts";
import { readChunk } from "../support/read-chunk.ts";

const columns = [...mysqlSamples, ...mysqlOpaque];
const rowCount = 120;
const name = { schema: "filters", name: "sample" };

let server: MysqlTestServer;
let session: MysqlSession;
let table: CatalogTable;
let rows: readonly Row[];
const pools = new Map<string, string[]>();

beforeAll(async () => {
  server = await startMysqlServer();
  const address = serverAddress(server.url());
  session = await connectMysql(address, { role: "test" });
  await session.query("SET SESSION sql_mode = ''");
  await session.query("CREATE DATABASE filters");
  const declarations = columns.map((column) => `${quoteIdentifier(column.name)} ${column.declaration} NULL DEFAULT NULL`);
  await session.query(`CREATE TABLE filters.sample (id int PRIMARY KEY, ${declarations.join(", ")})`);
  const stored = new Map<string, string[]>();
  for (const [index, column] of columns.entries()) {
    const values = fc.sample(column.stored, { seed: seed + index, numRuns: 24 });
    stored.set(column.name, values);
    const constants = values.map((value) => (column.constant === undefined ? value : column.constant(value)));
    pools.set(
      column.name,
      constants.filter((value) => value !== null),
    );
  }
  const choose = fc.tuple(...columns.map((column) => fc.option(fc.constantFrom(...(stored.get(column.name) ?? [])), { freq: 6 })));
  for (const [index, values] of fc.sample(choose, { seed, numRuns: rowCount }).entries()) {
    await session.query(`INSERT INTO filters.sample VALUES (?, ${columns.map(() => "?").join(", ")})`, [index, ...values]);
  }
  await using snapshot = new AsyncDisposableSnapshot({ address, connections: 1 });
  [table] = (await snapshot.describe([name])) as [CatalogTable];
  const wanted = { table, key: ["id"], columns: table.columns.map((column) => column.name), filter: null, after: null, until: null };
  rows = (await readChunk(snapshot, { ...wanted, rowsMax: 1000, bytesMax: 1e9 }, new AbortController().signal)).rows;
});

afterAll(async () => {
  await session?.end();
  await server?.destroy();
});

class AsyncDisposableSnapshot extends MysqlSnapshot implements AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

test("a filter has the same verdict on a row image as in SQL", async () => {
  expect(rows).toHaveLength(rowCount);
  const pooled = new Map([...pools].filter(([column]) => mysqlSamples.some((sample) => sample.name === column)));
  await fc.assert(
    fc.asyncProperty(filters(columns, pooled), async (predicate) => {
      expect(checkFilter(predicate, table, "sample")).toEqual([]);
      expect(await sqlVerdicts(predicate)).toBe(imageVerdicts(predicate));
    }),
    { seed, numRuns: runs(400) },
  );
});

test("each pair of values compares on a row image as in SQL", async () => {
  for (const column of mysqlSamples) {
    const comparisons = column.ordered === true ? (["eq", "lt", "lte", "gt", "gte"] as const) : (["eq", "ne"] as const);
    for (const value of [...(pools.get(column.name)?.slice(0, 8) ?? []), ...fc.sample(column.values, { seed, numRuns: 8 })]) {
      for (const op of comparisons) {
        const predicate: Predicate = { op, column: column.name, value };
        expect(await sqlVerdicts(predicate), JSON.stringify(predicate)).toBe(imageVerdicts(predicate));
      }
    }
  }
});

test("dates that no calendar has lie between the days around them", async () => {
  await session.query("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'");
  const stored = ["0000-00-00", "2024-00-00", "2024-00-15", "2024-05-00", "2024-02-30"].map((text) => Buffer.from(text));
  const born = table.columns.filter((column) => column.name === "born");
  const count = async (op: "eq" | "lt" | "gt", value: string): Promise<void> => {
    const predicate: Predicate = { op, column: "born", value };
    const filter = compileFilter(predicate, born);
    const list = stored.map((text) => `SELECT CAST('${String(text)}' AS DATE) AS born`).join(" UNION ALL ");
    const [row] = await session.query(`SELECT COUNT(*) AS n FROM (${list}) AS s WHERE ${predicateSql(predicate, born)}`);
    expect(Number(row?.["n"]), `${op} ${value}`).toBe(stored.filter((text) => filter.evaluate([text]) === true).length);
  };
  const days = "0001-01-01 2023-11-30 2023-12-15 2023-12-31 2024-01-01 2024-04-30 2024-05-01 2024-02-29 2024-03-01".split(" ");
  for (const day of days) for (const op of ["eq", "lt", "gt"] as const) await count(op, day);
});

function imageVerdicts(predicate: Predicate): string {
  const filter = compileFilter(predicate, table.columns);
  return rows.map((row) => letter(filter.evaluate(row))).join("");
}

/** A letter a row in order of id: t, f, or n for NULL. */
async function sqlVerdicts(predicate: Predicate): Promise<string> {
  const verdict = "CASE WHEN v THEN 't' WHEN NOT v THEN 'f' ELSE 'n' END";
  const sql = predicateSql(predicate, table.columns);
  const [row] = await session.query(
    `SELECT GROUP_CONCAT(${verdict} ORDER BY id SEPARATOR '') AS v FROM (SELECT id, ${sql} AS v FROM filters.sample) AS s`,
  );
  return row?.["v"] ?? "";
}

function letter(verdict: unknown): string {
  return verdict === true ? "t" : verdict === false ? "f" : verdict === null ? "n" : "?";
}
