// In what form the rows of a load go from PostgreSQL to PostgreSQL, as the copies' server has it in its log, and what then is in the copies.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, runSql, startCluster } from "../support/cluster.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  const targetSettings = { logging_collector: "on", log_statement: "all" };
  cluster = await startCluster({ targets: [], major: 15, targetMajor: 18, targetSettings });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const master = [
  "CREATE TYPE public.colour AS ENUM ('đỏ')",
  "CREATE TABLE public.citizen (id bigint PRIMARY KEY, name varchar(60), born date, paid numeric(12,2), seen timestamptz, code uuid, image bytea)",
  `INSERT INTO public.citizen SELECT i, E'Nguyễn\\t\\\\' || i, date '2026-01-01' - i % 40000, i / 7.0, now(), gen_random_uuid(), decode(md5(i::text), 'hex')
   FROM generate_series(1, 60000) AS i`,
  "CREATE TABLE public.coloured (id int PRIMARY KEY, colour public.colour)",
  "INSERT INTO public.coloured SELECT i, 'đỏ' FROM generate_series(1, 100) AS i",
  "ANALYZE",
];
const sides = [
  {
    source: "public.citizen",
    target: "population.citizen",
    key: ["id"],
    columns: ["id", "name", "born", "paid", "seen", "code", "image"],
  },
  { source: "public.coloured", target: "population.coloured", key: ["id"], columns: ["id", "colour"] },
];

/** Formats in which tables of that name were copied into, in the log of the copies' server. */
async function formats(table: string, schema = "population"): Promise<string[]> {
  const [log] = await runSql(cluster.target.url(), "SELECT pg_read_file(pg_current_logfile()) AS text");
  const copies = (log?.["text"] ?? "").matchAll(/COPY "(\w+)_copy"\."(\w+)" .*FROM STDIN \(FORMAT (\w+)\)/g);
  return [...copies].filter(([, found, name]) => found === schema && name === table).map(([, , , format]) => format ?? "");
}

async function differences(stage: Stage, target: string): Promise<string[]> {
  return (await Promise.all(sides.map((side) => stage.differences(target, side)))).flat();
}

test("a copy is loaded in binary, table by table where its types allow it, also after an engine was killed in the middle", async () => {
  await using stage = await Stage.create(cluster, {
    name: "alone",
    master,
    shares: { population: sides },
    copies: [{ target: "hcm", share: "population" }],
  });
  const killed = stage.home.start(["run"], { name: "snapshot-mid-chunk", nth: 4 });
  expect(await killed.waitForExit(60_000)).toMatchObject({ signal: "SIGKILL" });
  await stage.catchUp();
  expect(new Set(await formats("citizen"))).toEqual(new Set(["binary"]));
  expect(new Set(await formats("coloured"))).toEqual(new Set(["text"]));
  expect(await differences(stage, "hcm")).toEqual([]);

  // Rows that are there already collide, and go the other way.
  const before = (await formats("citizen")).length;
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET paid = NULL, image = '\\x00' WHERE id % 3 = 0");
  stage.start();
  await stage.resync("population/hcm");
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen WHERE paid IS NOT NULL", [["60000"]]);
  await stage.stop();
  expect(await differences(stage, "hcm")).toEqual([]);
  expect((await formats("citizen")).length).toBeGreaterThan(before);
});

test("copies that are loaded together get their rows as text, each its own", async () => {
  await using stage = await Stage.create(cluster, {
    name: "together",
    master,
    shares: { population: sides.map((side) => ({ ...side, target: side.target.replace("population", "together") })) },
    copies: [
      { target: "hcm", share: "population" },
      { target: "hue", share: "population" },
    ],
  });
  await stage.catchUp();
  const found = [...(await formats("citizen", "together")), ...(await formats("coloured", "together"))];
  expect(new Set(found)).toEqual(new Set(["text"]));
  for (const target of ["hcm", "hue"]) {
    const renamed = sides.map((side) => ({ ...side, target: side.target.replace("population", "together") }));
    expect((await Promise.all(renamed.map((side) => stage.differences(target, side)))).flat()).toEqual([]);
  }
});
