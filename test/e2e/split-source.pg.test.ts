// One database named as two sources, each with a slot and a publication of its own, and shares that move from the one to the other.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import { populationConfig } from "../support/population-config.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  // The slots of a test outlive it.
  cluster = await startCluster({ targets: [], sourceSettings: { max_replication_slots: 20 } });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen = { source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const household = { source: "public.household", target: "population.household", key: ["id"], columns: ["id", "head"] };
const shares = { people: [citizen], homes: [household] };
const copies = [
  { target: "hcm", share: "people" },
  { target: "hue", share: "homes" },
];
const master = [
  "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text)",
  "CREATE TABLE public.household (id int PRIMARY KEY, head text)",
  "INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i FROM generate_series(1, 500) AS i",
  "INSERT INTO public.household SELECT i, 'Trần ' || i FROM generate_series(1, 300) AS i",
];

type Part = "a" | "b";

/** A database as two sources, `<name>_a` and `<name>_b`, whose publications the owner has made; both hold both tables. */
async function staged(name: string): Promise<Stage> {
  const stage = await Stage.create(cluster, { name, master, shares, copies, published: [] });
  await stage.onMaster(
    ...["a", "b"].map((part) => `CREATE PUBLICATION dongbo_${name}_${part} FOR TABLE public.citizen, public.household`),
    `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${roles.source}`,
  );
  return stage;
}

/** Writes the configuration: which of the sources each share is read by; `entries` replaces the sources with others. */
function split(
  stage: Stage,
  by: Readonly<Record<keyof typeof shares, Part>>,
  entries?: Readonly<Record<Part, readonly [string, object]>>,
): void {
  const name = stage.slot.slice("dongbo_".length);
  const named = entries ?? { a: [`${name}_a`, {}], b: [`${name}_b`, {}] };
  const config = populationConfig({ shares, copies }) as { sources: { population: object }; shares: { id: keyof typeof shares }[] };
  const used = new Set(Object.values(by));
  stage.home.writeConfig({
    ...config,
    listen: "127.0.0.1:0",
    sources: Object.fromEntries([...used].map((part) => [named[part][0], { ...config.sources.population, ...named[part][1] }])),
    shares: config.shares.map((share) => ({ ...share, source: named[by[share.id]][0] })),
  });
}

let turn = 1000;
/** A transaction at the master that inserts, deletes and updates rows of both tables. */
async function change(stage: Stage): Promise<void> {
  turn += 1;
  await stage.onMaster(
    `INSERT INTO public.citizen VALUES (${turn}, 'Lê')`,
    `DELETE FROM public.citizen WHERE id = ${turn - 1000}`,
    `UPDATE public.citizen SET full_name = 'Phạm ${turn}' WHERE id = ${turn - 900}`,
    `INSERT INTO public.household VALUES (${turn}, 'Lê')`,
    `DELETE FROM public.household WHERE id = ${turn - 1000}`,
  );
}

async function expectEqual(stage: Stage): Promise<void> {
  expect([...(await stage.differences("hcm", citizen)), ...(await stage.differences("hue", household))]).toEqual([]);
}

/** By which batch a row that nobody changes was written last: another one when it was read anew. */
async function batchOf(stage: Stage): Promise<unknown> {
  return (await stage.onTarget("hcm", "SELECT dongbo_batch FROM population_copy.citizen WHERE id = 500"))[0]?.["dongbo_batch"];
}

test("a share that moves to a source that never ran is loaded anew, once, and says so before", async () => {
  await using stage = await staged("fresh");
  split(stage, { people: "a", homes: "a" });
  await stage.catchUp();
  await change(stage);
  split(stage, { people: "b", homes: "a" });
  await stage.command("check");
  expect((await stage.command("plan")).stdout).toMatch(/people\/hcm: loaded anew, and refused meanwhile: source fresh_b/);
  await change(stage);
  await stage.catchUp();
  await expectEqual(stage);
  const loaded = await batchOf(stage);
  await change(stage);
  await stage.catchUp();
  await expectEqual(stage);
  expect(await batchOf(stage)).toBe(loaded);
});

test("a share whose place the other source's slot has passed is loaded anew, whatever was written in between", async () => {
  await using stage = await staged("passed");
  split(stage, { people: "a", homes: "b" });
  await stage.catchUp();
  await stage.command("suspend", "people/hcm", "--reason", "maintenance");
  stage.start();
  await change(stage);
  await stage.shows("hue", `SELECT count(*) FROM population.household WHERE id = ${turn}`, [["1"]]);
  const passed = `SELECT b.confirmed_flush_lsn > a.confirmed_flush_lsn AS passed FROM pg_replication_slots AS a, pg_replication_slots AS b
    WHERE a.slot_name = 'dongbo_passed_a' AND b.slot_name = 'dongbo_passed_b'`;
  await waitUntil(async () => (await stage.onMasterAsSuperuser(passed))[0]?.["passed"] === "t", { describe: "the other slot to be ahead" });
  await stage.stop();
  await change(stage);
  split(stage, { people: "b", homes: "b" });
  await stage.command("apply");
  await stage.command("resume", "people/hcm");
  await stage.catchUp();
  await expectEqual(stage);
});

test("shares that change places while the engine runs are right after each time", async () => {
  await using stage = await staged("awake");
  split(stage, { people: "a", homes: "b" });
  await stage.catchUp();
  await stage.start().waitForOutput(/subscription attached/);
  for (const by of [
    { people: "b", homes: "a" },
    { people: "a", homes: "b" },
    { people: "b", homes: "b" },
  ] as const) {
    const loaded = await batchOf(stage);
    split(stage, by);
    await stage.command("apply");
    await change(stage);
    // The row is in another batch once the load that follows has come to it.
    await waitUntil(async () => (await batchOf(stage)) !== loaded, {
      describe: "the copy to be loaded anew",
      deadlineMs: 30_000,
      detail: () => stage.start().describe(),
    });
    await stage.shows("hcm", `SELECT count(*) FROM population.citizen WHERE id = ${turn}`, [["1"]]);
    await stage.shows("hue", `SELECT count(*) FROM population.household WHERE id = ${turn}`, [["1"]]);
  }
  await stage.stop();
  await expectEqual(stage);
});

test("a source that gets another id and keeps slot and publication goes on where it was", async () => {
  await using stage = await staged("renamed");
  split(stage, { people: "a", homes: "a" });
  await stage.catchUp();
  const loaded = await batchOf(stage);
  await change(stage);
  const kept = { slot: "dongbo_renamed_a", publication: "dongbo_renamed_a" };
  split(stage, { people: "a", homes: "b" }, { a: ["people", kept], b: ["renamed_b", {}] });
  const plan = await stage.command("plan");
  expect(plan.stdout).not.toContain("people/hcm: loaded anew");
  expect(plan.stdout).toContain("homes/hue: loaded anew");
  await stage.catchUp();
  await expectEqual(stage);
  expect(await batchOf(stage)).toBe(loaded);
});

test("DB-SLOT-006: a share that comes from another source does not make a slot that is somebody's the source's own", async () => {
  await using stage = await staged("theirs");
  split(stage, { people: "a", homes: "a" });
  await stage.catchUp();
  await stage.onMasterAsSuperuser("SELECT pg_create_logical_replication_slot('dongbo_theirs_b', 'pgoutput')");
  split(stage, { people: "b", homes: "a" });
  expect((await stage.catchUp(1)).stderr).toMatch(/DB-SLOT-006/);
});
