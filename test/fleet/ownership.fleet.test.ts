// Who owns which source, as workers come, go, die and stand still. At the end each copy equals its master, by the independent checker.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { waitUntil } from "../support/wait-until.ts";
import { FleetStage } from "./fleet-stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

test("sources are spread over the workers, and again as workers come and go; nothing waits for a lease to end", async () => {
  await using stage = await FleetStage.create(cluster, { name: "spread", sources: 3, lease: "PT1M" });
  const first = stage.worker();
  await stage.allReach(60_000, () => first.describe());
  await stage.spread([first]);
  await using writing = stage.writing();
  const second = stage.worker();
  await stage.spread([first, second]);
  const third = stage.worker();
  await stage.spread([first, second, third]);
  await stage.allReach();
  const epochs = await stage.stands();
  const startedMs = performance.now();
  expect(await first.terminate()).toEqual({ code: 0, signal: null });
  await stage.allReach();
  console.log(`drained, and all copies forward again, in ${Math.round(performance.now() - startedMs)} ms`);
  const owners = new Set((await stage.spread([second, third])).values());
  expect(owners).toEqual(new Set([second.pid, third.pid]));
  await writing.stop();
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
  for (const worker of [second, third]) expect(worker.stderr).not.toMatch(/taken over from a worker that is silent/);
  const moved = [...(await stage.stands())].filter(([source, { epoch }]) => epoch > (epochs.get(source)?.epoch ?? 0));
  expect(moved).toHaveLength(1);
  expect(await second.terminate()).toEqual({ code: 0, signal: null });
  expect(await third.terminate()).toEqual({ code: 0, signal: null });
  expect(await stage.owners()).toEqual(new Map());
});

test("a worker that is killed is replaced when its lease is over", async () => {
  await using stage = await FleetStage.create(cluster, { name: "killed", sources: 2 });
  const workers = [stage.worker(), stage.worker()] as const;
  const owners = await stage.spread(workers);
  await stage.allReach();
  await using writing = stage.writing();
  const [lost = ""] = [...owners].find(([, pid]) => pid === workers[0].pid) ?? [];
  await workers[0].kill9();
  const takenMs = await stage.reaches(lost, 60_000, () => workers[1].describe());
  console.log(`forward again ${Math.round(takenMs)} ms after SIGKILL`);
  await writing.stop();
  await stage.spread([workers[1]]);
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
});

test("a worker that stood still is replaced, and writes nothing when it wakes up", async () => {
  await using stage = await FleetStage.create(cluster, { name: "still", sources: 2, lease: "PT4S" });
  const workers = [stage.worker(), stage.worker()] as const;
  const owners = await stage.spread(workers);
  await stage.allReach();
  await using writing = stage.writing();
  const [lost = ""] = [...owners].find(([, pid]) => pid === workers[0].pid) ?? [];
  const before = (await stage.stands()).get(lost);
  workers[0].signal("SIGSTOP");
  const takenMs = await stage.reaches(lost, 60_000, () => workers[1].describe());
  console.log(`forward again ${Math.round(takenMs)} ms after SIGSTOP`);
  const taken = (await stage.stands()).get(lost);
  expect(taken?.epoch).toBeGreaterThan((before?.epoch ?? 0) + 1_000);
  // Both masters go on, so that the one that wakes up has something that it would write.
  await stage.allReach();
  workers[0].signal("SIGCONT");
  await workers[0].waitForOutput(/another worker has taken the source over/);
  await stage.allReach();
  // It is one of the fleet again, and is given a source anew, by a lease of its own.
  await stage.spread(workers);
  await writing.stop();
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
  // Nobody fought: of the source that was taken over at most one more taking is on record, when sources were spread again.
  const [terms] = await waitUntil(
    () => stage.onCopy(lost, "SELECT epoch / 1048576 AS term, epoch % 1048576 AS takings FROM dongbo.subscription"),
    {
      describe: "the copy's record",
    },
  );
  expect(Number(terms?.["takings"])).toBeLessThan(2);
});

test("one master that is named as two sources is carried by two workers, and by the one that is left when the other is killed", async () => {
  await using stage = await FleetStage.create(cluster, { name: "parted", sources: 2, oneMaster: true, lease: "PT4S" });
  const workers = [stage.worker(), stage.worker()] as const;
  await stage.spread(workers);
  await stage.allReach(60_000, () => workers[0].describe());
  await using writing = stage.writing();
  await workers[0].kill9();
  await stage.spread([workers[1]]);
  await stage.allReach(60_000, () => workers[1].describe());
  await writing.stop();
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
});

test("shares that change places between two sources of one master go on at both, whichever was taken later", async () => {
  await using stage = await FleetStage.create(cluster, { name: "placed", sources: 2, oneMaster: true });
  const first = stage.worker();
  await stage.spread([first]);
  await stage.allReach(60_000, () => first.describe());
  // One of both is handed on, and so is of a later term than the one that stays.
  const second = stage.worker();
  await stage.spread([first, second]);
  await stage.allReach();
  await using writing = stage.writing();
  const { shares } = stage.configuration({}) as { shares: readonly { readonly source: string }[] };
  const [one, other] = stage.sources;
  stage.home.writeConfig(
    stage.configuration({ shares: shares.map((share) => ({ ...share, source: share.source === one ? other : one })) }),
  );
  expect((await stage.home.run(["apply"])).code).toBe(0);
  await Promise.all([first, second].map((worker) => worker.waitForOutput(/configuration taken up/)));
  const startedMs = performance.now();
  await waitUntil(async () => (await stage.carriers()).every(({ subscription, source }) => subscription !== `${source}/${source}`), {
    describe: "both copies to be carried by the other source",
    deadlineMs: 60_000,
    detail: () => `${first.describe()}\n${second.describe()}`,
  });
  await stage.allReach(60_000, () => `${first.describe()}\n${second.describe()}`);
  console.log(`both copies forward again ${Math.round(performance.now() - startedMs)} ms after they changed places`);
  await writing.stop();
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
});
