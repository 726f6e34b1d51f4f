// How long a copy stands still when a worker dies, stands still, or Redis goes: measured, printed, and within what is promised for each.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { FleetStage } from "./fleet-stage.ts";
import { tellTimes } from "./tell-times.ts";

/** `DONGBO_TEST_TAKEOVERS=20` measures each so often. */
const rounds = Number(process.env["DONGBO_TEST_TAKEOVERS"] ?? "1");

let cluster: Cluster;
let stage: FleetStage;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
  // Leases as they are by default.
  stage = await FleetStage.create(cluster, { name: "times", sources: 2, breaksRedis: true });
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

/** The worker that owns the source, and the other. */
async function ownerOf(source: string, workers: readonly DongboProcess[]): Promise<DongboProcess> {
  const owners = await stage.spread(workers);
  const found = workers.find(({ pid }) => owners.get(source) === pid);
  expect(found).toBeDefined();
  return found as DongboProcess;
}

test(
  "SIGKILL, SIGSTOP and the loss of Redis",
  async () => {
    const [source = ""] = stage.sources;
    const times = { killed: [] as number[], stopped: [] as number[], redis: [] as number[] };
    let workers = [stage.worker(), stage.worker()];
    await stage.allReach(60_000, () => workers[0]?.describe() ?? "");
    for (let round = 0; round < rounds; round++) {
      const killed = await ownerOf(source, workers);
      await killed.kill9();
      times.killed.push(await stage.reaches(source, 120_000));
      workers = [...workers.filter((worker) => worker !== killed), stage.worker()];

      const stopped = await ownerOf(source, workers);
      stopped.signal("SIGSTOP");
      times.stopped.push(await stage.reaches(source, 120_000));
      stopped.signal("SIGCONT");

      await stage.spread(workers);
      await stage.allReach(120_000);
      await stage.redis.kill();
      times.redis.push(await stage.reaches(source, 120_000));
      await stage.redis.restart();
    }
    tellTimes("forward again after SIGKILL", times.killed);
    tellTimes("forward again after SIGSTOP", times.stopped);
    tellTimes("forward while Redis is gone", times.redis);
    await stage.allReach();
    expect(await stage.differences()).toEqual([]);
  },
  300_000 + rounds * 120_000,
);
