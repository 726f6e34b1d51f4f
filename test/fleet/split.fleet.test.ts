// A comparison of one large copy is shared by the workers, within what its servers bear, and leaves one record.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Background } from "../e2e/background.ts";
import { type Cluster, runSql, startCluster } from "../support/cluster.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { FleetStage } from "./fleet-stage.ts";
import { jobsDone } from "./metrics-of.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const rows = 20_000;
/** Twenty parts, read slowly enough to meet each other; once a day, so that one record is all there is to come. */
const inParts = {
  rows,
  fleet: { rows_per_job: 1_000, jobs_per_source: 2, jobs_per_target: 2 },
  share: { reconcile: { every: "P1D", repair: "auto", rows_per_second: 3_000 } },
};

/** The most sessions that compared at once, as long as it was looked: at the master and at the copy. */
interface SessionsSeen {
  master: number;
  copy: number;
}

function watchSessions(stage: FleetStage, source: string, seen: SessionsSeen): Background {
  const sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'dongbo reconcile' AND datname = current_database()";
  return new Background(async (signal) => {
    while (!signal.aborted) {
      const [master, copy] = await Promise.all([runSql(cluster.source.url(source), sql), stage.onCopy(source, sql)]);
      seen.master = Math.max(seen.master, Number(master[0]?.["n"]));
      seen.copy = Math.max(seen.copy, Number(copy[0]?.["n"]));
      await pause(10);
    }
  });
}

async function partsLeft(stage: FleetStage, state: string): Promise<number> {
  const [row] = await runSql(stage.controlUrl(), `SELECT count(*) AS n FROM dongbo_control.reconcile_part WHERE state = '${state}'`);
  return Number(row?.["n"]);
}

/** Rows that are wrong in three parts, and what is found of them. */
async function damage(stage: FleetStage, source: string): Promise<void> {
  await stage.onCopy(
    source,
    "DELETE FROM public_copy.item WHERE id IN (1717, 9999)",
    "UPDATE public_copy.item SET note = 'sai' WHERE id = 12345",
    `INSERT INTO public_copy.item (id, value, note, dongbo_batch) VALUES (${rows + 5_000}, 1, 'thừa', 1)`,
  );
}

/** Loads the copies before anybody compares them. */
async function loaded(stage: FleetStage): Promise<void> {
  const { shares } = stage.configuration({}) as { shares: readonly object[] };
  stage.home.writeConfig(stage.configuration({ shares: shares.map((share) => ({ ...share, reconcile: { every: null } })) }));
  const loader = stage.worker();
  await stage.allReach(60_000, () => loader.describe());
  await loader.terminate();
  stage.home.writeConfig(stage.configuration({}));
}

async function doneBy(workers: readonly DongboProcess[]): Promise<readonly number[]> {
  return Promise.all(workers.map((worker) => jobsDone(worker, "part")));
}

test("RC-09, RC-10: a large copy is compared in parts by both workers, no more of them at once than its servers bear, with one record", async () => {
  await using stage = await FleetStage.create(cluster, { name: "parts", sources: 1, ...inParts });
  const [source = ""] = stage.sources;
  await loaded(stage);
  await damage(stage, source);
  const seen = { master: 0, copy: 0 };
  await using watching = watchSessions(stage, source, seen);
  const workers = [stage.worker(), stage.worker(), stage.worker()] as const;
  await using writing = stage.writing();
  const [record, ...others] = await watching.during(stage.compared(source, 1, () => workers[0].describe()));
  await writing.stop();
  await watching.stop();
  expect(others).toEqual([]);
  expect(record).toMatchObject({ verdict: "different", problem: null, repaired: 4, action: { kind: "repaired", rows: 4 } });
  expect(record?.differences).toMatchObject({ missing: { count: 2 }, different: { count: 1 }, extra: { count: 1 } });
  expect(record?.rows_checked).toBeGreaterThan(rows - 300);
  const done = await doneBy(workers);
  console.log(`parts done by each worker: ${done.join(", ")}; sessions at once: ${seen.master} at the master, ${seen.copy} at the copy`);
  expect(done.filter((count) => count > 0).length).toBeGreaterThan(1);
  expect(done.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(rows / 1_000);
  expect(seen).toEqual({ master: 2, copy: 2 });
  expect(await partsLeft(stage, "done")).toBe(0);
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
  const certificate = await stage.home.run(["reconcile", "--subscription", `${source}/${source}`, "--fast"]);
  expect(certificate.code).toBe(0);
  for (const worker of workers) expect(await worker.terminate()).toEqual({ code: 0, signal: null });
});

test("RC-09: parts that a killed worker had done are not done again, and what it was at is done by another", async () => {
  await using stage = await FleetStage.create(cluster, { name: "half", sources: 1, ...inParts });
  const [source = ""] = stage.sources;
  await loaded(stage);
  await damage(stage, source);
  const first = stage.worker();
  await waitUntil(async () => (await partsLeft(stage, "done").catch(() => 0)) >= 5, {
    describe: "some parts to be done",
    deadlineMs: 60_000,
    detail: () => first.describe(),
  });
  await first.kill9();
  const before = await partsLeft(stage, "done");
  const second = stage.worker();
  const [record, ...others] = await stage.compared(source, 1, () => second.describe());
  expect(others).toEqual([]);
  expect(record).toMatchObject({ verdict: "different", rows_checked: rows - 1, repaired: 4 });
  const [done = 0] = await doneBy([second]);
  console.log(`${before} parts were done by the one that was killed, ${done} by the other`);
  expect(done).toBeLessThanOrEqual(rows / 1_000 + 1 - before);
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
});
