// Copies that their share wants compared in time: the running engine does it by itself, mends what it may, and tells operators.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { waitUntil } from "../support/wait-until.ts";
import { differencesOfHcm, populationStage } from "./reconcile-stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

test("RC-05, RC-06: the engine compares copies in time, mends them, and counts what it found", async () => {
  await using stage = await populationStage(cluster, "timely", { share: { reconcile: { every: "PT5S", repair: "auto" } } });
  const engine = stage.start();
  const [, listening] = await engine.waitForOutput(/"listening":"(http:[^"]+)"/);
  await stage.recorded("hcm", "population.citizen", (row) => row["verdict"] === "equal");
  await stage.onTarget(
    "hcm",
    "UPDATE population_copy.citizen SET note = 'sai' WHERE id = 21",
    "INSERT INTO population_copy.citizen (id, full_name, dongbo_batch) VALUES (16, 'Nguyễn Thị 16', 1)",
  );
  expect(await differencesOfHcm(stage)).not.toEqual([]);
  await waitUntil(async () => (await differencesOfHcm(stage)).length === 0, {
    describe: "the copy to be mended",
    deadlineMs: 60_000,
    everyMs: 500,
  });
  const metrics = async (): Promise<string> => (await fetch(`${listening}/metrics`)).text();
  await waitUntil(async () => /dongbo_reconcile_repaired_rows_total\{subscription="population\/hcm"\} 2\b/.test(await metrics()), {
    describe: "the repaired rows to be counted",
  });
  const told = await metrics();
  expect(told).toMatch(/dongbo_reconcile_different_rows_total\{subscription="population\/hcm"\} 2\b/);
  expect(told).toMatch(/dongbo_reconcile_runs_total\{subscription="population\/hue",verdict="equal"\} [1-9]/);
  expect(told).toMatch(/dongbo_reconcile_runs_total\{subscription="population\/hue",verdict="different"\} 0\b/);
  await stage.stop();
});
