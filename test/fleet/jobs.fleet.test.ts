// Jobs that Redis hands out, while Redis is restarted, emptied, away, cut off again and again, or no queue at all.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Background } from "../e2e/background.ts";
import { type Cluster, runSql, startCluster } from "../support/cluster.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { FleetStage } from "./fleet-stage.ts";
import { jobsDone } from "./metrics-of.ts";
import { onRedis } from "./redis-session.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** So many comparisons are on record of each subscription. */
async function runs(stage: FleetStage): Promise<ReadonlyMap<string, number>> {
  const sql = "SELECT subscription, count(*) AS runs FROM dongbo_control.reconcile_run GROUP BY subscription";
  const rows = await runSql(stage.controlUrl(), sql).catch(() => []);
  return new Map(
    stage.sources.map((source) => [source, Number(rows.find((row) => row["subscription"] === `${source}/${source}`)?.["runs"] ?? 0)]),
  );
}

/** Waits until each copy was compared so often more. */
async function comparedAgain(stage: FleetStage, times: number, worker: DongboProcess): Promise<void> {
  const before = await runs(stage);
  await waitUntil(
    async () => {
      const now = await runs(stage);
      return stage.sources.every((source) => (now.get(source) ?? 0) >= (before.get(source) ?? 0) + times);
    },
    { describe: "copies to be compared again", deadlineMs: 90_000, everyMs: 200, detail: () => worker.describe() },
  );
}

async function healthOf(worker: DongboProcess): Promise<{ status: number; text: string }> {
  const [, listening] = await worker.waitForOutput(/"listening":"(http:[^"]+)"/);
  const answer = await fetch(`${listening}/healthz`);
  return { status: answer.status, text: await answer.text() };
}

test("copies are compared by whoever is free, and again after Redis lost everything, was restarted, and was away", async () => {
  await using stage = await FleetStage.create(cluster, {
    name: "jobs",
    sources: 3,
    share: { reconcile: { every: "PT2S", repair: "auto" } },
  });
  const workers = [stage.worker(), stage.worker()] as const;
  await stage.allReach(60_000, () => workers[0].describe());
  await stage.spread(workers);
  await using writing = stage.writing();
  await comparedAgain(stage, 2, workers[0]);

  await onRedis(stage.redis, (client) => client.flushall());
  await comparedAgain(stage, 2, workers[0]);

  await stage.redis.stop();
  await stage.redis.restart();
  await comparedAgain(stage, 2, workers[0]);

  await stage.redis.kill();
  await waitUntil(async () => (await healthOf(workers[0])).text.includes("DB-FLT-002"), { describe: "the outage to be told" });
  await waitUntil(async () => (await healthOf(workers[1])).status === 503, { describe: "the other worker to notice" });
  await waitUntil(async () => (await stage.status()).queue.problem?.code === "DB-FLT-002", {
    describe: "status to tell of the outage",
    everyMs: 500,
  });
  // Streaming goes on, and sources go from one worker to another, without Redis.
  await stage.allReach();
  const owners = await stage.owners();
  const third = stage.worker();
  await stage.spread([...workers, third]);
  expect(await stage.owners()).not.toEqual(owners);
  await stage.allReach();
  await stage.redis.restart();
  await comparedAgain(stage, 2, workers[0]);
  await waitUntil(async () => (await healthOf(workers[0])).status === 200, { describe: "the worker to be well again" });

  // A worker that is given somebody else's copy compares it too.
  const done = await Promise.all([...workers, third].map((worker) => jobsDone(worker, "compare")));
  expect(done.filter((count) => count > 0).length).toBeGreaterThan(1);
  await writing.stop();
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
  // Nobody's end waits for a Redis that is away.
  await stage.redis.kill();
  for (const worker of [...workers, third]) expect(await worker.terminate()).toEqual({ code: 0, signal: null });
});

test("connections to Redis that are cut again and again hold up no stream, and jobs no longer than that", async () => {
  await using stage = await FleetStage.create(cluster, {
    name: "cuts",
    sources: 2,
    share: { reconcile: { every: "PT2S" } },
    breaksRedis: true,
  });
  const { port } = new URL(stage.redis.url());
  await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: Number(port) });
  await using home = await stage.anotherHome((url) => url.replace(`:${port}`, `:${proxy.port}`));
  const workers = [1, 2].map(() => home.start(["worker", "--listen", "127.0.0.1:0"])) as [DongboProcess, DongboProcess];
  await stage.allReach(60_000, () => workers[0].describe());
  await stage.spread(workers);
  const owners = await stage.owners();
  await using writing = stage.writing();
  await comparedAgain(stage, 1, workers[0]);
  await using cutting = new Background(async (signal) => {
    while (!signal.aborted) {
      proxy.cutAll("reset");
      await pause(150);
    }
  });
  for (let look = 0; look < 30; look++) await cutting.during(stage.allReach());
  expect(await stage.owners()).toEqual(owners);
  await cutting.stop();
  await comparedAgain(stage, 2, workers[0]);
  await writing.stop();
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
  for (const worker of workers) expect(await worker.terminate()).toEqual({ code: 0, signal: null });
});

test("jobs that read the same target go one after the other, in the whole fleet", async () => {
  // Slow enough to meet each other.
  const reconcile = { every: "PT1S", rows_per_second: 100 };
  await using stage = await FleetStage.create(cluster, { name: "places", sources: 1, share: { reconcile } });
  const { shares } = stage.configuration({}) as { shares: readonly object[] };
  const tables = [{ source: "public.item", target: "other.item", key: ["id"] }];
  stage.home.writeConfig(stage.configuration({ shares: [...shares, { ...shares[0], id: "other", tables }] }));
  const workers = [stage.worker(), stage.worker()] as const;
  await stage.allReach(60_000, () => workers[0].describe());
  const records = async () => {
    const rows = await runSql(stage.controlUrl(), "SELECT record FROM dongbo_control.reconcile_run ORDER BY id");
    return rows.map((row) => JSON.parse(row["record"] ?? "{}") as { subscription: string; started_at: string; ended_at: string });
  };
  const found = await waitUntil(
    async () => {
      const all = await records();
      const often = ["places_1", "other"].every(
        (share) => all.filter(({ subscription }) => subscription === `${share}/places_1`).length > 2,
      );
      return often ? all : null;
    },
    { describe: "both copies to be compared", deadlineMs: 90_000, everyMs: 200, detail: () => workers[0].describe() },
  );
  for (const [index, record] of found.entries()) {
    const next = found[index + 1];
    if (next !== undefined) expect(Date.parse(next.started_at)).toBeGreaterThanOrEqual(Date.parse(record.ended_at));
  }
  for (const worker of workers) expect(await worker.terminate()).toEqual({ code: 0, signal: null });
});

test("a Redis that throws data away is refused, and so is a worker without one", async () => {
  await using stage = await FleetStage.create(cluster, { name: "refused", sources: 1, breaksRedis: true });
  await onRedis(stage.redis, (client) => client.config("SET", "maxmemory-policy", "allkeys-lru"));
  const refused = await stage.home.run(["worker", "--listen", "off"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/DB-FLT-003: .*maxmemory-policy is allkeys-lru.*noeviction/);

  const bare = stage.home.twin();
  bare.writeConfig(stage.configuration({ redis: undefined }));
  const without = await bare.run(["worker", "--listen", "off"]);
  expect(without.code).toBe(2);
  expect(without.stderr).toMatch(/DB-FLT-001: .*Add `redis:/);

  // One engine alone and a fleet exclude each other.
  await onRedis(stage.redis, (client) => client.config("SET", "maxmemory-policy", "noeviction"));
  const worker = stage.worker();
  await stage.allReach(60_000, () => worker.describe());
  const alone = await stage.home.run(["run", "--until-caught-up"]);
  expect(alone).toMatchObject({ code: 1 });
  expect(alone.stderr).toMatch(/DB-RUN-024/);
  await worker.terminate();
  const running = stage.home.start(["run"]);
  await running.waitForOutput(/dongbo runs/);
  await stage.allReach(60_000, () => running.describe());
  const late = await stage.home.run(["worker", "--listen", "off"]);
  expect(late.stderr).toMatch(/DB-RUN-024/);
  await running.terminate();
});
