// Tables of PostgreSQL masters that are not quite ordinary: of other encodings, partitioned, inherited from, oddly named, closed.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PostgresMasterTable } from "../../connectors/postgres/compare/postgres-master-table.ts";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import type { ComparedCopy } from "../../engine/model/canonical-form.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import type { KeyRange } from "../../engine/ports/compared-table.ts";
import { comparedCopy } from "../../mappings/compared-columns.ts";
import { convertColumns } from "../../mappings/convert-columns.ts";
import { textClient } from "../support/cluster.ts";
import { CompareLab, type ComparedPair } from "../support/compare-lab.ts";
import { serverAddress } from "../support/server-address.ts";

const whole: KeyRange = { after: null, until: null };
const all = { groups: 1, wanted: [0] };

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

describe("a database of another encoding", () => {
  /** What is compared of `public.words` of a database, for a copy of this family. */
  async function copyIn(database: string, family: "postgres" | "mysql"): Promise<ComparedCopy> {
    const client = textClient(lab.postgres.server.url(database));
    await client.connect();
    const [catalog] = await describeTables(client, [{ schema: "public", name: "words" }]);
    await client.end();
    const plain = catalog!.columns.map((column) => ({
      source: column.name,
      target: column.name,
      sourceType: column.type,
      targetType: null,
      nullable: column.nullable,
      lossAccepted: false,
    }));
    const { columns } = convertColumns(plain, ["id"], family);
    const mapping: TableMapping = {
      source: catalog!.table,
      target: catalog!.table,
      physical: catalog!.table,
      key: ["id"],
      columns,
      filter: null,
      catalog: catalog!,
    };
    return comparedCopy(mapping, family);
  }

  test.each(["postgres", "mysql"] as const)("has the digests of one in UTF-8, for copies in %s", async (family) => {
    const databases = ["words_utf8", "words_latin1"].map((name) => `${name}_${family}`);
    const digests = [];
    for (const [index, name] of databases.entries()) {
      const encoding = index === 0 ? "UTF8" : "LATIN1";
      await lab.postgres.sql(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING ${encoding} LOCALE 'C'`);
      const client = textClient(lab.postgres.server.url(name));
      await client.connect();
      await client.query("CREATE TABLE words (id text PRIMARY KEY, a text, b varchar(9), c jsonb, d char(6), e text[])");
      await client.query(
        `INSERT INTO words VALUES ('é', 'Ünïcödé', 'ß', '{"é":"ü"}', 'ä', '{é,ü}'), ('a', repeat('é', 2050), NULL, NULL, '', '{}')`,
      );
      await client.end();
      const master = new PostgresMasterTable({
        address: serverAddress(lab.postgres.server.url(name)),
        copy: await copyIn(name, family),
      });
      const { answer } = await master.list(whole, all);
      // What is hashed there is no text.
      expect((await master.quickHash.word()) !== null).toBe(encoding === "UTF8");
      digests.push({
        rows: answer.toSorted((a, b) => (a.key.join() < b.key.join() ? -1 : 1)),
        columns: (await master.columns([["é"], ["a"]])).answer.toSorted((a, b) => (a.key.join() < b.key.join() ? -1 : 1)),
      });
      expect((await master.find([["é"]])).answer).toMatchObject([{ key: ["é"] }]);
      await master.close();
    }
    expect(digests[1]).toEqual(digests[0]);
    expect(digests[0]?.rows).toHaveLength(2);
  });
});

test("a partitioned table is all its partitions, and rows of them are told apart", async () => {
  await lab.onMaster(
    "postgres",
    "CREATE TABLE parted (id int, province text, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
    "CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (100)",
    "INSERT INTO parted SELECT i, 'x' FROM generate_series(5, 14) AS i",
  );
  const { master, copy } = await pairOf("parted");
  expect((await master.digest(whole, 1)).answer).toMatchObject([{ count: 10 }]);
  expect((await copy.digest(whole, 1)).answer).toEqual((await master.digest(whole, 1)).answer);
  expect((await master.list({ after: ["8"], until: ["11"] }, all)).answer.map(({ key }) => String(key)).toSorted()).toEqual([
    "10",
    "11",
    "9",
  ]);
  const { answer } = await master.find([["5"], ["10"]]);
  // Both are the first row of their partition.
  expect(new Set(answer.map(({ version }) => version)).size).toBe(2);
  expect(await master.border({ after: null, until: null }, 6)).toEqual(["10"]);
});

test("a table is read without those that inherit from it", async () => {
  await lab.onMaster(
    "postgres",
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent)",
    "INSERT INTO parent VALUES (1)",
    "INSERT INTO child VALUES (2)",
  );
  const { master } = await pairOf("parent");
  expect((await master.digest(whole, 1)).answer).toMatchObject([{ count: 1 }]);
  expect((await master.find([["2"]])).answer).toEqual([]);
});

test("names with quotes, blanks and capitals are only names", async () => {
  const name = `Người "dân"; --`;
  const quoted = `"${name.replaceAll('"', '""')}"`;
  await lab.onMaster(
    "postgres",
    `CREATE TABLE ${quoted} ("v0" text, "Khóa ""1""" text COLLATE "C", digest int, "row" int, PRIMARY KEY ("Khóa ""1""", digest))`,
    `INSERT INTO ${quoted} VALUES ('a', 'x''y\\', 1, 2), (NULL, '', 2, NULL)`,
  );
  const { master, copy } = await pairOf(name);
  expect((await copy.digest(whole, 2)).answer).toEqual((await master.digest(whole, 2)).answer);
  expect((await master.find([["x'y\\", "1"]])).answer).toMatchObject([{ key: ["x'y\\", "1"] }]);
  expect((await master.list({ after: ["", "2"], until: null }, all)).answer.map(({ key }) => key)).toEqual([["x'y\\", "1"]]);
});

test("a table that is closed to dongbo is a coded failure, and no empty one", async () => {
  await lab.onMaster("postgres", "CREATE TABLE closed (id int PRIMARY KEY)", "INSERT INTO closed VALUES (1)");
  const { master } = await pairOf("closed");
  await lab.onMaster("postgres", "REVOKE SELECT ON closed FROM dongbo_source");
  await expect(master.digest(whole, 1)).rejects.toMatchObject({ code: "DB-PG-003" });
  await lab.onMaster("postgres", "GRANT SELECT ON closed TO dongbo_source", "ALTER TABLE closed ENABLE ROW LEVEL SECURITY");
  // Row security would make it look empty.
  await expect(master.digest(whole, 1)).rejects.toMatchObject({ code: "DB-PG-003" });
});
