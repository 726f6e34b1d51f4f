// Constraints that owners add to a copy's tables: respected, and never in the way of what the master allows.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { row } from "../support/table-builders.ts";
import { type LabColumn, MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { key, progress, subscriptionOf, Writer } from "../support/target-lab.ts";
import { serverName } from "../support/mysql-server.ts";

describe(`constraints in the target, ${serverName}`, () => {
  let lab: MysqlTargetLab;
  let writer: Writer;
  let citizen: TableMapping;
  let province: TableMapping;
  let visit: TableMapping;

  beforeAll(async () => {
    lab = await MysqlTargetLab.open();
    citizen = lab.mapping("citizen", [
      ["id", "int", "integer"],
      ["nid", "varchar(40)"],
      ["province", "int", "integer"],
      ["father", "int", "integer"],
      ["note", "longtext"],
    ]);
    province = lab.mapping("province", [
      ["id", "int", "integer"],
      ["capital", "int", "integer"],
    ]);
    visit = lab.mapping("visit", [
      ["id", "int", "integer"],
      ["citizen", "int", "integer"],
    ]);
  });
  afterAll(async () => {
    await writer?.target.close();
    await lab?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await writer?.target.close();
    await lab.sql("DROP DATABASE IF EXISTS app");
    await lab.reset([citizen, province, visit]);
    writer = await Writer.loaded(lab, subscriptionOf([citizen, province, visit], { quarantineMax: 10 }));
  });

  /** Adds something as the copy's owner would; the worker notices when it next opens a session. */
  async function owner(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await lab.sql(statement);
    await writer.target.close();
  }

  const nids = async (): Promise<unknown> => (await lab.rows(citizen)).map(([id, nid]) => [id, nid]);
  const quarantine = async (): Promise<unknown> => lab.sql("SELECT target_table, `key`, code, detail FROM dongbo.quarantine ORDER BY 1, 2");

  async function countsAreExact(): Promise<void> {
    for (const table of [citizen, province, visit]) {
      expect([table.target.name, (await lab.copy(table))["rows"]]).toEqual([table.target.name, String((await lab.rows(table)).length)]);
    }
  }

  describe("a unique column", () => {
    beforeEach(async () => {
      await owner("ALTER TABLE public_copy.citizen ADD UNIQUE citizen_nid_key (nid)");
      await writer.apply([
        { table: citizen, upserts: [row("1", "a", null, null, "x"), row("2", "b", null, null, "y"), row("3", "c", null, null, "z")] },
      ]);
    });

    test("hands a value from a deleted row to a new one", async () => {
      await writer.apply([{ table: citizen, deletes: [key("1")], upserts: [row("4", "a", null, null, null)] }]);
      expect(await nids()).toEqual([
        ["2", "b"],
        ["3", "c"],
        ["4", "a"],
      ]);
      await countsAreExact();
    });

    test("lets rows of one batch exchange their values", async () => {
      await writer.apply([
        { table: citizen, upserts: [row("1", "b", null, null, "x"), row("2", "c", null, null, "y"), row("3", "a", null, null, "z")] },
      ]);
      expect(await nids()).toEqual([
        ["1", "b"],
        ["2", "c"],
        ["3", "a"],
      ]);
      expect(await quarantine()).toEqual([]);
      await countsAreExact();
    });

    test("lets partial rows exchange their values, and they keep the rest", async () => {
      const updates = [
        { key: key("1"), row: row("1", "b", null, null, UNCHANGED) },
        { key: key("2"), row: row("2", "a", null, null, UNCHANGED) },
      ];
      await writer.apply([{ table: citizen, updates }]);
      expect((await lab.rows(citizen)).map(([id, nid, , , note]) => [id, nid, note])).toEqual([
        ["1", "b", "x"],
        ["2", "a", "y"],
        ["3", "c", "z"],
      ]);
      await countsAreExact();
    });

    test("lets values change hands over the pieces of one transaction", async () => {
      const transaction = await writer.begin();
      await transaction.write([writer.change({ table: citizen, upserts: [row("1", "b", null, null, "x")] })]);
      const outcome = await transaction.write([
        writer.change({ table: citizen, updates: [{ key: key("2"), row: row("2", "a", null, null, UNCHANGED) }] }),
      ]);
      expect(outcome.quarantined).toBe(0);
      expect((await writer.commit(transaction)).quarantined).toBe(0);
      expect(await nids()).toEqual([
        ["1", "b"],
        ["2", "a"],
        ["3", "c"],
      ]);
      await countsAreExact();
    });

    test("lets a row that waits for its value be changed, moved and deleted by later pieces", async () => {
      const transaction = await writer.begin();
      const pieces = [
        { upserts: [row("1", "b", null, null, "x"), row("5", "c", null, null, "big"), row("6", "b", null, null, "six")] },
        {
          updates: [
            { key: key("1"), row: row("1", "d", null, null, UNCHANGED) },
            { key: key("5"), row: row("7", "e", null, null, UNCHANGED) },
          ],
        },
        { deletes: [key("6")] },
      ];
      for (const piece of pieces) await transaction.write([writer.change({ table: citizen, ...piece })]);
      expect((await writer.commit(transaction)).quarantined).toBe(0);
      expect((await lab.rows(citizen)).map(([id, nid, , , note]) => [id, nid, note])).toEqual([
        ["1", "d", "x"],
        ["2", "b", "y"],
        ["3", "c", "z"],
        ["7", "e", "big"],
      ]);
      await countsAreExact();
    });

    test("lets rows that wait for their values exchange their keys", async () => {
      const transaction = await writer.begin();
      const waiting = [row("4", "b", null, null, "four"), row("5", "c", null, null, "five")];
      await transaction.write([writer.change({ table: citizen, upserts: waiting })]);
      const updates = [
        { key: key("4"), row: row("5", "x", null, null, UNCHANGED) },
        { key: key("5"), row: row("4", "y", null, null, UNCHANGED) },
      ];
      expect((await transaction.write([writer.change({ table: citizen, updates })])).missing).toEqual([]);
      expect((await writer.commit(transaction)).quarantined).toBe(0);
      const rows = (await lab.rows(citizen)).slice(3).map(([id, nid, , , note]) => [id, nid, note]);
      expect(rows).toEqual([
        ["4", "y", "five"],
        ["5", "x", "four"],
      ]);
    });

    test("sets a true duplicate aside, judged only when the transaction ends, until the value is free", async () => {
      const applied = await writer.apply([{ table: citizen, upserts: [row("1", "b", null, null, "x"), row("9", "n", null, null, null)] }]);
      expect(applied.quarantined).toBe(1);
      expect(await nids()).toEqual([
        ["2", "b"],
        ["3", "c"],
        ["9", "n"],
      ]);
      expect(await quarantine()).toEqual([
        { target_table: "public.citizen", key: '["1"]', code: "DB-ROW-003", detail: "constraint citizen_nid_key" },
      ]);
      await writer.apply([{ table: citizen, deletes: [key("2")], upserts: [row("1", "b", null, null, "x")] }]);
      expect(await nids()).toEqual([
        ["1", "b"],
        ["3", "c"],
        ["9", "n"],
      ]);
      expect(await quarantine()).toEqual([]);
      await countsAreExact();
    });

    test("lets a snapshot chunk exchange values with rows that are there", async () => {
      const transaction = await writer.begin();
      await transaction.load(citizen, [row("1", "c", null, null, "x"), row("2", "a", null, null, "y"), row("3", "b", null, null, "z")]);
      await writer.commit(transaction);
      expect(await nids()).toEqual([
        ["1", "c"],
        ["2", "a"],
        ["3", "b"],
      ]);
      await countsAreExact();
    });
  });

  describe("a unique column of rows that others refer to", () => {
    beforeEach(async () => {
      await owner(
        "ALTER TABLE public_copy.citizen ADD UNIQUE citizen_nid_key (nid)",
        "ALTER TABLE public_copy.visit ADD CONSTRAINT visit_citizen_fkey FOREIGN KEY (citizen) REFERENCES public_copy.citizen (id)",
      );
      await writer.apply([
        { table: citizen, upserts: [row("1", "a", null, null, "x"), row("2", "b", null, null, "y")] },
        { table: visit, upserts: [row("10", "1"), row("20", "2")] },
      ]);
    });

    test("hands a value to a new row, in one piece or over several", async () => {
      await writer.apply([{ table: citizen, upserts: [row("3", "b", null, null, null), row("2", "c", null, null, "y")] }]);
      const transaction = await writer.begin();
      await transaction.write([
        writer.change({ table: citizen, upserts: [row("4", "c", null, null, null), row("1", "a", null, null, "new")] }),
      ]);
      await transaction.write([writer.change({ table: citizen, upserts: [row("2", "d", null, null, "y")] })]);
      await writer.commit(transaction);
      expect(await quarantine()).toEqual([]);
      expect(await nids()).toEqual([
        ["1", "a"],
        ["2", "d"],
        ["3", "b"],
        ["4", "c"],
      ]);
      expect(await lab.rows(visit)).toHaveLength(2);
      await countsAreExact();
    });

    test("lets them exchange their values, and what is refused then is gone as ever", async () => {
      await writer.apply([{ table: citizen, upserts: [row("1", "b", null, null, "x"), row("2", "a", null, null, "y")] }]);
      expect(await quarantine()).toEqual([]);
      expect((await lab.rows(citizen)).map(([id, nid, , , note]) => [id, nid, note])).toEqual([
        ["1", "b", "x"],
        ["2", "a", "y"],
      ]);
      expect(await lab.rows(visit)).toHaveLength(2);
      await writer.apply([{ table: citizen, upserts: [row("1", "a", null, null, "x")] }]);
      expect(await nids()).toEqual([["2", "a"]]);
      expect(await lab.rows(visit)).toEqual([["20", "2"]]);
      await countsAreExact();
    });

    test("tells a true duplicate from a missing value", async () => {
      await writer.apply([{ table: citizen, upserts: [row("3", "b", null, null, null), row("1", "a", null, null, "new")] }]);
      expect(await quarantine()).toEqual([
        { target_table: "public.citizen", key: '["3"]', code: "DB-ROW-003", detail: "constraint citizen_nid_key" },
      ]);
      expect(await nids()).toEqual([
        ["1", "a"],
        ["2", "b"],
      ]);
      await countsAreExact();
    });
  });

  describe("a foreign key", () => {
    beforeEach(async () => {
      await owner(
        "ALTER TABLE public_copy.citizen ADD CONSTRAINT citizen_province_fkey FOREIGN KEY (province) REFERENCES public_copy.province (id)",
        "ALTER TABLE public_copy.citizen ADD CONSTRAINT citizen_father_fkey FOREIGN KEY (father) REFERENCES public_copy.citizen (id)",
        "ALTER TABLE public_copy.visit ADD CONSTRAINT visit_citizen_fkey FOREIGN KEY (citizen) REFERENCES public_copy.citizen (id)",
      );
      await writer.apply([
        { table: visit, upserts: [row("1", "1")] },
        { table: citizen, upserts: [row("2", null, "79", "1", null), row("1", null, "79", null, null)] },
        { table: province, upserts: [row("79", null), row("1", null)] },
      ]);
    });

    test("holds although children come before their parents", async () => {
      expect(await lab.rows(citizen)).toHaveLength(2);
      expect(await lab.rows(visit)).toEqual([["1", "1"]]);
      expect(await quarantine()).toEqual([]);
      await countsAreExact();
    });

    test("stays as its owner declared it for everybody else", async () => {
      await expect(lab.sql("INSERT INTO public_copy.visit VALUES (9, 99, 0)")).rejects.toMatchObject({ errno: 1452 });
    });

    test("lets a parent come in a later piece than its child", async () => {
      const transaction = await writer.begin();
      await transaction.write([writer.change({ table: visit, upserts: [row("2", "7")] })]);
      await transaction.write([writer.change({ table: citizen, upserts: [row("7", null, "30", "8", null)] })]);
      await transaction.write([
        writer.change({ table: citizen, upserts: [row("8", null, null, null, null)] }),
        writer.change({ table: province, upserts: [row("30", null)] }),
      ]);
      expect((await writer.commit(transaction)).quarantined).toBe(0);
      expect(await lab.rows(visit)).toHaveLength(2);
      await countsAreExact();
    });

    test("lets a parent go when its children turn to another", async () => {
      await writer.apply([
        { table: province, deletes: [key("79")] },
        {
          table: citizen,
          upserts: [row("1", null, "1", null, null)],
          updates: [{ key: key("2"), row: row("2", null, "1", "1", UNCHANGED) }],
        },
      ]);
      expect((await lab.rows(citizen)).map((values) => values[2])).toEqual(["1", "1"]);
      expect(await lab.rows(province)).toEqual([["1", null]]);
    });

    test("lets everything be emptied at once", async () => {
      await writer.apply([
        { table: province, truncate: true },
        { table: citizen, truncate: true },
        { table: visit, truncate: true },
      ]);
      for (const table of [citizen, province, visit]) expect(await lab.rows(table)).toEqual([]);
      await countsAreExact();
    });

    test("sets a row aside that refers to nothing, and what hangs on it", async () => {
      const applied = await writer.apply([
        { table: citizen, upserts: [row("1", null, "99", null, null), row("5", null, "79", null, null)] },
      ]);
      expect(applied.quarantined).toBe(3);
      expect(await lab.rows(citizen)).toEqual([["5", null, "79", null, null]]);
      expect(await lab.rows(visit)).toEqual([]);
      expect(await quarantine()).toEqual([
        { target_table: "public.citizen", key: '["1"]', code: "DB-ROW-004", detail: "constraint citizen_province_fkey" },
        { target_table: "public.citizen", key: '["2"]', code: "DB-ROW-004", detail: "constraint citizen_father_fkey" },
        { target_table: "public.visit", key: '["1"]', code: "DB-ROW-004", detail: "constraint visit_citizen_fkey" },
      ]);
      await countsAreExact();
    });

    test("sets children aside whose parent the master has deleted", async () => {
      await writer.apply([{ table: province, deletes: [key("79")] }]);
      expect(await lab.rows(citizen)).toEqual([]);
      expect(await lab.rows(province)).toEqual([["1", null]]);
      expect(await quarantine()).toHaveLength(3);
      await countsAreExact();
    });

    test("stops a table when more rows refer to nothing than quarantine takes, and the batch still goes on", async () => {
      const orphans = Array.from({ length: 20 }, (_, index) => row(String(100 + index), "555"));
      const applied = await writer.apply([
        { table: visit, upserts: orphans },
        { table: province, upserts: [row("2", null)] },
      ]);
      expect(applied.stops.map(({ table, code }) => [table, code])).toEqual([[visit, "DB-ROW-008"]]);
      expect(await lab.copy(visit)).toMatchObject({ stopped_code: "DB-ROW-008" });
      expect(await lab.rows(province)).toHaveLength(3);
      await countsAreExact();
    });

    test("holds when a finished load sweeps a parent away", async () => {
      const begun = await writer.begin();
      await writer.commit(begun, { loads: [{ table: province, progress: progress({ sweepBefore: begun.batchId }), complete: false }] });
      const done = await writer.begin();
      await done.load(province, [row("1", null)]);
      await writer.commit(done, { loads: [{ table: province, progress: progress({ sweepBefore: begun.batchId }), complete: true }] });
      expect(await lab.rows(province)).toEqual([["1", null]]);
      expect(await quarantine()).toHaveLength(3);
      await countsAreExact();
    });
  });

  test.each<[string, LabColumn, (index: number) => string]>([
    ["uuid kept as bytes", ["id", "binary(16)", "uuid"], (index) => `0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d0${index}`],
    [
      "bits",
      ["id", "bit(12)", "other", { bare: 'pg_catalog."bit"', declaration: "bit(12)" }],
      (index) => index.toString(2).padStart(12, "0"),
    ],
    ["a number filled with zeros", ["id", "int(8) unsigned zerofill", "integer"], String],
  ])("children and rows that a load has not seen go by their key: %s", { timeout: 20_000 }, async (_, keyColumn, keyOf) => {
    const node = lab.mapping("node", [keyColumn, ["parent", ...keyColumn.slice(1)] as unknown as LabColumn]);
    await lab.reset([node]);
    const nodes = await Writer.loaded(lab, subscriptionOf([node], { id: "nodes/hcm", quarantineMax: 10 }));
    await lab.sql("ALTER TABLE public_copy.node ADD CONSTRAINT parent_fkey FOREIGN KEY (parent) REFERENCES public_copy.node (id)");
    await nodes.target.close();
    const rows = [row(keyOf(1), null), row(keyOf(2), keyOf(1)), row(keyOf(3), null), row(keyOf(4), keyOf(3))];
    await nodes.apply([{ table: node, upserts: rows }]);
    const applied = await nodes.apply([{ table: node, deletes: [key(keyOf(1))] }]);
    expect(applied.stops).toEqual([]);
    expect(await lab.sql("SELECT `key`, code FROM dongbo.quarantine WHERE subscription = 'nodes/hcm'")).toEqual([
      { key: JSON.stringify([keyOf(2)]), code: "DB-ROW-004" },
    ]);
    await nodes.apply([{ table: node, upserts: [row(keyOf(2), null)] }]);
    expect(await lab.copy(node)).toMatchObject({ rows: "3", rows_quarantined: "0" });
    const load = await nodes.begin();
    await load.load(node, [row(keyOf(4), keyOf(3)), row(keyOf(2), null)].slice(1));
    await nodes.commit(load, { loads: [{ table: node, progress: progress({ sweepBefore: load.batchId }), complete: true }] });
    expect(await lab.copy(node)).toMatchObject({ rows: "1" });
    await nodes.target.close();
  });

  test("foreign keys in a circle hold", async () => {
    await owner(
      "ALTER TABLE public_copy.citizen ADD CONSTRAINT citizen_province_fkey FOREIGN KEY (province) REFERENCES public_copy.province (id)",
      "ALTER TABLE public_copy.province ADD FOREIGN KEY (capital) REFERENCES public_copy.citizen (id)",
    );
    await writer.apply([
      { table: citizen, upserts: [row("1", null, "79", null, null)] },
      { table: province, upserts: [row("79", "1")] },
    ]);
    await writer.apply([
      { table: citizen, deletes: [key("1")] },
      { table: province, deletes: [key("79")] },
    ]);
    expect(await quarantine()).toEqual([]);
    await countsAreExact();
  });

  test("a foreign key that deletes rows by itself stops its table, and no other", async () => {
    await owner("ALTER TABLE public_copy.visit ADD FOREIGN KEY (citizen) REFERENCES public_copy.citizen (id) ON DELETE CASCADE");
    const applied = await writer.apply([
      { table: visit, upserts: [row("1", null)] },
      { table: citizen, upserts: [row("1", null, null, null, null)] },
    ]);
    expect(applied.stops.map(({ table, code }) => [table, code])).toEqual([[visit, "DB-TGT-016"]]);
    expect(await lab.rows(citizen)).toHaveLength(1);
    expect(await lab.copy(visit)).toMatchObject({ stopped_code: "DB-TGT-016" });
  });

  test("a table of the owner's own that refers to a row keeps it: the table stops, the row can still change", async () => {
    await owner("CREATE DATABASE app", "CREATE TABLE app.note (citizen int, FOREIGN KEY (citizen) REFERENCES public_copy.citizen (id))");
    await writer.apply([{ table: citizen, upserts: [row("1", "a", null, null, null), row("2", "b", null, null, null)] }]);
    await lab.sql("INSERT INTO app.note VALUES (1)");
    await writer.apply([{ table: citizen, upserts: [row("1", "A", null, null, null)] }]);
    expect(await nids()).toEqual([
      ["1", "A"],
      ["2", "b"],
    ]);
    const applied = await writer.apply([
      { table: citizen, deletes: [key("1"), key("2")] },
      { table: visit, upserts: [row("1", null)] },
    ]);
    expect(applied.stops.map(({ table, code }) => [table, code])).toEqual([[citizen, "DB-ROW-009"]]);
    expect(await lab.rows(visit)).toHaveLength(1);
    await countsAreExact();
  });

  test("a foreign key added while the worker runs holds from the next batch on", async () => {
    await writer.apply([{ table: citizen, upserts: [row("1", null, null, null, null)] }]);
    await lab.sql(
      "ALTER TABLE public_copy.visit ADD CONSTRAINT visit_citizen_fkey FOREIGN KEY (citizen) REFERENCES public_copy.citizen (id)",
    );
    for (const number of ["2", "3"]) {
      const transaction = await writer.begin();
      await transaction.write([writer.change({ table: visit, upserts: [row(number, number)] })]);
      await transaction.write([writer.change({ table: citizen, upserts: [row(number, null, null, null, null)] })]);
      expect((await writer.commit(transaction)).quarantined).toBe(0);
    }
    expect(await lab.rows(visit)).toHaveLength(2);
    await countsAreExact();
  });
});
