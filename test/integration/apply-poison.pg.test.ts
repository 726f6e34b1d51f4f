// Rows that a PostgreSQL target refuses: found in few statements, set aside with their reason and without their values.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import type { TypeDefinition } from "../../engine/model/table.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { row } from "../support/table-builders.ts";
import { key, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";

describe.each([15, 18] as const)("poison rows on PostgreSQL %i", (major) => {
  let lab: TargetLab;
  let writer: Writer;
  let citizen: TableMapping;
  let kind: TableMapping;

  beforeAll(async () => {
    lab = await TargetLab.open({
      major,
      master: [
        "CREATE TABLE citizen (id int PRIMARY KEY, name text, age int)",
        "CREATE TYPE colour AS ENUM ('red', 'green')",
        "CREATE TABLE kind (id int PRIMARY KEY, colour colour, colours colour[])",
      ],
    });
    [citizen, kind] = (await lab.mappings({ schema: "public", name: "citizen" }, { schema: "public", name: "kind" })) as [
      TableMapping,
      TableMapping,
    ];
  });
  afterAll(async () => {
    await writer?.target.close();
    await lab?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await writer?.target.close();
    await lab.sql(
      "DO $$ BEGIN IF to_regnamespace('dongbo') IS NOT NULL THEN TRUNCATE dongbo.subscription CASCADE; TRUNCATE dongbo.batch, dongbo.quarantine, dongbo.user_type; END IF; END $$",
    );
    await lab.sql("DROP SCHEMA IF EXISTS public_copy, app CASCADE");
    writer = await Writer.loaded(lab, subscriptionOf([citizen, kind], { quarantineMax: 50 }));
  });

  const quarantine = async (): Promise<Record<string, string | null>[]> =>
    lab.sql("SELECT key::text, code, sqlstate, detail, attempts FROM dongbo.quarantine ORDER BY target_table, key");

  const refusals: readonly (readonly [string, readonly string[], string, string, string | null])[] = [
    ["a column made NOT NULL", ["ALTER TABLE public_copy.citizen ALTER name SET NOT NULL"], "DB-ROW-002", "23502", "column name"],
    [
      "a check",
      ["ALTER TABLE public_copy.citizen ADD CONSTRAINT named CHECK (name IS NOT NULL)"],
      "DB-ROW-005",
      "23514",
      "constraint named",
    ],
    [
      "a trigger that raises",
      [
        "CREATE SCHEMA app",
        "CREATE FUNCTION app.guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name IS NULL THEN RAISE EXCEPTION 'no: %', NEW.age; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON public_copy.citizen FOR EACH ROW EXECUTE FUNCTION app.guard()",
      ],
      "DB-ROW-006",
      "P0001",
      null,
    ],
    ["an arithmetic index", ["CREATE INDEX ON public_copy.citizen ((1 / age))"], "DB-ROW-001", "22012", null],
  ];

  test.each(refusals)("are refused by %s", async (_, statements, code, sqlstate, detail) => {
    for (const statement of statements) await lab.sql(statement);
    const rows = Array.from({ length: 40 }, (__, index) =>
      row(String(index), index === 17 || index === 31 ? null : "An", index === 17 || index === 31 ? "0" : "1"),
    );
    const applied = await writer.apply([{ table: citizen, upserts: rows }]);
    expect(applied.quarantined).toBe(2);
    expect(await lab.rows(citizen)).toHaveLength(38);
    expect(await quarantine()).toEqual(["{17}", "{31}"].map((text) => ({ key: text, code, sqlstate, detail, attempts: "1" })));
  });

  test("too large for an index are set aside", async () => {
    await lab.sql("CREATE INDEX ON public_copy.citizen (name)");
    const random = Array.from({ length: 3000 }, () => Math.random().toString(36).slice(2)).join("");
    await writer.apply([{ table: citizen, upserts: [row("1", random, null), row("2", "An", null)] }]);
    expect((await lab.rows(citizen)).map(([id]) => id)).toEqual(["2"]);
    expect(await quarantine()).toMatchObject([{ key: "{1}", code: "DB-ROW-007", sqlstate: "54000" }]);
  });

  test("among 5,000 are found in few statements, and each try is undone whole", async () => {
    await lab.sql("CREATE SEQUENCE public.tries");
    await lab.sql("GRANT ALL ON SEQUENCE public.tries TO PUBLIC");
    await lab.sql(
      "CREATE FUNCTION public.tried() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('public.tries'); RETURN NULL; END $$",
    );
    await lab.sql("CREATE TRIGGER tried BEFORE INSERT ON public_copy.citizen FOR EACH STATEMENT EXECUTE FUNCTION public.tried()");
    await lab.sql("ALTER TABLE public_copy.citizen ADD CHECK (age > 0)");
    const bad = new Set([3, 2500, 4999]);
    const rows = Array.from({ length: 5000 }, (__, index) => row(String(index), "An", bad.has(index) ? "0" : "1"));
    await writer.apply([{ table: citizen, upserts: rows }]);
    expect(await quarantine()).toHaveLength(3);
    expect(await lab.copy(citizen)).toMatchObject({ rows: "4997", rows_quarantined: "3" });
    const [tries] = await lab.sql("SELECT last_value FROM public.tries");
    // Three rows, each about twice log2(5000) statements.
    expect(Number(tries?.["last_value"])).toBeLessThan(90);
    await lab.sql("DROP SEQUENCE public.tries; DROP FUNCTION public.tried() CASCADE");
  });

  test("hold one lock of a transaction while it is open, however many were tried: each try that failed leaves none behind", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen ADD CHECK (age > 0)");
    const rows = Array.from({ length: 200 }, (__, index) => row(String(index), "An", index % 5 === 0 ? "0" : "1"));
    const transaction = await writer.begin();
    await transaction.load(citizen, rows.slice(0, 100));
    await transaction.write([writer.change({ table: citizen, upserts: rows.slice(100) })]);
    const locks = await lab.sql("SELECT FROM pg_locks WHERE locktype = 'transactionid'");
    expect(locks).toHaveLength(1);
    await writer.commit(transaction);
    expect(await quarantine()).toHaveLength(40);
  });

  test("in partial updates are set aside whole, whatever the update left open", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen ADD CHECK (age < 150)");
    await writer.apply([{ table: citizen, upserts: [row("1", "An", "1"), row("2", "Bình", "2"), row("3", "Chi", "3")] }]);
    const updates = [
      { key: key("1"), row: row("1", UNCHANGED, "200") },
      { key: key("2"), row: row("2", UNCHANGED, "20") },
      { key: key("3"), row: row("4", UNCHANGED, "300") },
      { key: key("9"), row: row("9", UNCHANGED, "9") },
    ];
    const applied = await writer.apply([{ table: citizen, updates }]);
    expect(applied.missing).toEqual([{ table: citizen, keys: [key("9")] }]);
    expect(await lab.rows(citizen)).toEqual([["2", "Bình", "20"]]);
    expect((await quarantine()).map((entry) => entry["key"])).toEqual(["{1}", "{4}"]);
    const again = await writer.apply([{ table: citizen, updates: [{ key: key("1"), row: row("1", UNCHANGED, "5") }] }]);
    expect(again.missing).toEqual([{ table: citizen, keys: [key("1")] }]);
  });

  test("that fail again are counted as one row with more attempts", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen ADD CHECK (age < 150)");
    for (let round = 0; round < 3; round += 1) await writer.apply([{ table: citizen, upserts: [row("1", "An", "200")] }]);
    expect(await quarantine()).toMatchObject([{ key: "{1}", attempts: "3" }]);
    expect(await lab.copy(citizen)).toMatchObject({ rows_quarantined: "1" });
  });

  test("leave no value in codes, details and messages", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen ADD CONSTRAINT young CHECK (age < 150)");
    await writer.apply([{ table: citizen, upserts: [row("1", "Nguyễn Văn Kín", "200")] }]);
    const [entry] = await lab.sql("SELECT code, sqlstate, detail, key_digest FROM dongbo.quarantine");
    expect(JSON.stringify(entry)).not.toContain("Kín");
    expect(entry?.["key_digest"]).toMatch(/^[0-9a-f]{32}$/);
    expect(entry?.["detail"]).toBe("constraint young");
  });

  test("that the target refuses to let go stop their table, and the other rows of the batch go", async () => {
    await writer.apply([{ table: citizen, upserts: [row("1", "An", null), row("2", "Bình", null), row("3", "Chi", null)] }]);
    await lab.sql("CREATE SCHEMA app");
    await lab.sql(
      "CREATE FUNCTION app.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id = 2 THEN RAISE EXCEPTION 'kept'; END IF; RETURN OLD; END $$",
    );
    await lab.sql("CREATE TRIGGER keep BEFORE DELETE ON public_copy.citizen FOR EACH ROW EXECUTE FUNCTION app.keep()");
    const applied = await writer.apply([{ table: citizen, deletes: [key("1"), key("2"), key("3")] }]);
    expect(applied.stops.map(({ table, code }) => [table, code])).toEqual([[citizen, "DB-ROW-009"]]);
    expect((await lab.rows(citizen)).map(([id]) => id)).toEqual(["2"]);
    expect(await lab.copy(citizen)).toMatchObject({ rows: "1", stopped_code: "DB-ROW-009" });
  });

  test("with a key that no row of the target can have are set aside, and their deletion is nothing", async () => {
    const columns = citizen.columns.map((column) => (column.source === "id" ? { ...column, targetType: "smallint" } : column));
    const table = { ...citizen, columns, target: { schema: "public", name: "small" }, physical: { schema: "public_copy", name: "small" } };
    const small = await Writer.loaded(lab, subscriptionOf([table], { id: "small/hcm" }));
    await small.apply([{ upserts: [row("1", "An", null), row("70000", "Lớn", null)] }]);
    expect((await lab.rows(table)).map(([id]) => id)).toEqual(["1"]);
    const applied = await small.apply([
      { deletes: [key("70000"), key("1")], updates: [{ key: key("80000"), row: row("80000", UNCHANGED, null) }] },
    ]);
    expect(applied).toMatchObject({ stops: [], quarantined: 0, missing: [{ keys: [key("80000")] }] });
    expect(await lab.rows(table)).toEqual([]);
    await small.target.close();
  });

  describe("with an unknown enum label", () => {
    const batch = (): Parameters<Writer["apply"]>[0] => [{ table: kind, upserts: [row("1", "red", "{green}"), row("2", "blue", null)] }];

    test("ask for the types to be refreshed, and then pass", async () => {
      await expect(writer.apply(batch())).rejects.toMatchObject({ code: "DB-TGT-015" });
      const colour = { schema: "public", name: "colour" };
      const definitions: TypeDefinition[] = [{ kind: "enum", name: colour, labels: ["red", "blue", "green"] }];
      const columns = kind.columns.map((column) =>
        column.source === "id" ? column : { ...column, sourceType: { ...column.sourceType, definitions } },
      );
      await writer.target.refreshTypes({ ...kind, columns });
      const applied = await writer.apply(batch());
      expect(applied.quarantined).toBe(0);
      expect(await lab.rows(kind)).toEqual([
        ["1", "red", "{green}"],
        ["2", "blue", null],
      ]);
    });

    test("ask so in a snapshot chunk and inside an array as well", async () => {
      const transaction = await writer.begin();
      await expect(transaction.load(kind, [row("1", "red", "{green,blue}")])).rejects.toMatchObject({ code: "DB-TGT-015" });
      await transaction.rollback();
    });

    test("are set aside when the refreshed types do not know it either", async () => {
      await expect(writer.apply(batch())).rejects.toBeInstanceOf(ReplicationError);
      await writer.target.refreshTypes(kind);
      const applied = await writer.apply(batch());
      expect(applied.quarantined).toBe(1);
      expect(await lab.rows(kind)).toEqual([["1", "red", "{green}"]]);
      // Only until the next commit: later the source may have gained it.
      await expect(writer.apply([{ table: kind, upserts: [row("3", "blue", null)] }])).rejects.toMatchObject({ code: "DB-TGT-015" });
    });
  });
});
