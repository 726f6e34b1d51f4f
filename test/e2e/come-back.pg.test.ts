// Tables and subscriptions that were withdrawn and come back: their old rows lie in the target still and count for nothing.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen = { source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const household = { source: "public.household", target: "population.household", key: ["id"], columns: ["id", "head"] };
const master = [
  "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text)",
  "CREATE TABLE public.household (id int PRIMARY KEY, head text)",
  "INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i FROM generate_series(1, 100) AS i",
  "INSERT INTO public.household SELECT i, 'Trần ' || i FROM generate_series(1, 50) AS i",
];
const hcm = { target: "hcm", share: "population" };

async function rowsRecorded(stage: Stage, table: string): Promise<unknown> {
  return (await stage.record("hcm", table))?.["rows"];
}

test("CP-02: a table that left the share and comes back holds no row that the master has deleted meanwhile", async () => {
  await using stage = await Stage.create(cluster, { name: "table", master, shares: { population: [citizen, household] }, copies: [hcm] });
  await stage.catchUp();
  stage.configure({ shares: { population: [citizen] } });
  await stage.catchUp();
  await stage.onMaster("DELETE FROM public.household WHERE id <= 20", "INSERT INTO public.household VALUES (51, 'Lê')");
  stage.configure({});
  await stage.catchUp();
  expect(await stage.differences("hcm", household)).toEqual([]);
  expect(await rowsRecorded(stage, "population.household")).toBe("31");
});

test("CP-02: a subscription that was withdrawn and comes back with a narrower filter holds no row outside of it", async () => {
  const other = { ...household, target: "other.household" };
  const shares = { population: [citizen], other: [other] };
  const copies = [hcm, { target: "hcm", share: "other" }];
  await using stage = await Stage.create(cluster, { name: "subscription", master, shares, copies });
  await stage.catchUp();
  stage.configure({ copies: [copies[1] as (typeof copies)[number]] });
  await stage.catchUp();
  expect(await stage.read("hcm", "SELECT FROM population.citizen")).toBe("DB001");
  const where = { id: { lte: 40 } };
  stage.configure({ shares: { population: [{ ...citizen, where }], other: [other] } });
  await stage.catchUp();
  expect(await stage.differences("hcm", { ...citizen, where: "id <= 40" })).toEqual([]);
  expect(await rowsRecorded(stage, "population.citizen")).toBe("40");
});

test("CP-02: a table that another subscription takes over keeps no row of the one before it, whose batches were more", async () => {
  await using stage = await Stage.create(cluster, { name: "taken", master, shares: { population: [citizen] }, copies: [hcm] });
  await stage.catchUp();
  stage.start();
  for (let i = 101; i <= 110; i += 1) {
    await stage.onMaster(`INSERT INTO public.citizen VALUES (${i}, 'Phạm')`);
    await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [[String(i)]]);
  }
  await stage.stop();
  const where = { id: { gt: 90 } };
  stage.configure({ shares: { renamed: [{ ...citizen, where }] }, copies: [{ target: "hcm", share: "renamed" }] });
  await stage.catchUp();
  await stage.catchUp();
  expect(await stage.differences("hcm", { ...citizen, where: "id > 90" })).toEqual([]);
  expect(await rowsRecorded(stage, "population.citizen")).toBe("20");
});
