// A table that is taken out of the publication and put back: what changed meanwhile is never published, not even later, so its
// copy is loaded again, whether the engine ran or not.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen = { source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const address = { source: "public.address", target: "population.address", key: ["id"], columns: ["id", "street"] };

function stageOf(name: string, changes: object = {}): Promise<Stage> {
  return Stage.create(cluster, {
    name,
    master: [
      "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text)",
      "CREATE TABLE public.address (id int PRIMARY KEY, street text)",
      "INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i FROM generate_series(1, 100) AS i",
      "INSERT INTO public.address SELECT i, 'Lê Lợi ' || i FROM generate_series(1, 50) AS i",
    ],
    shares: { population: [citizen, address] },
    copies: [{ target: "hcm", share: "population" }],
    ...changes,
  });
}

/** The master changes the table while it is not published. */
const lose = [
  "ALTER PUBLICATION dongbo_population DROP TABLE public.citizen",
  "DELETE FROM public.citizen WHERE id <= 10",
  "UPDATE public.citizen SET full_name = 'Trần' WHERE id = 50",
  "ALTER PUBLICATION dongbo_population ADD TABLE public.citizen",
];
const count = "SELECT count(*) AS n FROM population.citizen";

test("between two looks of a running engine: the table is loaded again, and no other", async () => {
  await using stage = await stageOf("poll");
  const engine = stage.start();
  await stage.shows("hcm", count, [["100"]]);
  const batch = "SELECT max(dongbo_batch) AS batch FROM population_copy.address";
  const before = await stage.onTarget("hcm", batch);
  await stage.onMaster(...lose);
  await engine.waitForOutput(/"code":"DB-PG-032","table":"public.citizen"/);
  await stage.shows("hcm", count, [["90"]]);
  expect(await stage.differences("hcm", citizen)).toEqual([]);
  expect(await stage.onTarget("hcm", batch)).toEqual(before);
  await stage.onMaster("DELETE FROM public.citizen WHERE id = 11", "DELETE FROM public.address WHERE id = 1");
  await stage.shows("hcm", count, [["89"]]);
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.address", [["49"]]);
  await stage.stop();
});

test("while no engine runs, and the next one is killed as it begins: the table is loaded again", async () => {
  await using stage = await stageOf("down");
  await stage.catchUp();
  await stage.onMaster(...lose);
  const killed = stage.home.start(["run"], { name: "snapshot-mid-chunk" });
  expect(await killed.waitForExit(60_000)).toMatchObject({ signal: "SIGKILL" });
  await stage.catchUp();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
  // Once only.
  const next = await stage.catchUp();
  expect(next.stderr).not.toContain("loaded again");
});

test("what dongbo itself changes of a table's entry is no reason to load other copies again", async () => {
  await using stage = await stageOf("own", {
    copies: [
      { target: "hcm", share: "population" },
      { target: "hue", share: "second" },
    ],
    shares: { population: [citizen, address], second: [{ ...citizen, columns: ["id"] }] },
    published: [],
  });
  await stage.onMasterAsSuperuser(
    `GRANT ${roles.owner} TO ${roles.source}`,
    `GRANT CREATE ON DATABASE m_own TO ${roles.source}`,
    "ALTER TABLE public.citizen ADD COLUMN born date",
  );
  await stage.catchUp();
  const batch = "SELECT max(dongbo_batch) AS batch FROM population_copy.citizen";
  const before = await stage.onTarget("hue", batch);
  // The column makes dongbo replace the table's entry.
  stage.configure({
    copies: [
      { target: "hcm", share: "population" },
      { target: "hue", share: "second" },
    ],
    shares: { population: [{ ...citizen, columns: ["id", "full_name", "born"] }, address], second: [{ ...citizen, columns: ["id"] }] },
  });
  const finished = await stage.catchUp();
  expect(finished.stderr).not.toContain("loaded again");
  expect(await stage.onTarget("hue", batch)).toEqual(before);
  await stage.onMaster("DELETE FROM public.citizen WHERE id = 1");
  const last = await stage.catchUp();
  expect(last.stderr).not.toContain("loaded again");
  expect(await stage.differences("hue", { ...citizen, columns: ["id"] })).toEqual([]);
  expect(await stage.differences("hcm", { ...citizen, columns: ["id", "full_name", "born"] })).toEqual([]);
});
