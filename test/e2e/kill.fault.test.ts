// The engine is killed again and again while copies are loaded, joined, re-synced and streamed. Whatever a reader saw in
// between was the master after one of its commits (VL-01, invariants 1 to 3), and in the end every copy equals the master.
import { expect, test } from "vitest";
import { PrefixChecker } from "../checker/prefix-checker.ts";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { waitUntil } from "../support/wait-until.ts";
import { compareAll, type Entitlement, sharedTables, watchedCopy } from "../workload/population-copies.ts";
import { populationDdl } from "../workload/population-tables.ts";
import { PopulationWorkload, workloadTables } from "../workload/population-workload.ts";
import { Random, runSeed } from "../workload/random.ts";
import { Background } from "./background.ts";
import { EngineUnderFire } from "./engine-under-fire.ts";
import { sizeFromEnvironment } from "./sizes.ts";

const changesMin = sizeFromEnvironment("DONGBO_KILL_CHANGES", { everyday: 30_000, full: 100_000 });
const killsMin = sizeFromEnvironment("DONGBO_KILL_KILLS", { everyday: 10, full: 30 });
const changesPerSecond = sizeFromEnvironment("DONGBO_KILL_PACE", 900);
const rowsAtStart = sizeFromEnvironment("DONGBO_KILL_ROWS", 12_000);

const first: readonly Entitlement[] = [
  { name: "whole", provinces: null },
  { name: "south", provinces: ["79", "80"] },
  { name: "hue", provinces: ["46"] },
];
const joiner: Entitlement = { name: "joiner", provinces: ["01", "46"] };
const all = [...first, joiner];

/** A filter column within the old image by FULL, by an index, and not at all. */
const identities = { citizen: "full", household: "default", residence: "index" } as const;

/** Places where the target is being written or the source is being told; each is reached by streaming alone. */
const streamingFailpoints = [
  "target-before-begin",
  "target-after-rows",
  "target-after-checkpoint",
  "target-commit-sent",
  "target-after-commit",
  "before-acknowledge",
  "after-acknowledge",
];

function configFor(copies: readonly Entitlement[]): object {
  return populationConfig({
    shares: { everything: sharedTables("all"), population: sharedTables("filtered") },
    copies: copies.map(({ name, provinces }) => ({
      target: name,
      share: provinces === null ? "everything" : "population",
      ...(provinces === null ? {} : { parameters: { provinces } }),
    })),
  });
}

async function expectOneSlot(cluster: Cluster): Promise<void> {
  const slots = await runSql(cluster.source.url("national"), "SELECT slot_name, wal_status FROM pg_replication_slots");
  expect(slots).toEqual([{ slot_name: "dongbo_population", wal_status: expect.stringMatching(/reserved|extended/) as string }]);
}

test("VL-01: killed at random and at every failpoint, the engine never shows half a commit and ends equal", async () => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  const random = new Random(`${seed}/kills`);
  const names = all.map(({ name }) => name);
  await using cluster = await startCluster({ targets: names });
  for (const sql of populationDdl(identities)) await cluster.onMaster(sql);
  await cluster.publish("population", workloadTables);
  const url = cluster.sourceUrl(roles.owner);
  await using workload = await PopulationWorkload.open({ url, seed, writers: 3, changesPerSecond, bigRows: 5_000, truncates: true });
  await workload.preload(rowsAtStart);
  const before = workload.model.changes;
  await using home = await DongboHome.create(configFor(first), populationEnvironment(cluster, names));
  const engine = new EngineUnderFire(home, random);
  const checkers = all.map((entitlement) => {
    const urls = { copy: cluster.targetUrl(entitlement.name, roles.reader), master: cluster.sourceUrl(roles.source) };
    return new PrefixChecker(watchedCopy(entitlement, urls), workload.model);
  });
  await using looking = new Background((signal) => Promise.all(checkers.map((checker) => checker.watch(signal))));
  await using writing = new Background((signal) => workload.run(signal));
  /** Whatever fails in the background ends the test at once. */
  const during = <T>(work: Promise<T>): Promise<T> => looking.during(writing.during(work));
  const phase = Math.ceil(killsMin / 4);

  // The first snapshot.
  for (const name of ["source-after-slot", "snapshot-last-chunk", "snapshot-mid-chunk"]) await during(engine.dieAt({ name }));
  await during(engine.killAtRandomMoments(phase));
  await during(engine.workUntil(workload.model.head, checkers.slice(0, first.length)));

  // A subscription joins while the others stream.
  await engine.down();
  home.writeConfig(configFor(all));
  expect(await home.run(["apply"])).toMatchObject({ code: 0 });
  await during(engine.killAtRandomMoments(phase));
  await during(engine.workUntil(workload.model.head, checkers));

  // One copy is loaded anew while the others stream.
  for (const name of ["snapshot-mid-chunk", "snapshot-last-chunk"]) {
    await engine.down();
    expect(await home.run(["resync", "population/south"])).toMatchObject({ code: 0 });
    await during(engine.dieAt({ name }));
  }
  await during(engine.killAtRandomMoments(phase));
  await during(engine.workUntil(workload.model.head, checkers));

  // Streaming alone.
  for (const name of streamingFailpoints) await during(engine.dieAt({ name, nth: random.between(1, 6) }));
  await during(engine.killAtRandomMoments(Math.max(1, killsMin - 3 * phase)));
  await during(engine.workUntil(workload.model.head, checkers));
  await engine.stop();
  engine.start();
  const enough = () => workload.model.changes - before >= changesMin;
  await during(waitUntil(enough, { describe: `${changesMin} changes`, deadlineMs: 600_000 }));

  await writing.stop();
  await looking.during(engine.workUntil(workload.model.head, checkers, 300_000));
  await engine.stop();
  expect(await home.run(["run", "--until-caught-up"], 300_000)).toMatchObject({ code: 0 });
  await looking.stop();

  console.log(`${workload.summary()}; killed ${engine.killed.atRandom} times at random, at ${engine.killed.atFailpoints.join(" ")}`);
  for (const checker of checkers) console.log(checker.summary());
  expect(checkers.flatMap((checker) => checker.violations)).toEqual([]);
  for (const checker of checkers) expect(checker.sequences.size).toBeGreaterThan(10);
  expect(engine.said("not what the stream took it to be")).toEqual([]);
  expect(workload.model.changes - before).toBeGreaterThanOrEqual(changesMin);
  expect(engine.killed.atRandom).toBeGreaterThanOrEqual(killsMin);
  await expectOneSlot(cluster);
  for (const entitlement of all) {
    const urls = { source: cluster.sourceUrl(roles.source), target: cluster.targetUrl(entitlement.name, roles.reader) };
    const result = await compareAll(entitlement, urls);
    console.log(result.lines.join("\n"));
    expect(result).toMatchObject({ equal: true });
  }
});
