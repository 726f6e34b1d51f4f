// What a PostgreSQL master tells of the order of its keys, and of what its log holds that nobody sees yet.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KeyRange } from "../../engine/ports/compared-table.ts";
import { CompareLab, type ComparedPair } from "../support/compare-lab.ts";

const whole: KeyRange = { after: null, until: null };

let lab: CompareLab;
const opened: ComparedPair[] = [];
beforeAll(async () => {
  lab = await CompareLab.open(["postgres"]);
});
afterAll(async () => {
  for (const pair of opened) await pair.close();
  await lab?.[Symbol.asyncDispose]();
});

async function pairOf(table: string): Promise<ComparedPair> {
  const pair = await lab.pair("postgres", "postgres", table);
  opened.push(pair);
  return pair;
}

const orders: readonly (readonly [type: string, order: string | RegExp | null])[] = [
  ["bigint", "plain"],
  ["uuid", "plain"],
  ["numeric(10,2)", "plain"],
  ["timestamptz", "plain"],
  ["bytea", "plain"],
  ["interval", "interval"],
  ["inet", "inet"],
  ['varchar(9) COLLATE "C"', "bytes"],
  ["name", "bytes"],
  ['text COLLATE "vi-x-icu"', /^\["i", ?"vi", ?null, ?"\d/],
  ["double precision", null],
  ["colour", null],
];

test.each(orders.map((order, index) => [...order, index] as const))("the order of %s is %s", async (type, order, index) => {
  if (type === "colour") await lab.onMaster("postgres", "CREATE TYPE colour AS ENUM ('red', 'green')");
  await lab.onMaster("postgres", `CREATE TABLE ordered_${index} (id ${type} PRIMARY KEY)`);
  const { master, copy } = await pairOf(`ordered_${index}`);
  const found = await master.keyOrder();
  if (order instanceof RegExp) expect(found).toMatch(order);
  else expect(found).toBe(order);
  if (found === "plain") expect(await copy.keyOrder()).toBe("plain");
});

test("the same collation of the same library is one order on two servers, and of several columns each is told", async () => {
  await lab.onMaster("postgres", `CREATE TABLE names (a text COLLATE "vi-x-icu", b int, c text, PRIMARY KEY (a, b, c))`);
  const { master } = await pairOf("names");
  const order = await master.keyOrder();
  expect(order).not.toBeNull();
  await lab.onMaster("postgres", `CREATE TABLE others (a text COLLATE "vi-x-icu", b int, c text, PRIMARY KEY (a, b, c))`);
  expect(await (await pairOf("others")).master.keyOrder()).toBe(order);
  await lab.onMaster("postgres", `CREATE TABLE swedish (a text COLLATE "sv-x-icu", b int, c text, PRIMARY KEY (a, b, c))`);
  expect(await (await pairOf("swedish")).master.keyOrder()).not.toBe(order);
});

test("what was committed in the log and is still open to some is not taken for shown", async () => {
  await lab.onMaster("postgres", "CREATE TABLE marked (id int PRIMARY KEY, note text)", "INSERT INTO marked VALUES (1, 'a'), (2, 'b')");
  const { master } = await pairOf("marked");
  const writer = await lab.masterSession();
  try {
    // Nobody with an id is under way.
    const quiet = await master.mark();
    expect((await master.digest(whole, 1)).shows(quiet)).toBe(true);
    await writer.query("BEGIN");
    await writer.query("UPDATE marked SET note = 'c' WHERE id = 1");
    const mark = await master.mark();
    const during = await master.find([["1"], ["2"]]);
    expect(during.shows(mark)).toBe(false);
    expect(new Map(during.answer.map(({ key, untouched }) => [key[0], untouched]))).toEqual(
      new Map([
        ["1", false],
        ["2", true],
      ]),
    );
    // One that begins after the mark hides nothing that was in the log by then.
    await lab.onMaster("postgres", "INSERT INTO marked VALUES (3, 'd')");
    expect((await master.digest(whole, 1)).shows(mark)).toBe(false);
    await writer.query("COMMIT");
    const after = await master.find([["1"]]);
    expect(after.shows(mark)).toBe(true);
    expect(after.answer[0]).toMatchObject({ untouched: true });
    expect(after.answer[0]?.digest).not.toBe(during.answer.find(({ key }) => key[0] === "1")?.digest);
  } finally {
    await writer.end();
  }
});

test("a mark waits for whoever has savepoints, and not for other databases", async () => {
  await lab.onMaster("postgres", "CREATE TABLE nested (id int PRIMARY KEY)");
  const { master } = await pairOf("nested");
  const writer = await lab.masterSession();
  try {
    await writer.query("BEGIN");
    await writer.query("SAVEPOINT one");
    await writer.query("INSERT INTO nested VALUES (1)");
    const mark = await master.mark();
    await writer.query("ROLLBACK TO SAVEPOINT one");
    expect((await master.digest(whole, 1)).shows(mark)).toBe(false);
    await writer.query("ROLLBACK");
    expect((await master.digest(whole, 1)).shows(mark)).toBe(true);
    await lab.postgres.sql("BEGIN");
    await lab.postgres.sql("CREATE TABLE public.elsewhere (id int)");
    expect((await master.digest(whole, 1)).shows(await master.mark())).toBe(true);
    await lab.postgres.sql("ROLLBACK");
  } finally {
    await writer.end();
  }
});

test("a key that the server takes for another writing of the same is another key", async () => {
  await lab.onMaster("postgres", "CREATE TABLE spelled (id numeric PRIMARY KEY)", "INSERT INTO spelled VALUES (1.10)");
  const { master, copy } = await pairOf("spelled");
  for (const side of [master, copy]) {
    expect((await side.find([["1.10"]])).answer).toHaveLength(1);
    expect((await side.find([["1.1"]])).answer).toEqual([]);
    expect((await side.columns([["1.1"]])).answer).toEqual([]);
    expect(await side.values([["1.1"]], 0)).toEqual([]);
  }
});

test("a session that broke is replaced", async () => {
  await lab.onMaster("postgres", "CREATE TABLE broken (id int PRIMARY KEY)", "INSERT INTO broken VALUES (1)");
  const { master, copy } = await pairOf("broken");
  expect((await master.digest(whole, 1)).answer).toHaveLength(1);
  expect((await copy.digest(whole, 1)).answer).toHaveLength(1);
  const ended = await lab.onMaster(
    "postgres",
    "SELECT count(pg_terminate_backend(pid, 10000)) AS ended FROM pg_stat_activity WHERE application_name = 'dongbo reconcile'",
  );
  expect(Number(ended[0]?.["ended"])).toBeGreaterThanOrEqual(2);
  for (const side of [master, copy]) {
    // Whether the loss is heard of before the next question or by it is a matter of chance.
    await side.digest(whole, 1).catch((error: unknown) => expect(error).toMatchObject({ name: "ReplicationError" }));
    expect((await side.digest(whole, 1)).answer).toHaveLength(1);
  }
});
