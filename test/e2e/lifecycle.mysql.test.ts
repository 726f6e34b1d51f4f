// The clocks of a copy where source and target are MariaDB: suspension, expiry, re-sync, and the end of the agreement.
import { expect, test } from "vitest";
import { roles } from "../support/cluster.ts";
import { numbersTo } from "../support/mysql-server.ts";
import { runMysql } from "../support/mysql-session.ts";
import { pause } from "../support/wait-until.ts";
import { PairStage } from "./pair-stage.ts";

const citizen = { source: "national.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const shape = { key: ["id"], forms: { id: "integer", full_name: "text" } } as const;
const master = [
  "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(200))",
  `INSERT INTO citizen SELECT seq, CONCAT('Nguyễn ', seq) FROM ${numbersTo(100)}`,
];
const count = "SELECT count(*) AS n FROM population.citizen";
const physicalCount = "SELECT count(*) AS n FROM population_copy.citizen";

function stageOf(regulation: object, share: object = {}): Promise<PairStage> {
  return PairStage.create({
    master: "mysql",
    tables: master,
    shares: { population: [citizen] },
    copies: [
      { target: "hcm", share: "population", connector: "mysql" },
      { target: "hue", share: "population" },
    ],
    regulation,
    share,
  });
}

test("VL-12: suspension stops the supply at once and the clock of use not; resume brings everything that was missed", async () => {
  await using stage = await stageOf({ validity_period: "PT8S" });
  stage.start();
  await stage.shows("hcm", count, [["100"]]);
  await stage.shows("hue", count, [["100"]]);
  await stage.command("suspend", "population/hcm", "--reason", "maintenance");
  const suspended = await stage.recorded("hcm", "population.citizen", () => true);
  await stage.onMaster("INSERT INTO citizen VALUES (101, 'Trong lúc ngừng')");
  await stage.shows("hue", count, [["101"]]);
  // Still readable as it was, until the period ends by itself.
  expect(await stage.read("hcm", count)).toEqual([{ n: "100" }]);
  expect(await stage.status("population/hcm")).toMatchObject({ suspended: { reason: "maintenance" }, share_state: "SUSPENDED" });
  await stage.shows("hcm", count, "DB001", 20_000);
  const expired = await stage.record("hcm", "population.citizen");
  expect(Number(expired?.["last_sync_at"]) - Number(suspended["last_sync_at"])).toBeLessThan(3_000_000);
  expect(await stage.status("population/hcm")).toMatchObject({ usable: false, reason: "expired" });
  // A suspension outlives the engine.
  await stage.stop();
  stage.start();
  await stage.onMaster("INSERT INTO citizen VALUES (102, 'Vẫn ngừng')");
  await stage.shows("hue", count, [["102"]]);
  expect(await stage.onTarget("hcm", physicalCount)).toEqual([{ n: "100" }]);
  await stage.command("resume", "population/hcm");
  await stage.shows("hcm", count, [["102"]]);
  await stage.stop();
  expect(await stage.differences("hcm", "citizen", "population.citizen", shape)).toEqual([]);
});

test("VL-02, VL-03: without an engine a copy is refused after its period, with the reason; streaming alone revives it under `refuse`", async () => {
  await using stage = await stageOf({ validity_period: "PT4S" });
  await stage.catchUp();
  await stage.shows("hcm", count, "DB001", 15_000);
  const refusal = await runMysql(stage.servers.targetUrl("hcm", roles.reader), "SELECT * FROM population.citizen").then(
    () => null,
    (error: { sqlState: string; message: string }) => error,
  );
  expect(refusal).toMatchObject({ sqlState: "DB001" });
  expect(refusal?.message).toMatch(/DB001: population\/hcm is not usable: expired at \d{4}-\d\d-\d\dT/);
  // Behind the gate there is no way to the rows.
  expect(await stage.read("hcm", "SELECT * FROM population_copy.citizen")).toBe("42000");
  const batches = await stage.onTarget("hcm", "SELECT DISTINCT dongbo_batch FROM population_copy.citizen");
  stage.start();
  await stage.shows("hcm", count, [["100"]]);
  // Nothing was loaded again.
  expect(await stage.onTarget("hcm", "SELECT DISTINCT dongbo_batch FROM population_copy.citizen")).toEqual(batches);
  await stage.stop();
});

test("VL-04: under `resync` an expired copy is loaded anew by itself and stays refused until that is done", async () => {
  await using stage = await stageOf({ validity_period: "PT5S", on_expiry: "resync" });
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
  expect(await stage.differences("hcm", "citizen", "population.citizen", shape)).toEqual([]);
});

test("VL-14, CP-04: the end of the agreement ends use and supply at that instant, whatever the validity period says", async () => {
  const to = new Date(Date.now() + 20_000);
  const agreement = { id: "TT-09/2026", from: "2020-01-01", purpose: "thử", storage_basis: "42.1" };
  await using stage = await stageOf({ validity_period: "PT24H" }, { agreement: { ...agreement, to: to.toISOString() } });
  stage.start();
  await stage.shows("hcm", count, [["100"]], Math.max(1, to.getTime() - Date.now()));
  await stage.shows("hcm", count, "DB001", 60_000);
  expect(Date.now()).toBeGreaterThanOrEqual(to.getTime() - 1_000);
  expect(await stage.status("population/hcm")).toMatchObject({ usable: false, reason: "agreement_ended" });
  // Given time to stop, it supplies nothing any more.
  await pause(2_500);
  await stage.onMaster("INSERT INTO citizen VALUES (200, 'Sau hạn')");
  await pause(2_000);
  expect(await stage.onTarget("hcm", `${physicalCount} WHERE id = 200`)).toEqual([{ n: "0" }]);
  await stage.stop();
});

test("a re-sync that is ordered mends what was damaged, and one that a SIGTERM or a kill breaks off goes on", async () => {
  await using stage = await stageOf({ validity_period: "PT24H" });
  await stage.onMaster(`INSERT INTO citizen SELECT seq + 999, REPEAT('x', 200) FROM ${numbersTo(39_001)}`);
  const loading = stage.start();
  await loading.waitForOutput(/rows\/s|loaded|attached/);
  await stage.stop();
  await stage.catchUp();
  expect(await stage.differences("hcm", "citizen", "population.citizen", shape)).toEqual([]);
  await stage.onTarget(
    "hcm",
    "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 7",
    "DELETE FROM population_copy.citizen WHERE id = 8",
    "INSERT INTO population_copy.citizen (id, full_name, dongbo_batch) VALUES (-1, 'thừa', 1)",
  );
  await stage.command("resync", "population/hcm");
  stage.start();
  await stage.shows("hcm", count, "DB001");
  await stage.kill();
  await stage.catchUp();
  expect(await stage.differences("hcm", "citizen", "population.citizen", shape)).toEqual([]);
  expect(await stage.record("hcm", "population.citizen")).toMatchObject({ rows: String(100 + 39_001) });
});
