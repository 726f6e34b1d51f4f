// Filters mean on the stream what they mean to the server: the compiled filter, and both SQL forms, give one verdict.
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import { predicateWithLiterals, predicateWithParameters } from "../../connectors/postgres/predicate-sql.ts";
import { quoteIdentifier } from "../../connectors/postgres/quote.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { Row } from "../../engine/model/row.ts";
import type { CatalogTable, ColumnType } from "../../engine/model/table.ts";
import { checkFilter } from "../../mappings/check-filter.ts";
import { literalKey } from "../../mappings/filter-literal.ts";
import { valueKind } from "../../mappings/filter-value.ts";
import { compileFilter } from "../../mappings/row-filter.ts";
import { startServer } from "../support/cluster.ts";
import { filters, opaqueColumns, runs, sampleColumns, sampleTypes, seed } from "../support/filter-samples.ts";
import { serverAddress } from "../support/server-address.ts";

const columns = [...sampleColumns, ...opaqueColumns];
const rowCount = 80;

describe.each([15, 18] as const)("PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let client: pg.Client;
  let table: CatalogTable;
  let rows: Row[];
  const pools = new Map<string, string[]>();

  beforeAll(async () => {
    server = await startServer(major, {});
    client = await connectPostgres(serverAddress(server.url()), { role: "test" });
    for (const sql of sampleTypes) await client.query(sql);
    const declarations = columns.map(
      (column) => `${quoteIdentifier(column.name)} ${column.declaration.replace("COLLATE ", "COLLATE pg_catalog.")}`,
    );
    await client.query(`CREATE TABLE public.sample (id int4 PRIMARY KEY, ${declarations.join(", ")})`);
    for (const [index, column] of columns.entries()) pools.set(column.name, fc.sample(column.values, { seed: seed + index, numRuns: 24 }));
    const places = columns.map((_, index) => `$${index + 2}`).join(", ");
    const choose = fc.tuple(...columns.map((column) => fc.option(fc.constantFrom(...(pools.get(column.name) ?? [])), { freq: 6 })));
    const sampled = fc.sample(choose, { seed, numRuns: rowCount });
    for (const [index, values] of sampled.entries())
      await client.query(`INSERT INTO public.sample VALUES ($1, ${places})`, [index, ...values]);
    [table] = (await describeTables(client, [{ schema: "public", name: "sample" }])) as [CatalogTable];
    rows = await readRows(client);
  });

  afterAll(async () => {
    await client?.end();
    await server?.destroy();
  });

  test("a filter has the same verdict on a row image as in SQL with parameters and with literals", async () => {
    const pooled = new Map([...pools].filter(([name]) => !opaqueColumns.some((column) => column.name === name)));
    await fc.assert(
      fc.asyncProperty(filters(columns, pooled), async (predicate) => {
        expect(checkFilter(predicate, table, "sample")).toEqual([]);
        const filter = compileFilter(predicate, table.columns);
        const verdicts = rows.map((row) => letter(filter.evaluate(row))).join("");
        const withParameters = predicateWithParameters(predicate, table.columns, 2);
        expect(await sqlVerdicts(withParameters.sql, withParameters.parameters)).toBe(verdicts);
        expect(await sqlVerdicts(predicateWithLiterals(predicate, table.columns), [])).toBe(verdicts);
      }),
      { seed, numRuns: runs(150) },
    );
  });

  test("each pair of values compares on a row image as in SQL", async () => {
    for (const column of sampleColumns) {
      const comparisons = column.ordered === true ? (["eq", "lt", "lte"] as const) : (["eq"] as const);
      for (const value of pools.get(column.name)?.slice(0, 8) ?? []) {
        for (const op of comparisons) {
          const predicate: Predicate = { op, column: column.name, value };
          const filter = compileFilter(predicate, table.columns);
          const verdicts = rows.map((row) => letter(filter.evaluate(row))).join("");
          expect(await sqlVerdicts(predicateWithLiterals(predicate, table.columns), []), JSON.stringify(predicate)).toBe(verdicts);
        }
      }
    }
  });

  test("whatever is accepted as a constant, the server reads as the same value", async () => {
    let accepted = 0;
    for (const [index, column] of sampleColumns.entries()) {
      const type = table.columns.find(({ name }) => name === column.name)?.type;
      if (type === undefined || type.category === "enum") continue;
      const texts = fc.sample(misspelt(column.values), { seed: seed + index, numRuns: runs(300) });
      const known = texts.filter((text) => literalKey(type, text) !== null);
      const read = `SELECT a::${type.bare}::pg_catalog.text AS value FROM pg_catalog.unnest($1::pg_catalog.text[]) AS a`;
      const { rows: values } = await client.query<{ value: string }>(read, [known]);
      const keys = values.map(({ value }) => valueKind(type.category)?.key(Buffer.from(boolLetter(type, value)), 1_000_000));
      expect(keys, `${column.name} ${JSON.stringify(known)}`).toEqual(known.map((text) => literalKey(type, text)));
      accepted += known.length;
    }
    expect(accepted).toBeGreaterThan(sampleColumns.length * 20);
  });

  test("a role that may read the table needs no rights on the types of its columns", async () => {
    await client.query("CREATE ROLE reader_only LOGIN; GRANT SELECT ON public.sample TO reader_only");
    const reader = await connectPostgres(serverAddress(server.url("postgres", "reader_only")), { role: "test" });
    try {
      await expect(reader.query(`SELECT NULL::"Kiểu".colour`)).rejects.toThrow("permission denied");
      for (const column of columns) {
        const values = pools.get(column.name)?.slice(0, 2) ?? [];
        const opaque = opaqueColumns.includes(column);
        const predicate: Predicate = opaque
          ? { op: "is_null", column: column.name, value: true }
          : { op: "in", column: column.name, values };
        const one: Predicate = opaque ? predicate : { op: "not", of: { op: "eq", column: column.name, value: values[0] ?? "" } };
        const { sql, parameters } = predicateWithParameters({ op: "any", of: [predicate, one] }, table.columns);
        await reader.query(`SELECT id FROM public.sample WHERE ${sql}`, parameters);
        await reader.query(`SELECT id FROM public.sample WHERE ${predicateWithLiterals(predicate, table.columns)}`);
      }
    } finally {
      await reader.end();
    }
  });

  /** A letter a row in order of id: t, f, or n for NULL. `$1` is taken, as it would be in a larger statement. */
  async function sqlVerdicts(sql: string, parameters: readonly string[]): Promise<string> {
    const verdict = "CASE WHEN v THEN 't' WHEN NOT v THEN 'f' ELSE 'n' END";
    const text = `SELECT pg_catalog.string_agg(${verdict}, '' ORDER BY id) AS v FROM (SELECT id, ${sql} AS v FROM public.sample WHERE id < $1::pg_catalog.int4) AS s`;
    const result = await client.query<{ v: string }>(text, [String(rowCount), ...parameters]);
    return result.rows[0]?.v ?? "";
  }
});

/** A boolean is printed as a letter in rows, but cast to text as a word. */
function boolLetter(type: ColumnType, value: string): string {
  return type.category === "boolean" ? value.slice(0, 1) : value;
}

/** Values with a character put in, taken out or replaced, and some left as they are. */
function misspelt(values: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const character = fc.constantFrom(...Array.from("0123456789+-:. TZBCeEinfaty_,\"'"));
  return fc.tuple(values, fc.nat(40), fc.nat(3), character).map(([text, at, edit, added]) => {
    const place = at % (text.length + 1);
    if (edit === 0) return text;
    return text.slice(0, place) + (edit === 1 ? "" : added) + text.slice(edit === 2 ? place : place + 1);
  });
}

function letter(verdict: unknown): string {
  return verdict === true ? "t" : verdict === false ? "f" : verdict === null ? "n" : "?";
}

async function readRows(client: pg.Client): Promise<Row[]> {
  const result = await client.query<(string | null)[]>({ text: "SELECT * FROM public.sample ORDER BY id", rowMode: "array" });
  return result.rows.map((row) => row.map((value) => (value === null ? null : Buffer.from(value, "utf8"))));
}
