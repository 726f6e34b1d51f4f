// The workload itself: it must reach every kind of change, know what it did, and repeat itself from its seed.
import { expect, test } from "vitest";
import { type Effect, MasterModel } from "../checker/master-model.ts";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import { textClient } from "../support/cluster.ts";
import { compareAll } from "./population-copies.ts";
import { populationDdl, populationTables } from "./population-tables.ts";
import { PopulationWorkload } from "./population-workload.ts";
import { PopulationWriter } from "./population-writer.ts";
import { PostgresMaster } from "./postgres-session.ts";
import { Random } from "./random.ts";
import { rowHash } from "../checker/row-hash.ts";

const identities = { citizen: "full", household: "default", residence: "index" } as const;

async function masterWithTables(): Promise<Cluster> {
  const cluster = await startCluster({ targets: [] });
  for (const sql of populationDdl(identities)) await cluster.onMaster(sql);
  return cluster;
}

/** One writer alone takes some steps; what it then holds, as the digest of the columns that no clock fills. */
async function writeAlone(cluster: Cluster, seed: string): Promise<string> {
  await cluster.onMaster("TRUNCATE public.citizen, public.household, public.residence, public.journal");
  await cluster.onMaster("UPDATE public.ledger SET seq = 0");
  const session = await PostgresMaster.open(cluster.sourceUrl(roles.owner), "native");
  try {
    const tables = Object.values(populationTables("native"));
    const model = new MasterModel(tables.map((table) => table.tracked));
    const writer = new PopulationWriter({ session, tables, number: 0, random: new Random(seed), model });
    await writer.preload(200);
    for (let step = 0; step < 60; step++) await writer.step();
    await writer.truncate();
    const digests = ["citizen", "household", "residence"].map((table) => model.digestAt(model.head, table, "basic", () => true));
    return digests.map(({ rows, sum }) => `${rows} ${sum}`).join(" ");
  } finally {
    await session.end();
  }
}

test("one writer repeats itself from its seed", async () => {
  await using cluster = await masterWithTables();
  const first = await writeAlone(cluster, "same");
  expect(await writeAlone(cluster, "same")).toBe(first);
  expect(await writeAlone(cluster, "other")).not.toBe(first);
});

test("the model of several concurrent writers is the master, at the end of 20,000 changes of every kind", async () => {
  await using cluster = await masterWithTables();
  const url = cluster.sourceUrl(roles.owner);
  await using workload = await PopulationWorkload.open({
    url,
    seed: "model",
    writers: 3,
    changesPerSecond: 1e6,
    bigRows: 2000,
    truncates: true,
  });
  const effects = new Set<string>();
  const commit = workload.model.commit.bind(workload.model);
  workload.model.commit = (sequence: number, list: readonly Effect[]) => {
    for (const effect of list) effects.add(`${effect.table} ${effect.kind}${effect.kind === "put" && effect.from !== null ? " over" : ""}`);
    commit(sequence, list);
  };
  await workload.preload(1000);
  const stop = new AbortController();
  const running = workload.run(stop.signal);
  while (workload.model.changes < 20_000) await Promise.race([running, new Promise(setImmediate)]);
  stop.abort();
  await running;
  console.log(workload.summary());
  const client = textClient(url);
  await client.connect();
  for (const { tracked } of Object.values(populationTables("native"))) {
    for (const [projection, columns] of Object.entries(tracked.projections)) {
      const sql = `SELECT count(*) AS rows, coalesce(sum(${rowHash("postgres", tracked, columns)}), 0)::text AS sum FROM ${tracked.name}`;
      const [row] = (await client.query<{ rows: string; sum: string }>(sql)).rows;
      const { rows, sum } = workload.model.digestAt(workload.model.head, tracked.name, projection, () => true);
      expect({ rows: String(rows), sum: String(sum) }).toEqual(row);
    }
    expect(workload.model.rowsAt(workload.model.head, tracked.name).size).toBe([...workload.model.keys(tracked.name)].length);
  }
  await client.end();
  expect([...effects].some((effect) => effect.endsWith("clear"))).toBe(true);
  expect([...effects].filter((effect) => !effect.endsWith("clear")).toSorted()).toEqual(
    ["citizen", "household", "residence"].flatMap((table) => [`${table} put`, `${table} put over`, `${table} remove`]),
  );
  // A table compared with itself under a filter: the two statements of one entitlement agree about what is in it.
  const lines = await compareAll({ name: "self", provinces: null }, { source: url, target: url }, "public");
  expect(lines).toMatchObject({ equal: true });
});
