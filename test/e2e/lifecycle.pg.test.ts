// The clocks of a copy: suspension, expiry, the end of the agreement, and an engine that is asked to stop.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { pause } from "../support/wait-until.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen = {
  source: "public.citizen",
  target: "population.citizen",
  key: ["id"],
  columns: ["id", "full_name"],
};
const master = [
  "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text)",
  "INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i FROM generate_series(1, 100) AS i",
];
const count = "SELECT count(*) FROM population.citizen";

async function stageOf(name: string, regulation: object, share: object = {}): Promise<Stage> {
  return Stage.create(cluster, {
    name,
    master,
    shares: { population: [citizen], other: [{ ...citizen, target: "other.citizen" }] },
    copies: [
      { target: "hcm", share: "population" },
      { target: "hue", share: "other" },
    ],
    regulation,
    share,
  });
}

test("VL-12: suspension stops the supply at once and the clock of use not; resume brings everything that was missed", async () => {
  await using stage = await stageOf("suspend", { validity_period: "PT8S" });
  stage.start();
  await stage.shows("hcm", count, [["100"]]);
  await stage.shows("hue", "SELECT count(*) FROM other.citizen", [["100"]]);
  await stage.command("suspend", "population/hcm", "--reason", "maintenance");
  const suspended = await stage.recorded("hcm", "population.citizen", () => true);
  await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Trong lúc ngừng')");
  await stage.shows("hue", "SELECT count(*) FROM other.citizen", [["101"]]);
  // Still readable as it was, until the period ends by itself.
  expect(await stage.read("hcm", count)).toEqual([{ count: "100" }]);
  expect(await stage.status("population/hcm")).toMatchObject({ suspended: { reason: "maintenance" }, share_state: "SUSPENDED" });
  await stage.shows("hcm", count, "DB001", 20_000);
  const expired = await stage.record("hcm", "population.citizen");
  expect(new Date(String(expired?.["last_sync_at"])).getTime() - new Date(String(suspended["last_sync_at"])).getTime()).toBeLessThan(3_000);
  expect(await stage.status("population/hcm")).toMatchObject({ usable: false, reason: "expired" });
  // A suspension outlives the engine.
  await stage.stop();
  stage.start();
  await stage.onMaster("INSERT INTO public.citizen VALUES (102, 'Vẫn ngừng')");
  await stage.shows("hue", "SELECT count(*) FROM other.citizen", [["102"]]);
  expect(await stage.onTarget("hcm", "SELECT count(*) FROM population_copy.citizen")).toEqual([{ count: "100" }]);
  await stage.command("resume", "population/hcm");
  await stage.shows("hcm", count, [["102"]]);
  await stage.stop();
});

test("VL-12: a suspension that is ordered or lifted while no engine runs is carried out by the next one", async () => {
  await using stage = await stageOf("between", { validity_period: "PT24H" });
  const stored = (): Promise<unknown> =>
    stage.onTarget("hcm", "SELECT share_state, suspended_reason FROM dongbo.subscription WHERE id = 'population/hcm'");
  await stage.catchUp();
  await stage.command("suspend", "population/hcm", "--reason", "security");
  await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Trong lúc ngừng')");
  stage.start();
  const status = "SELECT share_state FROM dongbo.status WHERE target_table = 'population.citizen'";
  await stage.shows("hcm", status, [["SUSPENDED"]]);
  await stage.shows("hue", "SELECT count(*) FROM other.citizen", [["101"]]);
  await stage.stop();
  await stage.command("resume", "population/hcm");
  // The target knows nothing of it yet: readers see what is stored there.
  expect(await stored()).toEqual([{ share_state: "SUSPENDED", suspended_reason: "security" }]);
  stage.start();
  await stage.shows("hcm", count, [["101"]]);
  expect(await stored()).toEqual([{ share_state: "ACTIVE", suspended_reason: null }]);
  await stage.stop();
});

test("VL-02, VL-03: without an engine a copy is refused after its period, with the reason; streaming alone revives it under `refuse`", async () => {
  await using stage = await stageOf("refuse", { validity_period: "PT4S" });
  await stage.catchUp();
  await stage.shows("hcm", count, "DB001", 15_000);
  const refusal = await stage.onTarget("hcm", "SET ROLE reader; SELECT * FROM population.citizen").then(
    () => null,
    (error: { code: string; message: string; hint: string }) => error,
  );
  expect(refusal).toMatchObject({ code: "DB001" });
  expect(refusal?.message).toMatch(/^DB001: population\/hcm is not usable: expired at \d{4}-\d\d-\d\dT/);
  const batches = await stage.onTarget("hcm", "SELECT DISTINCT dongbo_batch FROM population_copy.citizen");
  stage.start();
  await stage.shows("hcm", count, [["100"]]);
  // Nothing was loaded again.
  expect(await stage.onTarget("hcm", "SELECT DISTINCT dongbo_batch FROM population_copy.citizen")).toEqual(batches);
  await stage.stop();
});

test("VL-04: under `resync` an expired copy is loaded anew by itself and stays refused until that is done", async () => {
  await using stage = await stageOf("resync", { validity_period: "PT5S", on_expiry: "resync" });
  await stage.catchUp();
  const [first] = await stage.onTarget("hcm", "SELECT max(dongbo_batch) AS newest FROM population_copy.citizen");
  await stage.shows("hcm", count, "DB001", 15_000);
  // A row that nobody changed at the master and somebody damaged here: only a full re-sync mends it.
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 7");
  stage.start();
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 7", [["Nguyễn 7"]]);
  const [least] = await stage.onTarget("hcm", "SELECT min(dongbo_batch) AS oldest FROM population_copy.citizen");
  expect(Number(least?.["oldest"])).toBeGreaterThan(Number(first?.["newest"]));
  await stage.stop();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
});

// A changed contract is loaded as a difference whatever the state of the copy, and the end of that load makes it valid.
test("VL-04: under `resync` a copy that expired is loaded anew also when its configuration has changed meanwhile", async () => {
  await using stage = await stageOf("resynced", { validity_period: "PT5S", on_expiry: "resync" });
  await stage.catchUp();
  await stage.shows("hcm", count, "DB001", 15_000);
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 7");
  // A column is withdrawn: by itself no reason to read rows.
  await stage.onMaster("ALTER TABLE public.citizen ADD COLUMN note text");
  stage.configure({
    shares: { population: [{ ...citizen, columns: ["id", "full_name", "note"] }], other: [{ ...citizen, target: "other.citizen" }] },
  });
  await stage.catchUp();
  await stage.shows("hcm", count, "DB001", 15_000);
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 7");
  stage.configure({});
  stage.start();
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 7", [["Nguyễn 7"]], 10_000);
  await stage.stop();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
});

test("VL-14, CP-04: the end of the agreement ends use and supply at that instant, whatever the validity period says", async () => {
  const to = new Date(Date.now() + 25_000);
  const agreement = { id: "TT-09/2026", from: "2020-01-01", purpose: "thử", storage_basis: "42.1" };
  await using stage = await stageOf("ended", { validity_period: "PT24H" }, { agreement: { ...agreement, to: to.toISOString() } });
  stage.start();
  await stage.shows("hcm", count, [["100"]], Math.max(1, to.getTime() - Date.now()));
  await stage.shows("hcm", count, "DB001", 60_000);
  expect(Date.now()).toBeGreaterThanOrEqual(to.getTime() - 1_000);
  expect(await stage.status("population/hcm")).toMatchObject({ usable: false, reason: "agreement_ended" });
  // Given time to stop, it supplies nothing any more, and lets the master's log go.
  await pause(2_500);
  await stage.onMaster("INSERT INTO public.citizen VALUES (200, 'Sau hạn')");
  await pause(2_000);
  expect(await stage.onTarget("hcm", "SELECT count(*) FROM population_copy.citizen WHERE id = 200")).toEqual([{ count: "0" }]);
  await stage.stop();
});

test("SIGTERM in the middle of a load and of a large transaction ends the engine in time, and the next one goes on", async () => {
  await using stage = await stageOf("stop", { validity_period: "PT24H" });
  await stage.onMaster("INSERT INTO public.citizen SELECT i, repeat('x', 200) FROM generate_series(1000, 60000) AS i");
  const loading = stage.start();
  await loading.waitForOutput(/rows\/s|loaded|attached/);
  const started = performance.now();
  await stage.stop();
  console.log(`stopped after ${Math.round(performance.now() - started)} ms while loading`);
  const streaming = stage.start();
  await stage.shows("hcm", count, [["59101"]], 60_000);
  await stage.onMaster("UPDATE public.citizen SET full_name = repeat('y', 300)");
  await streaming.waitFor(
    async () =>
      Number(
        (await stage.onMasterAsSuperuser(`SELECT active_pid FROM pg_replication_slots WHERE slot_name = '${stage.slot}'`))[0]?.[
          "active_pid"
        ],
      ) > 0,
    "the slot to be active",
  );
  const again = performance.now();
  await stage.stop();
  console.log(`stopped after ${Math.round(performance.now() - again)} ms while streaming`);
  await stage.catchUp();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
});
