// Every pair of source and target families under fire: one master serves copies on PostgreSQL and on MariaDB at once, the engine
// is killed again and again, and whatever a reader saw was the master after one of its commits (VL-01, invariants 1 to 3).
import { expect, test } from "vitest";
import { PrefixChecker } from "../checker/prefix-checker.ts";
import { roles, runSql } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import { runMysql } from "../support/mysql-session.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { Families, type MasterKind } from "../support/two-families.ts";
import { waitUntil } from "../support/wait-until.ts";
import { compareAll, type Entitlement, sharedTables, watchedCopy } from "../workload/population-copies.ts";
import { mysqlPopulationDdl, populationDdl } from "../workload/population-tables.ts";
import { PopulationWorkload, workloadTables } from "../workload/population-workload.ts";
import { Random, runSeed } from "../workload/random.ts";
import { Background } from "./background.ts";
import { EngineUnderFire } from "./engine-under-fire.ts";
import { sizeFromEnvironment } from "./sizes.ts";

const changesMin = sizeFromEnvironment("DONGBO_PAIRS_CHANGES", 50_000);
const killsMin = sizeFromEnvironment("DONGBO_PAIRS_KILLS", 12);
const changesPerSecond = sizeFromEnvironment("DONGBO_PAIRS_PACE", 600);
const rowsAtStart = sizeFromEnvironment("DONGBO_PAIRS_ROWS", 4_000);

/** Looks are taken less often than in the kill test: there are more servers on the same cores. */
const lookEveryMs = 400;

const onPostgres: readonly Entitlement[] = [
  { name: "pgwhole", provinces: null },
  { name: "pgsouth", provinces: ["79", "80"] },
];
const onMysql: readonly Entitlement[] = [
  { name: "mywhole", provinces: null },
  { name: "myhue", provinces: ["46", "01"] },
];
const all = [...onPostgres, ...onMysql];

/** A filter column within the old image by FULL, by an index, and not at all. */
const identities = { citizen: "full", household: "default", residence: "index" } as const;

const streamingFailpoints = [
  "target-before-begin",
  "target-after-rows",
  "target-after-checkpoint",
  "target-commit-sent",
  "target-after-commit",
  "before-acknowledge",
];

function configFor(families: Families): object {
  const make = families.masterKind === "mysql" ? "mysql" : "portable";
  return populationConfig({
    source: { connector: families.masterKind },
    shares: { everything: sharedTables("all", make), population: sharedTables("filtered", make) },
    copies: all.map(({ name, provinces }) => ({
      target: name,
      connector: families.connectorOf(name),
      share: provinces === null ? "everything" : "population",
      ...(provinces === null ? {} : { parameters: { provinces } }),
    })),
  });
}

async function makeTables(families: Families): Promise<void> {
  const owner = families.sourceUrl(roles.owner);
  if (families.masterKind === "mysql") await runMysql(owner, ...mysqlPopulationDdl());
  else {
    await runSql(owner, ...populationDdl(identities, "portable"));
    await families.cluster.publish("population", workloadTables);
  }
}

test.each(["postgres", "mysql"] as const)("VL-01: a master on %s, and copies on both families, under kills", async (kind: MasterKind) => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  const random = new Random(`${seed}/kills`);
  const names = (copies: readonly Entitlement[]) => copies.map(({ name }) => name);
  await using families = await Families.start({ master: kind, postgresTargets: names(onPostgres), mysqlTargets: names(onMysql) });
  await makeTables(families);
  await using workload = await PopulationWorkload.open({
    url: families.sourceUrl(roles.owner),
    make: kind === "mysql" ? "mysql" : "portable",
    seed,
    writers: 3,
    changesPerSecond,
    bigRows: 3_000,
    truncates: true,
  });
  await workload.preload(rowsAtStart);
  const before = workload.model.changes;
  await using home = await DongboHome.create(configFor(families), populationEnvironment(families, names(all)));
  const engine = new EngineUnderFire(home, random);
  const checkers = all.map((entitlement) => {
    const urls = { copy: families.targetUrl(entitlement.name, roles.reader), master: families.sourceUrl(roles.source) };
    return new PrefixChecker(watchedCopy(entitlement, urls), workload.model);
  });
  await using looking = new Background((signal) => Promise.all(checkers.map((checker) => checker.watch(signal, lookEveryMs))));
  await using writing = new Background((signal) => workload.run(signal));
  const during = <T>(work: Promise<T>): Promise<T> => looking.during(writing.during(work));
  const phase = Math.ceil(killsMin / 3);

  // The first snapshot. Nothing is reserved at a MariaDB master.
  const first = kind === "mysql" ? [] : ["source-after-slot"];
  for (const name of [...first, "snapshot-mid-chunk"]) await during(engine.dieAt({ name }));
  await during(engine.killAtRandomMoments(phase));
  await during(engine.workUntil(workload.model.head, checkers));

  // One copy on each family is loaded anew while the others stream.
  await engine.down();
  for (const id of ["population/myhue", "population/pgsouth"]) expect(await home.run(["resync", id])).toMatchObject({ code: 0 });
  await during(engine.dieAt({ name: "snapshot-last-chunk" }));
  await during(engine.killAtRandomMoments(phase));
  await during(engine.workUntil(workload.model.head, checkers));

  // Streaming alone.
  for (const name of streamingFailpoints) await during(engine.dieAt({ name, nth: random.between(1, 8) }));
  await during(engine.killAtRandomMoments(Math.max(1, killsMin - 2 * phase)));
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
  for (const entitlement of all) {
    const urls = { source: families.sourceUrl(roles.source), target: families.targetUrl(entitlement.name, roles.reader) };
    const result = await compareAll(entitlement, urls);
    console.log(result.lines.join("\n"));
    expect(result).toMatchObject({ equal: true });
  }
});
