// Rows that somebody changed in a copy behind the engine's back, and what brings them back: a repair, or a load.
import { afterAll, beforeAll, expect, test } from "vitest";
import { PostgresTargetRecords } from "../../connectors/postgres/records/postgres-target-records.ts";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import { keyOf } from "../support/reconcile-report.ts";
import { orderRepair, ordersClosed } from "../support/repair-order.ts";
import { serverAddress } from "../support/server-address.ts";
import { type Side, Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen: Side = {
  source: "public.citizen",
  target: "population.citizen",
  key: ["province", "id"],
  columns: ["province", "id", "full_name", "note"],
  where: "province = '79'",
};
const table = "population.citizen";
const shared = { source: citizen.source, target: table, key: citizen.key, columns: citizen.columns };

/** 3,000 citizens of province 79, three of 46. */
const master = [
  "CREATE TABLE public.citizen (province text, id int, full_name text, note text, PRIMARY KEY (province, id))",
  "INSERT INTO public.citizen SELECT '79', i, 'Nguyễn ' || i, repeat('x', 3000) FROM generate_series(1, 3000) AS i",
  "INSERT INTO public.citizen VALUES ('46', 1, 'Lê', NULL), ('46', 2, 'Lý', NULL), ('46', 3, 'Lưu', NULL)",
];

function stageOf(name: string): Promise<Stage> {
  return Stage.create(cluster, {
    name,
    master,
    shares: { population: [{ ...shared, where: { province: { in: "$provinces" } } }] },
    copies: [{ target: "hcm", share: "population", parameters: { provinces: ["79"] } }],
  });
}

const controlOf = (name: string): string => cluster.target.url(`c_${name}`, roles.control, null);

/** As the owner of the copies' database, who may do what nobody should. */
const damage = [
  "UPDATE population_copy.citizen SET full_name = 'sai', note = NULL WHERE id IN (7, 8)",
  "DELETE FROM population_copy.citizen WHERE id BETWEEN 11 AND 13",
  "INSERT INTO population_copy.citizen (province, id, full_name, dongbo_batch) VALUES ('46', 1, 'Lê', 1), ('79', 5000, 'không ai', 1)",
];
const damaged = [
  ...[7, 8, 11, 12, 13, 5000].map((id) => keyOf("79", String(id))),
  // Another consumer's: the master has it, this copy has no right to it.
  keyOf("46", "1"),
];

test("RC-05, RC-07: an ordered repair makes changed, lost and foreign rows what they are at the master, while the stream goes on", async () => {
  await using stage = await stageOf("repaired");
  stage.start();
  await stage.shows("hcm", `SELECT count(*) FROM ${table}`, [["3000"]]);
  await stage.onTarget("hcm", ...damage);
  expect(await stage.differences("hcm", citizen)).not.toEqual([]);
  const order = orderRepair(controlOf("repaired"), "population/hcm", table, damaged);
  await stage.onMaster("UPDATE public.citizen SET full_name = 'mới' WHERE id IN (8, 9)", "DELETE FROM public.citizen WHERE id = 12");
  await order;
  expect(await ordersClosed(controlOf("repaired"), "population/hcm")).toBe(`repair of ${table}: carried out`);
  // Closed when it is durable: nothing more is waited for.
  const rows = await stage.onTarget(
    "hcm",
    "SELECT id, full_name FROM population_copy.citizen WHERE id IN (1, 7, 8, 9, 11, 12, 13, 5000) ORDER BY id, province",
  );
  const restored = rows.filter(({ id }) => id !== "8" && id !== "9" && id !== "12");
  expect(restored).toEqual([1, 7, 11, 13].map((id) => ({ id: String(id), full_name: `Nguyễn ${id}` })));
  await stage.stop();
  await stage.catchUp();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
});

test("RC-05: more rows than are read at once are repaired too, and what an engine was killed over is carried out by the next", async () => {
  await using stage = await stageOf("many");
  await stage.catchUp();
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id > 500");
  const keys = Array.from({ length: 2_500 }, (_, index) => keyOf("79", String(501 + index)));
  await orderRepair(controlOf("many"), "population/hcm", table, keys);
  stage.start();
  await stage.shows("hcm", `SELECT count(*) > 0 FROM ${table} WHERE id > 500 AND full_name <> 'sai'`, [["t"]]);
  await stage.kill();
  await stage.catchUp();
  expect(await ordersClosed(controlOf("many"), "population/hcm")).toBe(`repair of ${table}: carried out`);
  const [repairs] = await stage.onTarget(
    "hcm",
    "SELECT count(*) AS batches, sum(rows_written) AS rows FROM dongbo.batch WHERE kind = 'repair'",
  );
  expect(Number(repairs?.["batches"])).toBeGreaterThanOrEqual(3);
  expect(Number(repairs?.["rows"])).toBeGreaterThanOrEqual(2_500);
  expect(await stage.differences("hcm", citizen)).toEqual([]);
});

test("RC-05: a repair of a table that is stopped, or that nobody knows, is refused with its code", async () => {
  await using stage = await stageOf("refused");
  stage.start();
  await stage.shows("hcm", `SELECT count(*) FROM ${table}`, [["3000"]]);
  await orderRepair(controlOf("refused"), "population/hcm", "population.nothing", damaged);
  expect(await ordersClosed(controlOf("refused"), "population/hcm")).toBe("repair of population.nothing: DB-RUN-022");
  await stage.onMaster("ALTER TABLE public.citizen DROP COLUMN note", "UPDATE public.citizen SET full_name = 'x' WHERE id = 1");
  await stage.recorded("hcm", table, (row) => row["stopped_code"] !== null);
  await orderRepair(controlOf("refused"), "population/hcm", table, damaged);
  expect(await ordersClosed(controlOf("refused"), "population/hcm")).toBe(`repair of ${table}: DB-REC-003`);
  await stage.stop();
});

async function quarantine(stage: Stage): Promise<void> {
  const records = new PostgresTargetRecords(serverAddress(cluster.target.url(stage.databaseOf("hcm"), roles.target, null)));
  await records.recordReconcile("population/hcm", table, { verdict: "different", quarantine: true });
  await records.close();
}

test("RC-07: a quarantined copy is followed, refused and told of until a re-sync has loaded it anew", async () => {
  await using stage = await stageOf("quarantined");
  stage.start();
  await stage.shows("hcm", `SELECT count(*) FROM ${table}`, [["3000"]]);
  await stage.onTarget("hcm", ...damage);
  await quarantine(stage);
  expect(await stage.read("hcm", `SELECT * FROM ${table}`)).toBe("DB001");
  await stage.onMaster("UPDATE public.citizen SET full_name = 'mới' WHERE id = 9");
  await stage.shows("hcm", "SELECT reason FROM dongbo.status", [["quarantined"]]);
  const [followed] = await stage.onTarget("hcm", "SELECT next_batch FROM dongbo.subscription");
  expect(Number(followed?.["next_batch"])).toBeGreaterThan(1);
  const status = await stage.home.run(["status"]);
  expect(status.code).toBe(5);
  expect(status.stdout).toMatch(/found different from the master at .*`dongbo resync population\/hcm --table population\.citizen`/);
  // Neither a restart nor time opens it.
  await stage.stop();
  await stage.catchUp(5);
  expect(await stage.read("hcm", `SELECT * FROM ${table}`)).toBe("DB001");
  await stage.command("resync", "population/hcm", "--table", table);
  await stage.catchUp();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
  expect(await stage.status("population/hcm")).toMatchObject({
    usable: true,
    tables: [{ target: table, verdict: null, last_reconciled_at: null }],
  });
});

test("RC-07: a wider filter does not open a quarantined copy with a load of the difference: all of it is loaded", async () => {
  await using stage = await stageOf("widened");
  await stage.catchUp();
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 7");
  await quarantine(stage);
  stage.configure({ copies: [{ target: "hcm", share: "population", parameters: { provinces: ["79", "46"] } }] });
  await stage.catchUp();
  expect(await stage.differences("hcm", { ...citizen, where: "true" })).toEqual([]);
});
