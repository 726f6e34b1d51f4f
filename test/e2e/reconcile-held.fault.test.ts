// A copy whose target takes nothing for a while: it is behind, and not different; for too long, it cannot be judged.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster, textClient } from "../support/cluster.ts";
import { pause } from "../support/wait-until.ts";
import { citizensOfHcm, differencesOfHcm, populationStage, reconcileCitizens, startLoaded } from "./reconcile-stage.ts";
import { found, nothing, onlyTable, reconcile, reconciled } from "./reconciling.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Longer than a comparison waits for a copy that stands still. */
const patientMs = 200_000;
const changes = ["UPDATE public.citizen SET note = 'sau' WHERE id = 11", "DELETE FROM public.citizen WHERE id = 12"];
const lock = "BEGIN; SELECT FROM dongbo.subscription WHERE id = 'population/hcm' FOR UPDATE";

test("a target that takes nothing for some seconds makes no difference", async () => {
  await using stage = await populationStage(cluster, "slow");
  await startLoaded(stage);
  const holder = textClient(cluster.target.url(stage.databaseOf("hcm")));
  await holder.connect();
  await holder.query(lock);
  await stage.onMaster(...changes);
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET note = 'sai' WHERE id = 13");
  const running = stage.home.start(["reconcile", ...citizensOfHcm, "--json"]);
  await pause(8_000);
  expect(running.exit).toBeNull();
  await holder.end();
  const report = await reconciled(running);
  expect(report.code).toBe(3);
  expect(found(onlyTable(report))).toEqual({ ...nothing, different: ["13 (note)"] });
  await stage.stop();
});

test("a target that takes nothing for too long leaves its copy unverified", async () => {
  await using stage = await populationStage(cluster, "locked");
  await startLoaded(stage);
  const holder = textClient(cluster.target.url(stage.databaseOf("hcm")));
  await holder.connect();
  try {
    await holder.query(lock);
    await stage.onMaster(...changes);
    const report = await reconcile(stage.home, citizensOfHcm, patientMs);
    const table = onlyTable(report);
    expect(report.code).toBe(4);
    expect(found(table)).toEqual(nothing);
    expect(table.problem?.code).toMatch(/^DB-REC-\d{3}$/);
  } finally {
    await holder.end();
  }
  expect(found(await reconcileCitizens(stage, 0))).toEqual(nothing);
  expect(await differencesOfHcm(stage)).toEqual([]);
  await stage.stop();
});
