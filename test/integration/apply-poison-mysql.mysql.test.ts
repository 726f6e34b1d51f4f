// Rows that a MySQL or MariaDB target refuses: found in few statements, set aside with their reason and without their values.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { row } from "../support/table-builders.ts";
import { key, subscriptionOf, Writer } from "../support/target-lab.ts";
import { testedFlavour, serverName } from "../support/mysql-server.ts";

describe(`poison rows on ${serverName}`, () => {
  let lab: MysqlTargetLab;
  let writer: Writer;
  let citizen: TableMapping;

  beforeAll(async () => {
    lab = await MysqlTargetLab.open();
    citizen = lab.mapping("citizen", [
      ["id", "int", "integer"],
      ["name", "longtext"],
      ["age", "int", "integer"],
      ["height", "decimal(5,2)", "decimal"],
    ]);
  });
  afterAll(async () => {
    await writer?.target.close();
    await lab?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await writer?.target.close();
    await lab.reset([citizen]);
    writer = await Writer.loaded(lab, subscriptionOf([citizen], { quarantineMax: 50 }));
  });

  const quarantine = async (): Promise<Record<string, string | null>[]> =>
    lab.sql("SELECT `key`, code, `sqlstate`, detail, attempts FROM dongbo.quarantine ORDER BY target_table, `key`");
  const man = (id: string, name: string | null, age: string | null): ReturnType<typeof row> => row(id, name, age, null);

  const poisoned = [17, 31];
  const others = Array.from({ length: 40 }, (_, index) => index).filter((index) => !poisoned.includes(index));
  const refusals: readonly (readonly [string, string, string, string, string | null])[] = [
    ["a column made NOT NULL", "ALTER TABLE public_copy.citizen MODIFY name longtext NOT NULL", "DB-ROW-002", "23000", "column name"],
    [
      "a check",
      "ALTER TABLE public_copy.citizen ADD CONSTRAINT named CHECK (name IS NOT NULL)",
      "DB-ROW-005",
      testedFlavour === "mariadb" ? "23000" : "HY000",
      "constraint named",
    ],
    [
      "a trigger that raises",
      "CREATE TRIGGER public_copy.guard BEFORE INSERT ON public_copy.citizen FOR EACH ROW IF NEW.name IS NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF",
      "DB-ROW-006",
      "45000",
      null,
    ],
    [
      "partitions that have no place for it",
      `ALTER TABLE public_copy.citizen PARTITION BY LIST (id) (PARTITION most VALUES IN (${others.join(", ")}))`,
      "DB-ROW-001",
      "HY000",
      null,
    ],
    ["a narrower type", "ALTER TABLE public_copy.citizen MODIFY age tinyint unsigned", "DB-ROW-001", "22003", "column age"],
  ];

  test.each(refusals)("are refused by %s", async (_, statement, code, sqlstate, detail) => {
    await lab.sql(statement);
    const rows = Array.from({ length: 40 }, (__, index) =>
      poisoned.includes(index) ? man(String(index), null, "900") : man(String(index), "An", "1"),
    );
    const applied = await writer.apply([{ table: citizen, upserts: rows }]);
    expect(applied.quarantined).toBe(2);
    expect(await lab.rows(citizen)).toHaveLength(38);
    expect(await quarantine()).toEqual(['["17"]', '["31"]'].map((text) => ({ key: text, code, sqlstate, detail, attempts: "1" })));
  });

  test("are not rounded, cut or filled up without a word: a note of the server's sets the row aside", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen MODIFY height decimal(5,1)");
    await writer.apply([
      { table: citizen, upserts: [row("1", "An", null, "1.50"), row("2", "Bình", null, "1.55"), row("3", "Chi", null, null)] },
    ]);
    expect(await lab.rows(citizen)).toEqual([
      ["1", "An", null, "1.5"],
      ["3", "Chi", null, null],
    ]);
    expect(await quarantine()).toMatchObject([{ key: '["2"]', code: "DB-ROW-001", detail: "column height" }]);
    await writer.apply([{ table: citizen, updates: [{ key: key("1"), row: row("1", UNCHANGED, null, "1.66") }] }]);
    expect((await lab.rows(citizen)).map(([id]) => id)).toEqual(["3"]);
    expect(await lab.copy(citizen)).toMatchObject({ rows: "1", rows_quarantined: "2" });
  });

  test("are rounded where the configuration accepts that", async () => {
    const columns = citizen.columns.map((column) =>
      column.source === "height" ? { ...column, targetType: "decimal(5,1)", conversion: "lossy" as const } : column,
    );
    const table = { ...citizen, columns };
    await lab.reset([citizen]);
    const lossy = await Writer.loaded(lab, subscriptionOf([table]));
    const applied = await lossy.apply([{ table, upserts: [row("1", "An", null, "1.56")] }]);
    expect(applied.quarantined).toBe(0);
    expect((await lab.rows(table))[0]?.[3]).toBe("1.6");
    await lossy.target.close();
  });

  test.each<[string, string]>([
    ["sql_notes", "0"],
    ["lc_messages", "'de_DE'"],
  ])("are told from others by every change of a value, whatever the server's %s", async (setting, value) => {
    await writer.target.close();
    await lab.sql(`SET GLOBAL ${setting} = ${value}`);
    try {
      await lab.sql("ALTER TABLE public_copy.citizen MODIFY height decimal(5,1)");
      await writer.apply([{ table: citizen, upserts: [row("1", "An", null, "1.50"), row("2", "Bình", null, "1.55")] }]);
      expect((await lab.rows(citizen)).map(([id]) => id)).toEqual(["1"]);
      expect(await quarantine()).toMatchObject([{ key: '["2"]', code: "DB-ROW-001", detail: "column height" }]);
    } finally {
      await lab.sql(`SET GLOBAL ${setting} = DEFAULT`);
    }
  });

  test("with a value that its type has not are told by code, before the server is asked", async () => {
    await writer.apply([{ table: citizen, upserts: [row("1", "An", null, "NaN"), row("2", "Bình", null, "1.5")] }]);
    expect((await lab.rows(citizen)).map(([id]) => id)).toEqual(["2"]);
    expect(await quarantine()).toMatchObject([{ key: '["1"]', code: "DB-ROW-010", sqlstate: null }]);
  });

  test("among 5,000 are found in few statements, and the others are counted exactly", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen ADD CHECK (age > 0)");
    const inserts = async (): Promise<number> => Number((await lab.sql("SHOW GLOBAL STATUS LIKE 'Com_insert'"))[0]?.["Value"]);
    const bad = new Set([3, 2500, 4999]);
    const rows = Array.from({ length: 5000 }, (__, index) => man(String(index), "An", bad.has(index) ? "0" : "1"));
    const before = await inserts();
    await writer.apply([{ table: citizen, upserts: rows }]);
    expect(await quarantine()).toHaveLength(3);
    expect(await lab.copy(citizen)).toMatchObject({ rows: "4997", rows_quarantined: "3" });
    expect((await inserts()) - before).toBeLessThan(90);
  });

  test("in partial updates are set aside whole, whatever the update left open", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen ADD CHECK (age < 150)");
    await writer.apply([{ table: citizen, upserts: [man("1", "An", "1"), man("2", "Bình", "2"), man("3", "Chi", "3")] }]);
    const updates = [
      { key: key("1"), row: row("1", UNCHANGED, "200", null) },
      { key: key("2"), row: row("2", UNCHANGED, "20", null) },
      { key: key("3"), row: row("4", UNCHANGED, "300", null) },
      { key: key("9"), row: row("9", UNCHANGED, "9", null) },
    ];
    const applied = await writer.apply([{ table: citizen, updates }]);
    expect(applied.missing).toEqual([{ table: citizen, keys: [key("9")] }]);
    expect(await lab.rows(citizen)).toEqual([["2", "Bình", "20", null]]);
    expect((await quarantine()).map((entry) => entry["key"])).toEqual(['["1"]', '["4"]']);
    const again = await writer.apply([{ table: citizen, updates: [{ key: key("1"), row: row("1", UNCHANGED, "5", null) }] }]);
    expect(again.missing).toEqual([{ table: citizen, keys: [key("1")] }]);
  });

  test("that fail again are counted as one row with more attempts", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen ADD CHECK (age < 150)");
    for (let round = 0; round < 3; round += 1) await writer.apply([{ table: citizen, upserts: [man("1", "An", "200")] }]);
    expect(await quarantine()).toMatchObject([{ key: '["1"]', attempts: "3" }]);
    expect(await lab.copy(citizen)).toMatchObject({ rows_quarantined: "1" });
  });

  test("leave no value in codes, details and messages", async () => {
    await lab.sql("ALTER TABLE public_copy.citizen ADD CONSTRAINT young CHECK (age < 150)");
    await writer.apply([{ table: citizen, upserts: [man("1", "Nguyễn Văn Kín", "200")] }]);
    const [entry] = await lab.sql("SELECT code, `sqlstate`, detail, key_digest FROM dongbo.quarantine");
    expect(JSON.stringify(entry)).not.toContain("Kín");
    expect(entry?.["key_digest"]).toMatch(/^[0-9a-f]{32}$/);
    expect(entry?.["detail"]).toBe("constraint young");
  });

  test("that the target refuses to let go stop their table, and the other rows of the batch go", async () => {
    await writer.apply([{ table: citizen, upserts: [man("1", "An", null), man("2", "Bình", null), man("3", "Chi", null)] }]);
    await lab.sql(
      "CREATE TRIGGER public_copy.keep BEFORE DELETE ON public_copy.citizen FOR EACH ROW IF OLD.id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'kept'; END IF",
    );
    const applied = await writer.apply([{ table: citizen, deletes: [key("1"), key("2"), key("3")] }]);
    expect(applied.stops.map(({ table, code }) => [table, code])).toEqual([[citizen, "DB-ROW-009"]]);
    expect((await lab.rows(citizen)).map(([id]) => id)).toEqual(["2"]);
    expect(await lab.copy(citizen)).toMatchObject({ rows: "1", stopped_code: "DB-ROW-009" });
  });

  test("with a key that no row of the target can have are set aside, and their deletion is nothing", async () => {
    const columns = citizen.columns.map((column) => (column.source === "id" ? { ...column, targetType: "smallint" } : column));
    const table = { ...citizen, columns, target: { schema: "public", name: "small" }, physical: { schema: "public_copy", name: "small" } };
    const small = await Writer.loaded(lab, subscriptionOf([table], { id: "small/hcm" }));
    await small.apply([{ upserts: [man("1", "An", null), man("70000", "Lớn", null)] }]);
    expect((await lab.rows(table)).map(([id]) => id)).toEqual(["1"]);
    const applied = await small.apply([
      { deletes: [key("70000"), key("1")], updates: [{ key: key("80000"), row: row("80000", UNCHANGED, null, null) }] },
    ]);
    expect(applied).toMatchObject({ stops: [], quarantined: 0, missing: [{ keys: [key("80000")] }] });
    expect(await lab.rows(table)).toEqual([]);
    await small.target.close();
  });
});
