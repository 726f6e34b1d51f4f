// What comes back: tables and subscriptions that were withdrawn, whose old rows lie in the target still, and databases from a backup.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { waitUntil } from "../support/wait-until.ts";
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

test.each(["stands still", "runs"])(
  "CP-11: a target database that is restored from a backup while the engine %s is not streamed past what it lost, and is right after a re-sync",
  async (engine) => {
    const name = engine === "runs" ? "alive" : "asleep";
    const other = { ...citizen, target: "other.citizen" };
    const copies = [hcm, { target: "hue", share: "other" }];
    await using stage = await Stage.create(cluster, { name, master, shares: { population: [citizen], other: [other] }, copies });
    const count = (where: string): string => `SELECT count(*) FROM ${where}.citizen`;
    await stage.catchUp();
    await runSql(cluster.target.url(), `CREATE DATABASE "${name}_backup" TEMPLATE "${name}_hcm"`);
    stage.start();
    await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Lê')", "DELETE FROM public.citizen WHERE id = 1");
    await stage.shows("hcm", "SELECT id FROM population.citizen WHERE id IN (1, 101)", [["101"]]);
    await stage.shows("hue", "SELECT id FROM other.citizen WHERE id IN (1, 101)", [["101"]]);
    // The master has been told to forget these changes: what the backup lacks is nowhere else.
    const told = "SELECT confirmed_flush_lsn > $lsn AS told FROM pg_replication_slots WHERE slot_name = '" + stage.slot + "'";
    const [end] = await stage.onMasterAsSuperuser("SELECT pg_current_wal_insert_lsn() AS lsn");
    await stage.onMaster("INSERT INTO public.citizen VALUES (102, 'Lê')");
    await waitUntil(async () => (await stage.onMasterAsSuperuser(told.replace("$lsn", `'${end?.["lsn"]}'`)))[0]?.["told"] === "t", {
      describe: "the master to be told",
    });
    if (engine !== "runs") await stage.stop();
    await runSql(
      cluster.target.url(),
      `ALTER DATABASE "${name}_hcm" ALLOW_CONNECTIONS false`,
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${name}_hcm'`,
      `ALTER DATABASE "${name}_hcm" RENAME TO "${name}_lost"`,
      `ALTER DATABASE "${name}_backup" OWNER TO ${roles.target}`,
      `ALTER DATABASE "${name}_backup" RENAME TO "${name}_hcm"`,
    );
    await stage.start().waitForOutput(/DB-SLOT-005/);
    await stage.onMaster("INSERT INTO public.citizen VALUES (103, 'Phạm')");
    await stage.shows("hue", count("other"), [["102"]]);
    // What it shows is the master of the backup's instant, and nothing of later.
    expect(await stage.read("hcm", count("population"))).toEqual([{ count: "100" }]);
    await stage.command("resync", "population/hcm");
    await stage.shows("hcm", count("population"), [["102"]]);
    await stage.stop();
    expect(await stage.differences("hcm", citizen)).toEqual([]);
    expect(await rowsRecorded(stage, "population.citizen")).toBe("102");
  },
);
