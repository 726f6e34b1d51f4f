// An empty table is loaded without its primary key, which is made before anything needs it.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TableMapping } from "../../engine/model/share.ts";
import { textClient } from "../support/cluster.ts";
import { row } from "../support/table-builders.ts";
import { key, progress, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";

describe.each([15, 18] as const)("the primary key of a table that is loaded, PostgreSQL %i", (major) => {
  let lab: TargetLab;
  let citizen: TableMapping;
  let writer: Writer;
  const begun = progress({ ranges: [{ after: null, until: null, done: false }] });

  beforeAll(async () => {
    lab = await TargetLab.open({
      major,
      master: [
        "CREATE TABLE citizen (id int PRIMARY KEY, name text, age int)",
        "CREATE TABLE paper (title text PRIMARY KEY, name text, age int)",
      ],
    });
    [citizen] = (await lab.mappings({ schema: "public", name: "citizen" })) as [TableMapping];
  });
  beforeEach(async () => {
    await lab.sql("DROP SCHEMA IF EXISTS dongbo, public_copy CASCADE");
    await lab.sql("DROP VIEW IF EXISTS public.citizen, public.paper");
    writer = await Writer.prepared(lab, subscriptionOf([citizen]));
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  /** One chunk with these rows, and what the load has come to with it. */
  async function load(rows: readonly (readonly (string | null)[])[], complete = false, by = writer): Promise<void> {
    const [table] = by.subscription.tables as [TableMapping];
    const transaction = await by.begin();
    await transaction.load(
      table,
      rows.map((values) => row(...values)),
    );
    await by.commit(transaction, { firstPosition: null, loads: [{ table, progress: complete ? progress() : begun, complete }] });
  }

  async function keys(table = citizen): Promise<string[]> {
    const sql = "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'p'";
    return (await lab.sql(sql, [`public_copy.${table.target.name}`])).map((found) => String(found["conname"]));
  }

  test("goes with the first chunk and is there again, under its name, when the copy opens", async () => {
    await load([["2", "Bình", "40"]]);
    expect(await keys()).toEqual([]);
    await load([["1", "An", "30"]]);
    expect(await keys()).toEqual([]);
    await load([["3", "Chi", "50"]], true);
    expect(await keys()).toEqual(["citizen_pkey"]);
    expect(await lab.copy(citizen)).toMatchObject({ copy_state: "VALID", rows: "3" });
    await writer.apply([{ table: citizen, upserts: [row("3", "Dũng", "51")], deletes: [key("1")] }]);
    expect(await lab.rows(citizen)).toEqual([
      ["2", "Bình", "40"],
      ["3", "Dũng", "51"],
    ]);
  });

  test("is made for the first change that the stream brings, in the transaction of a chunk as well", async () => {
    const transaction = await writer.begin();
    await transaction.load(citizen, [row("1", "An", "30"), row("2", "Bình", "40")]);
    await transaction.write([writer.change({ table: citizen, upserts: [row("2", "Bình An", "41")], deletes: [key("1")] })]);
    await writer.commit(transaction, { loads: [{ table: citizen, progress: begun, complete: false }] });
    expect(await keys()).toEqual(["citizen_pkey"]);
    await load([["3", "Chi", "50"]]);
    expect(await keys()).toEqual(["citizen_pkey"]);
    await load([["2", "Bình", "42"]], true);
    expect(await lab.rows(citizen)).toEqual([
      ["2", "Bình", "42"],
      ["3", "Chi", "50"],
    ]);
  });

  test("comes back with a transaction that does not take place", async () => {
    const transaction = await writer.begin();
    await transaction.load(citizen, [row("1", "An", "30")]);
    await transaction.rollback();
    expect(await keys()).toEqual(["citizen_pkey"]);
    await load([["1", "An", "30"]], true);
    expect(await lab.rows(citizen)).toEqual([["1", "An", "30"]]);
  });

  test("is made by the worker that ends a load which another one began", async () => {
    await load([["1", "An", "30"]]);
    const next = await Writer.prepared(lab, subscriptionOf([citizen]));
    await load([["2", "Bình", "40"]], false, next);
    expect(await keys()).toEqual([]);
    await load([], true, next);
    expect(await keys()).toEqual(["citizen_pkey"]);
    expect(await lab.rows(citizen)).toHaveLength(2);
  });

  test("is made before another load finds rows of one that was given up", async () => {
    await load([["1", "An", "30"]]);
    const transaction = await writer.begin();
    await writer.commit(transaction, {
      firstPosition: null,
      loads: [{ table: citizen, progress: { ...begun, sweepBefore: transaction.batchId }, complete: false }],
    });
    expect(await keys()).toEqual(["citizen_pkey"]);
  });

  test("is made when a row is refused, which is set aside alone", async () => {
    await load([["1", "An", "30"]]);
    await load([
      ["2", "Bình", "forty"],
      ["3", "Chi", "50"],
    ]);
    expect(await keys()).toEqual(["citizen_pkey"]);
    await load([], true);
    expect(await lab.copy(citizen)).toMatchObject({ copy_state: "VALID", rows: "2", rows_quarantined: "1" });
  });

  test("stays where somebody uses the table, or something hangs on it", async () => {
    const reader = textClient(lab.server.url("copies"));
    await reader.connect();
    await reader.query("BEGIN; LOCK TABLE public_copy.citizen IN ACCESS SHARE MODE");
    await load([["1", "An", "30"]]);
    expect(await keys()).toEqual(["citizen_pkey"]);
    await reader.end();
    await lab.sql("TRUNCATE public_copy.citizen");
    await lab.sql("CREATE TABLE public_copy.visit (citizen int REFERENCES public_copy.citizen)");
    const next = await Writer.prepared(lab, subscriptionOf([citizen]));
    await load([["1", "An", "30"]], true, next);
    expect(await keys()).toEqual(["citizen_pkey"]);
  });

  test("stays where its values may be too long for an index", async () => {
    const [paper] = (await lab.mappings({ schema: "public", name: "paper" })) as [TableMapping];
    const own = await Writer.prepared(lab, subscriptionOf([paper], { id: "papers/hcm" }));
    await load([["A", "An", "30"]], false, own);
    expect(await keys(paper)).toEqual(["paper_pkey"]);
  });

  test("is made before rows that a deferred constraint of the owner's will judge", async () => {
    await load([["1", "An", "30"]]);
    await lab.sql("ALTER TABLE public_copy.citizen ADD UNIQUE (name) DEFERRABLE");
    const next = await Writer.prepared(lab, subscriptionOf([citizen]));
    await load([["2", "Bình", "40"]], true, next);
    expect(await keys()).toEqual(["citizen_pkey"]);
    expect(await lab.rows(citizen)).toHaveLength(2);
  });
});
