// Rows of a load in COPY's binary format: read so, written so, and taken apart where the target has something against them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BinaryRows } from "../../connectors/postgres/binary-rows.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { RowList } from "../../engine/model/packed-rows.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { runSql } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { key, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";

const names = ["citizen", "coloured", "seen"] as const;
type Name = (typeof names)[number];

const citizens = `INSERT INTO citizen
  SELECT i, 'Nguyễn ' || i || E'\\t\\\\\\n😀', CASE WHEN i % 3 = 0 THEN NULL ELSE '' END, date '2000-01-01' - i, 'infinity', i * 1.5, i % 2 = 0,
    gen_random_uuid(), decode(lpad(to_hex(i), 8, '0'), 'hex'), 'ab', jsonb_build_object('a', i), '24:00'
  FROM generate_series(1, 500) AS i`;

describe.each([15, 18] as const)("rows in binary on PostgreSQL %i", (major) => {
  let lab: TargetLab;
  let snapshot: PostgresSnapshot;
  let writer: Writer;
  let tables: Readonly<Record<Name, TableMapping>>;

  const onMaster = (...statements: string[]): Promise<Record<string, string | null>[]> =>
    runSql(lab.server.url("master"), "SET timezone = 'UTC'", ...statements);

  beforeAll(async () => {
    lab = await TargetLab.open({
      major,
      master: [
        `CREATE TABLE citizen (id bigint PRIMARY KEY, name text, note varchar(10), born date, until timestamptz, amount numeric(12,2), adult bool,
           code uuid, image bytea, padded char(5), facts jsonb, at time)`,
        citizens,
        "CREATE TYPE colour AS ENUM ('red')",
        "CREATE TABLE coloured (id int PRIMARY KEY, colour colour); INSERT INTO coloured VALUES (1, 'red')",
        "CREATE TABLE seen (id int PRIMARY KEY, at timestamp); INSERT INTO seen VALUES (1, '2026-01-02 03:04:05.6'), (2, NULL)",
      ],
    });
    snapshot = new PostgresSnapshot({ address: serverAddress(lab.server.url("master")), connections: 1, publication: null });
    const found = await lab.mappings(...names.map((name) => ({ schema: "public", name })));
    tables = Object.fromEntries(found.map((table) => [table.source.name, table])) as Record<Name, TableMapping>;
  });
  afterAll(async () => {
    await writer?.target.close();
    await snapshot?.close();
    await lab?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await writer?.target.close();
    await lab.sql(
      "DO $$ BEGIN IF to_regnamespace('dongbo') IS NOT NULL THEN TRUNCATE dongbo.subscription CASCADE; TRUNCATE dongbo.batch, dongbo.quarantine, dongbo.user_type; END IF; END $$",
    );
    await lab.sql("DROP SCHEMA IF EXISTS public_copy CASCADE");
    writer = await Writer.loaded(lab, subscriptionOf(Object.values(tables), { quarantineMax: 50 }));
  });

  /** All rows of a table, in the form that is asked for where the table has it. */
  async function read(table: TableMapping, nativeForm: boolean): Promise<RowList> {
    const columns = table.columns.map(({ source }) => source);
    const all = { filter: null, after: null, until: null, rowsMax: 1e6, bytesMax: 1e9, nativeForm };
    const request = { table: table.catalog, key: table.key, columns, ...all };
    return (await snapshot.readChunk(request, new AbortController().signal)).rows;
  }

  /** Loads rows in a transaction. Gives the statement that was the last before the commit. */
  async function load(table: TableMapping, ...chunks: readonly RowList[]): Promise<string> {
    const transaction = await writer.begin();
    for (const rows of chunks) await transaction.load(table, rows);
    const statement = await lastStatement("dongbo apply population/hcm");
    await writer.commit(transaction);
    return statement;
  }

  async function lastStatement(application: string): Promise<string> {
    const [session] = await lab.sql("SELECT query FROM pg_stat_activity WHERE application_name = $1", [application]);
    return session?.["query"] ?? "";
  }

  const takes = (table: TableMapping): boolean => writer.target.takesNativeForm?.(table) === true;

  const masterRows = async (): Promise<unknown[]> =>
    (await onMaster("SELECT to_jsonb(c) - 'until' AS row, until FROM citizen AS c ORDER BY id")).map((found) => found["row"]);
  const copiedRows = async (): Promise<unknown[]> =>
    (await lab.sql("SELECT to_jsonb(c) - 'until' - 'dongbo_batch' AS row FROM public_copy.citizen AS c ORDER BY id")).map(
      (found) => found["row"],
    );
  const quarantine = (): Promise<Record<string, string | null>[]> =>
    lab.sql("SELECT key::text, code, sqlstate, detail, key_digest FROM dongbo.quarantine ORDER BY key_digest");

  test("are what both servers speak, and make the copy equal", async () => {
    expect(takes(tables.citizen)).toBe(true);
    const rows = await read(tables.citizen, true);
    expect(await lastStatement("dongbo snapshot")).toContain("TO STDOUT (FORMAT binary)");
    expect(await load(tables.citizen, rows)).toMatch(/^COPY .* FROM STDIN \(FORMAT binary\)$/);
    expect(await copiedRows()).toEqual(await masterRows());
    expect(await lab.sql("SELECT DISTINCT dongbo_batch, until FROM public_copy.citizen")).toEqual([
      { dongbo_batch: "2", until: "infinity" },
    ]);
    expect(await lab.copy(tables.citizen)).toMatchObject({ rows: "500", rows_quarantined: "0" });
  });

  test("of several chunks are written in one transaction", async () => {
    const half = async (after: string | null, until: string | null): Promise<RowList> => {
      const bounds = { after: after === null ? null : key(after), until: until === null ? null : key(until) };
      const { catalog, key: keyColumns, columns } = tables.citizen;
      const request = { table: catalog, key: keyColumns, columns: columns.map(({ source }) => source), filter: null, ...bounds };
      return (await snapshot.readChunk({ ...request, rowsMax: 1e6, bytesMax: 1e9, nativeForm: true }, new AbortController().signal)).rows;
    };
    await load(tables.citizen, await half(null, "250"), await half("250", null), await half("500", null));
    expect(await copiedRows()).toEqual(await masterRows());
  });

  test("that are there already replace what is there, and are not asked for again as long as that goes on", async () => {
    const rows = await read(tables.citizen, true);
    await load(tables.citizen, rows);
    await lab.sql("UPDATE public_copy.citizen SET name = 'other', amount = NULL WHERE id % 2 = 0");
    await lab.sql("DELETE FROM public_copy.citizen WHERE id > 400");
    expect(takes(tables.citizen)).toBe(true);
    await load(tables.citizen, rows);
    expect(await copiedRows()).toEqual(await masterRows());
    expect(await lab.sql("SELECT count(*) AS n FROM public_copy.citizen WHERE dongbo_batch = 3")).toEqual([{ n: "500" }]);
    expect([takes(tables.citizen), takes(tables.seen)]).toEqual([false, true]);
    await load(tables.citizen, await read(tables.citizen, false));
    expect(takes(tables.citizen)).toBe(true);
  });

  test("of which the target refuses some are set aside as if they had come as text, and the others pass", async () => {
    const outcomes: unknown[] = [];
    for (const nativeForm of [true, false]) {
      await lab.sql("ALTER TABLE public_copy.citizen DROP CONSTRAINT IF EXISTS young; TRUNCATE public_copy.citizen");
      await lab.sql(
        "ALTER TABLE public_copy.citizen ADD CONSTRAINT young CHECK (born > date '2000-01-01' - 481 AND (facts ->> 'a')::int <> 7)",
      );
      const rows = await read(tables.citizen, nativeForm);
      expect(rows instanceof BinaryRows).toBe(nativeForm);
      await load(tables.citizen, rows);
      outcomes.push([await quarantine(), await copiedRows()]);
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(await quarantine()).toHaveLength(21);
  });

  test("are not for a table with a type that is made by its owner", async () => {
    expect(takes(tables.coloured)).toBe(true);
    const rows = await read(tables.coloured, true);
    expect(rows).not.toBeInstanceOf(BinaryRows);
    expect(await load(tables.coloured, rows)).toMatch(/^COPY .* FROM STDIN \(FORMAT text\)$/);
    expect(await lab.rows(tables.coloured)).toEqual([["1", "red"]]);
  });

  test("are not for a copy whose types were chosen, or stand for those of another family", () => {
    const [id, ...others] = tables.seen.columns;
    if (id === undefined) throw new Error("it has columns");
    const withId = (changes: Partial<typeof id>): TableMapping => ({ ...tables.seen, columns: [{ ...id, ...changes }, ...others] });
    expect(takes(withId({}))).toBe(true);
    expect(takes(withId({ targetType: "bigint" }))).toBe(false);
    expect(takes(withId({ targetType: "smallint", conversion: "lossy" }))).toBe(false);
    expect(takes(withId({ sourceType: { ...id.sourceType, family: "mysql" } }))).toBe(false);
  });

  test("are never taken for values of another type of the same size, should a column have become of one", async () => {
    const rows = await read(tables.seen, true);
    expect(rows).toBeInstanceOf(BinaryRows);
    await lab.sql("DROP VIEW public.seen; ALTER TABLE public_copy.seen ALTER at TYPE int8 USING NULL");
    await load(tables.seen, rows);
    expect(await lab.rows(tables.seen)).toEqual([]);
    expect(new Set((await quarantine()).map((entry) => entry["key"]))).toEqual(new Set(["{1}", "{2}"]));
  });
});
