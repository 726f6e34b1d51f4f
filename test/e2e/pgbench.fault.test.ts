// pgbench's bank under its standard script, with the engine killed three times: money is never half moved in a copy (invariant 1).
import { expect, test } from "vitest";
import { BalanceChecker } from "../checker/balance-checker.ts";
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import { roles, runSql, startCluster } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { pause } from "../support/wait-until.ts";
import { Random, runSeed } from "../workload/random.ts";
import { createTpcbTables, runTpcb, tpcbTables } from "../workload/tpcb.ts";
import { Background } from "./background.ts";
import { EngineUnderFire } from "./engine-under-fire.ts";
import { sizeFromEnvironment } from "./sizes.ts";

const seconds = sizeFromEnvironment("DONGBO_PGBENCH_SECONDS", 60);
const targets = ["first", "second"];

test("VL-01: sums over branches, tellers, accounts and history agree in every look at a copy, and full copies end equal", async () => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  await using cluster = await startCluster({ targets });
  const owner = cluster.sourceUrl(roles.owner);
  await createTpcbTables(owner, 1);
  await cluster.publish(
    "population",
    Object.keys(tpcbTables).map((name) => `public.${name}`),
  );
  const tables = Object.entries(tpcbTables).map(([name, { key, columns }]) => {
    return { source: `public.${name}`, target: `bank.${name}`, key: [key], columns };
  });
  const copies = targets.map((target) => ({ target, share: "bank" }));
  await using home = await DongboHome.create(
    populationConfig({ shares: { bank: tables }, copies }),
    populationEnvironment(cluster, targets),
  );
  const random = new Random(`${seed}/kills`);
  const engine = new EngineUnderFire(home, random);
  const checkers = targets.map((target) => new BalanceChecker(cluster.targetUrl(target, roles.reader), "bank"));
  await using looking = new Background((signal) => Promise.all(checkers.map((checker) => checker.watch(signal))));
  let transactions = 0;
  await using writing = new Background(async (signal) => {
    transactions = await runTpcb({ url: owner, scale: 1, clients: 4, seed }, signal);
  });

  const started = performance.now();
  for (let kill = 1; kill <= 3; kill++) {
    engine.start();
    // The first blow falls into the load, the others into streaming; each third of the time gets one.
    const moment = ((kill - 1 + 0.1 + 0.8 * random.fraction()) / 3) * seconds * 1000;
    await looking.during(writing.during(pause(Math.max(0, moment - (performance.now() - started)))));
    await engine.down();
  }
  const running = engine.start();
  await looking.during(writing.during(pause(Math.max(0, seconds * 1000 - (performance.now() - started)))));
  await writing.stop();

  const written = Number((await runSql(owner, "SELECT count(*) AS n FROM public.pgbench_history"))[0]?.["n"]);
  await looking.during(
    running.waitFor(() => checkers.every(({ newest }) => newest === written), `copies at ${written} transactions`, 120_000),
  );
  await looking.stop();
  expect(await running.terminate()).toMatchObject({ code: 0 });
  for (const { looks, sizes, violations } of checkers) {
    console.log(`${looks.total} looks, ${looks.agreeing} agreeing at ${sizes.size} commits, ${looks.refused} refused`);
    expect(violations).toEqual([]);
    expect(sizes.size).toBeGreaterThan(10);
  }
  console.log(`${transactions} transactions, ${Math.round(written / seconds)} a second`);
  for (const target of targets) {
    for (const [name, { key, columns }] of Object.entries(tpcbTables)) {
      const side = { columns, key: [key] };
      const copy = { url: cluster.targetUrl(target, roles.reader), table: `bank.${name}`, ...side };
      const result = await compareCopy({ url: cluster.sourceUrl(roles.source), table: `public.${name}`, ...side }, copy);
      console.log(describeComparison(`${target}.${name}`, result));
      expect(result).toMatchObject({ equal: true });
    }
  }
});
