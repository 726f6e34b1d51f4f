// What a master of MySQL's family tells of the order of its keys, and of what its log holds.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KeyRange } from "../../engine/ports/compared-table.ts";
import { CompareLab, type ComparedPair } from "../support/compare-lab.ts";
import { bytewiseCollation, testedFlavour } from "../support/mysql-server.ts";

const whole: KeyRange = { after: null, until: null };

let lab: CompareLab;
const opened: ComparedPair[] = [];
beforeAll(async () => {
  lab = await CompareLab.open(["postgres", "mysql"]);
});
afterAll(async () => {
  for (const pair of opened) await pair.close();
  await lab?.[Symbol.asyncDispose]();
});

async function pairOf(table: string, to: "postgres" | "mysql"): Promise<ComparedPair> {
  const pair = await lab.pair("mysql", to, table);
  opened.push(pair);
  return pair;
}

const orders: readonly (readonly [type: string, order: string | RegExp | null])[] = [
  ["bigint unsigned", "plain"],
  ["decimal(20,4)", "plain"],
  ["datetime(6)", "plain"],
  ["time", "plain"],
  ["binary(16)", "plain"],
  [`varchar(20) COLLATE ${bytewiseCollation}`, "bytes"],
  // Pads with blanks, behind which some characters lie.
  ["varchar(20) COLLATE utf8mb4_bin", `${testedFlavour} utf8mb4_bin`],
  ["varchar(20) COLLATE utf8mb4_general_ci", `${testedFlavour} utf8mb4_general_ci`],
  ["enum('b','a')", null],
  ...(testedFlavour === "mariadb" ? ([["uuid", /^mariadb \d+ uuid$/]] as const) : []),
];

test.each(orders.map((order, index) => [...order, index] as const))("the order of %s is %s", async (type, order, index) => {
  await lab.onMaster("mysql", `CREATE TABLE ordered_${index} (id ${type} NOT NULL PRIMARY KEY)`);
  const { master, copy } = await pairOf(`ordered_${index}`, "mysql");
  const found = await master.keyOrder();
  if (order instanceof RegExp) expect(found).toMatch(order);
  else expect(found).toBe(order);
  if (found === "plain" || found === "bytes") expect(await copy.keyOrder()).toBe(found);
});

test("a UUID of PostgreSQL has one order with its copy in characters", async () => {
  await lab.onMaster("postgres", 'CREATE TABLE identified (id uuid, part text COLLATE "C", PRIMARY KEY (id, part))');
  const pair = await lab.pair("postgres", "mysql", "identified");
  opened.push(pair);
  expect(await pair.master.keyOrder()).toBe("plain,bytes");
  expect(await pair.copy.keyOrder()).toBe("plain,bytes");
});

test("a reading shows what the log held before it, and not what came after it", async () => {
  await lab.onMaster("mysql", "CREATE TABLE marked (id int PRIMARY KEY, note text)", "INSERT INTO marked VALUES (1, 'a')");
  const { master } = await pairOf("marked", "postgres");
  const first = await master.mark();
  const before = await master.digest(whole, 1);
  expect(before.shows(first)).toBe(true);
  await lab.onMaster("mysql", "UPDATE marked SET note = 'b'");
  const second = await master.mark();
  expect(before.shows(second)).toBe(false);
  const after = await master.find([["1"]]);
  expect(after.shows(second)).toBe(true);
  expect(after.shows(first)).toBe(true);
});

test("a key that the server takes for another writing of the same is another key", async () => {
  await lab.onMaster(
    "mysql",
    "CREATE TABLE spelled (id varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY)",
    "INSERT INTO spelled VALUES ('hoa'), ('b ')",
  );
  const { master, copy } = await pairOf("spelled", "mysql");
  for (const side of [master, copy]) {
    expect((await side.find([["hoa"], ["b "]])).answer).toHaveLength(2);
    expect((await side.find([["HOA"], ["hòa"], ["b"]])).answer).toEqual([]);
    expect((await side.columns([["HOA"]])).answer).toEqual([]);
    expect(await side.values([["HOA"]], 0)).toEqual([]);
  }
});

test("a session that broke is replaced", async () => {
  await lab.onMaster("mysql", "CREATE TABLE broken (id int PRIMARY KEY)", "INSERT INTO broken VALUES (1)");
  const { master, copy } = await pairOf("broken", "mysql");
  expect((await master.digest(whole, 1)).answer).toHaveLength(1);
  expect((await copy.digest(whole, 1)).answer).toHaveLength(1);
  const sessions = await lab.mysql.sql(
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER IN ('dongbo_source', 'dongbo_target')",
  );
  expect(sessions.length).toBeGreaterThanOrEqual(2);
  for (const { id } of sessions) await lab.mysql.sql(`KILL CONNECTION ${id!}`).catch(() => {});
  for (const side of [master, copy]) {
    // Whether the loss is heard of before the next question or by it is a matter of chance.
    await side.digest(whole, 1).catch((error: unknown) => expect(error).toMatchObject({ name: "ReplicationError" }));
    expect((await side.digest(whole, 1)).answer).toHaveLength(1);
  }
});

test("a row that the server cannot put together is an error, and no equal row", async () => {
  const columns = Array.from({ length: 30 }, (_, index) => `c${index} varchar(4096) CHARACTER SET ascii`);
  await lab.onMaster(
    "mysql",
    `CREATE TABLE wide (id int PRIMARY KEY, ${columns.map((text) => text.replace("varchar(4096)", "text")).join(", ")})`,
  );
  await lab.onMaster("mysql", `INSERT INTO wide VALUES (1, ${columns.map(() => "REPEAT('x', 4000)").join(", ")})`);
  const { master } = await pairOf("wide", "postgres");
  const [{ packet } = {}] = await lab.mysql.sql("SELECT @@GLOBAL.max_allowed_packet AS packet");
  await lab.mysql.sql("SET GLOBAL max_allowed_packet = 65536");
  try {
    for (const ask of [
      () => master.digest(whole, 1),
      () => master.digest(whole, 16),
      () => master.list(whole, { groups: 2, wanted: [0] }),
      () => master.find([["1"]]),
    ])
      await expect(ask()).rejects.toMatchObject({ code: "DB-MY-016" });
  } finally {
    await lab.mysql.sql(`SET GLOBAL max_allowed_packet = ${packet!}`);
  }
  expect((await master.digest(whole, 1)).answer).toHaveLength(1);
});
