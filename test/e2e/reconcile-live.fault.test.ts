// RC-09: a copy is reconciled while its master is written and the engine is paused, killed and left down, and while commits that
// have reached the copy are not yet to be seen at the master. What was damaged is found, all of it, and nothing else is named.
import { expect, test } from "vitest";
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { Random, runSeed } from "../workload/random.ts";
import { Background } from "./background.ts";
import { CopyDamage } from "./copy-damage.ts";
import { HiddenCommits } from "./hidden-commits.ts";
import { copiedProvinces, copyColumns, LivePopulation, parts } from "./live-population.ts";
import { onlyTable, reconcile, reconciled, type ReconciledTable, type Reconciliation } from "./reconciling.ts";
import { sizeFromEnvironment } from "./sizes.ts";
import { SupervisedEngine } from "./supervised-engine.ts";

const rows = sizeFromEnvironment("DONGBO_RECONCILE_ROWS", { everyday: 100_000, full: 1_000_000 });
const runs = sizeFromEnvironment("DONGBO_RECONCILE_RUNS", { everyday: 4, full: 50 });
/** Transactions a second. */
const writes = sizeFromEnvironment("DONGBO_RECONCILE_WRITES", 1_000);
/** Once the engine is down as long as that while a copy is compared. */
const lagSeconds = sizeFromEnvironment("DONGBO_RECONCILE_LAG_SECONDS", { everyday: 8, full: 60 });
const runDeadlineMs = sizeFromEnvironment("DONGBO_RECONCILE_DEADLINE_SECONDS", { everyday: 170, full: 600 }) * 1_000;
const counts = [0, 1, 17, 5_000] as const;

interface Scene {
  readonly cluster: Cluster;
  readonly home: DongboHome;
  readonly population: LivePopulation;
  readonly engine: SupervisedEngine;
  readonly random: Random;
}

const copyDatabase = "hcm";

async function openHome(cluster: Cluster): Promise<DongboHome> {
  const table = {
    source: "public.citizen",
    target: "population.citizen",
    key: ["id"],
    columns: copyColumns,
    where: { province: { in: "$provinces" } },
  };
  const config = populationConfig({
    shares: { population: [table] },
    copies: [{ target: copyDatabase, share: "population", parameters: { provinces: copiedProvinces } }],
  });
  return DongboHome.create(config, populationEnvironment(cluster, [copyDatabase]));
}

/** Rows are changed, moved over the border of the filter both ways, deleted and given another number by commits that nobody sees yet. */
async function hideCommits({ cluster, population, random }: Scene, hidden: HiddenCommits, run: number): Promise<void> {
  const pick = (outside: boolean, count: number) => population.pick(random, count, { part: parts.hidden, outside });
  const [changed = 0, leaves = 0, gone = 0, moved = 0] = pick(false, 4);
  const [comes = 0] = pick(true, 1);
  const mark = `ẩn ${run}`;
  // What an earlier run did to them is undone first, for all to see.
  const all = [changed, leaves, gone, moved, comes].join();
  await runSql(
    cluster.sourceUrl(roles.owner),
    `INSERT INTO public.citizen SELECT id, '79', 'Nguyễn Thị ' || id, '2000-01-01', 0, '2026-01-01', NULL FROM unnest(ARRAY[${all}]::bigint[]) AS id
       ON CONFLICT (id) DO UPDATE SET province = '79', note = NULL`,
    `UPDATE public.citizen SET province = '01' WHERE id = ${comes}`,
  );
  // Numbers of the same part that no row has: behind the last one.
  const free = 50 * (Math.ceil(population.rows / 50) + 10 + run) + parts.hidden[0];
  await hidden.begin();
  await hidden.commit(
    `UPDATE public.citizen SET note = '${mark}' WHERE id = ${changed}`,
    `UPDATE public.citizen SET province = '01', note = '${mark}' WHERE id = ${leaves}`,
    `UPDATE public.citizen SET province = '79', note = '${mark}' WHERE id = ${comes}`,
    `DELETE FROM public.citizen WHERE id = ${gone}`,
    `UPDATE public.citizen SET id = ${free} WHERE id = ${moved}`,
  );
  const inCopy = `SELECT count(*) FILTER (WHERE note = '${mark}') AS marked, count(*) AS n FROM population_copy.citizen WHERE id IN (${all}, ${free})`;
  await waitUntil(
    async () => {
      const [row] = await runSql(cluster.target.url(copyDatabase), inCopy);
      return row?.["marked"] === "2" && row["n"] === "3";
    },
    { describe: "the copy to have what the master hides", deadlineMs: 60_000 },
  );
}

/** Pauses and kills at moments chosen by chance, as long as the command runs. */
async function trouble({ cluster, engine, random }: Scene, running: DongboProcess, downMs: number | null): Promise<void> {
  if (downMs !== null) {
    // Not before it has found the engine running: it would be the engine itself.
    const asking = "SELECT FROM pg_stat_activity WHERE application_name = 'dongbo reconcile'";
    await waitUntil(async () => running.exit !== null || (await runSql(cluster.source.url(), asking)).length > 0, {
      describe: "the comparison to begin",
    });
    await engine.killFor(downMs);
  }
  for (let left = random.between(1, 3); left > 0; left--) {
    await Promise.race([pause(random.between(100, 2_000)), running.exited]);
    if (running.exit !== null) return;
    if (random.chance(0.5)) await engine.pauseFor(random.between(200, 3_000));
    else await engine.killFor(random.between(0, 1_500));
  }
}

/** One comparison in the midst of everything. */
async function reconcileUnderFire(scene: Scene, damage: CopyDamage, run: number): Promise<Reconciliation> {
  const { cluster, home, random } = scene;
  await using hidden = new HiddenCommits(cluster);
  await hideCommits(scene, hidden, run);
  const running = home.start(["reconcile", "--fast", "--subscription", "population/hcm", "--json"]);
  const release = async (): Promise<void> => {
    await pause(random.between(500, 5_000));
    await hidden.release();
  };
  const edit = async (): Promise<void> => {
    for (const at of [0, 1, 2]) {
      await pause(random.between(100, 1_500));
      await damage.editLate(at);
    }
  };
  const [report] = await Promise.all([
    reconciled(running, runDeadlineMs),
    trouble(scene, running, run === 1 ? lagSeconds * 1_000 : null),
    release(),
    edit(),
  ]);
  return report;
}

/** Compares until there is a verdict; one that is not reached in the midst of trouble must say why, and name nothing that is not so. */
async function judge(scene: Scene, damage: CopyDamage, run: number): Promise<string[]> {
  const lines: string[] = [];
  for (let tries = 1; tries <= 3; tries++) {
    const started = performance.now();
    const report = tries === 1 ? await reconcileUnderFire(scene, damage, run) : await reconcile(scene.home, [], runDeadlineMs);
    const table = onlyTable(report);
    const sent = `${Math.round(table.bytes_sent / 1024)} KiB sent`;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    lines.push(
      `run ${run}: ${damage.count} damaged, ${countOf(table)} found of ${table.rows_checked} rows in ${seconds} s, ${sent}, ${report.verdict}, ${table.unsettled} unsettled`,
    );
    console.log(lines.at(-1));
    const mistakes = damage.mistakes(table);
    const claims = mistakes.filter((mistake) => mistake.includes("wrongly") || mistake.includes("differs in"));
    expect(claims, lines.at(-1)).toEqual([]);
    if (report.code === 4) {
      expect(table.problem?.code).toMatch(/^DB-REC-\d{3}$/);
      console.log(`  ${table.problem?.code}: ${table.problem?.cause}`);
      continue;
    }
    expect(mistakes, lines.at(-1)).toEqual([]);
    expect(table.unsettled).toBe(0);
    return lines;
  }
  throw new Error(`no verdict in three attempts:\n${lines.join("\n")}`);
}

function countOf(table: ReconciledTable): number {
  return table.missing_count + table.extra_count + table.different_count + table.duplicate_count;
}

test("RC-09: under writers, kills, pauses, lag and commits that are not visible yet, exactly what was damaged is found", async () => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  const random = new Random(`${seed}/reconcile`);
  await using cluster = await startCluster({ targets: [copyDatabase], sourceSettings: { max_connections: 60 } });
  const population = await LivePopulation.create(cluster, rows);
  await using home = await openHome(cluster);
  expect(await home.run(["run", "--until-caught-up"], 300_000)).toMatchObject({ code: 0 });
  const engine = new SupervisedEngine(home);
  const scene: Scene = { cluster, home, population, engine, random };
  let written = 0;
  await using supervising = new Background((signal) => engine.keepRunning(signal));
  await using writing = new Background(async (signal) => {
    written = await population.write(writes, signal);
  });
  const during = <T>(work: Promise<T>): Promise<T> => supervising.during(writing.during(work));

  // Each of them, in an order of chance.
  const order = counts
    .map((count) => ({ count, at: random.fraction() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ count }) => count);
  for (let run = 0; run < runs; run++) {
    const count = Math.min(order[run] ?? random.pick(counts), rows / 20);
    const damage = await CopyDamage.inflict(cluster.target.url(copyDatabase), population, random, count);
    await during(judge(scene, damage, run));
    if (count > 17) {
      await damage.undo();
      // The verdict that it differs stands until it is compared again.
      expect(await during(reconcile(home, ["--fast"], runDeadlineMs))).toMatchObject({ code: 0 });
    } else {
      // So few are repaired while everything goes on.
      const repaired = onlyTable(await during(reconcile(home, ["--fast", "--repair", "auto"], runDeadlineMs)));
      expect(repaired.repaired).toBe(countOf(repaired));
      await damage.expectUndone();
    }
  }

  await writing.stop();
  await supervising.stop();
  const caughtUp = await home.run(["run", "--until-caught-up"], 300_000);
  expect(caughtUp, caughtUp.stderr).toMatchObject({ code: 0 });
  const { kills, pauses, starts, refused } = engine.history;
  console.log(`${written} transactions; the engine was killed ${kills} times, paused ${pauses}, started ${starts}, refused ${refused}`);
  const side = { key: ["id"], columns: copyColumns };
  const result = await compareCopy(
    { url: cluster.sourceUrl(roles.source), table: "public.citizen", where: `province IN ('${copiedProvinces.join("','")}')`, ...side },
    { url: cluster.targetUrl(copyDatabase, roles.reader), table: "population.citizen", ...side },
  );
  console.log(describeComparison(copyDatabase, result));
  expect(result).toMatchObject({ equal: true });
  expect(await reconcile(home, [], runDeadlineMs)).toMatchObject({ code: 0 });
});
