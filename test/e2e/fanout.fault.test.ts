// 34 partial copies of one source through one slot: a target that is down delays no other, and one that is down too long is
// let go so that the master need not keep its log, and comes back by itself (invariants 8 and 9).
import { expect, test } from "vitest";
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { createProvinces, holdOnMaster, Marks, provinceCodes } from "./provinces-under-watch.ts";
import { sizeFromEnvironment } from "./sizes.ts";

const downSeconds = sizeFromEnvironment("DONGBO_FANOUT_DOWN_SECONDS", { everyday: 20, full: 60 });
/** Log that the master may be made to keep, and backlog that a subscription may have on disk. */
const boundMegabytes = 24;
/** Design section 7; rows are small here. */
const memoryBytesMax = 200 * 1024 * 1024;
const unlucky = "p17";
const others = provinceCodes.filter((code) => code !== unlucky);
const columns = ["id", "mark", "body"];

/** Marks set in all provinces one after the other, each only when all these copies show the one before. */
async function rounds(marks: Marks, codes: readonly string[], untilMs: number): Promise<number[]> {
  const took: number[] = [];
  while (performance.now() < untilMs || took.length < 3) took.push(await marks.reach(await marks.set(), codes, 120_000));
  return took;
}

function describeRounds(name: string, took: readonly number[]): string {
  const ordered = took.toSorted((a, b) => a - b).map(Math.round);
  return `${name}: ${took.length} marks, each in all copies after ${ordered[ordered.length >> 1]} ms (median), ${ordered.at(-1)} ms (worst)`;
}

/** Long rows for all provinces, more of them for the one whose target is down. */
async function writePastBound(cluster: Cluster): Promise<void> {
  const body = "repeat(md5(i::text), 300)";
  for (let part = 0; part < 8; part++) {
    await cluster.onMaster(`INSERT INTO public.registry SELECT '${unlucky}-long-${part}-' || i, '${unlucky}', NULL, ${body}
      FROM generate_series(1, ${boundMegabytes * 20}) AS i`);
    await cluster.onMaster(`INSERT INTO public.registry SELECT '${others[part]}-long-' || i, '${others[part]}', NULL, ${body}
      FROM generate_series(1, 50) AS i`);
  }
}

async function compareProvince(cluster: Cluster, code: string): Promise<void> {
  const side = { columns, key: ["id"] };
  const result = await compareCopy(
    { url: cluster.sourceUrl(roles.source), table: "public.registry", where: `province_code = '${code}'`, ...side },
    { url: cluster.targetUrl(code, roles.reader), table: "population.registry", ...side },
  );
  if (!result.equal || code === unlucky) console.log(describeComparison(code, result));
  expect(result, code).toMatchObject({ equal: true });
}

test("34 copies need one slot and one walsender; a target that is down delays no other, and past the bound it is parked and returns", async () => {
  await using cluster = await startCluster({ targets: provinceCodes, targetSettings: { max_wal_size: "2GB" } });
  await createProvinces(cluster);
  await cluster.publish("population", ["public.registry"]);
  await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: cluster.target.port });
  const throughProxy = cluster.targetUrl(unlucky, roles.target).replace(`:${cluster.target.port}/`, `:${proxy.port}/`);
  const table = {
    source: "public.registry",
    target: "population.registry",
    key: ["id"],
    columns,
    where: { province_code: { in: "$provinces" } },
  };
  const config = populationConfig({
    shares: { registry: [table] },
    copies: provinceCodes.map((code) => ({ target: code, share: "registry", parameters: { provinces: [code] } })),
    source: { limits: { connections: 4, wal_retained_max: `${boundMegabytes}MB`, spool_max: `${boundMegabytes}MB` } },
  });
  await using home = await DongboHome.create(config, populationEnvironment(cluster, provinceCodes, { [unlucky]: throughProxy }));
  await using engine = home.start(["run"]);
  await using marks = await Marks.open(cluster);

  await arrive(engine, marks, provinceCodes);
  const healthy = await rounds(marks, provinceCodes, performance.now() + 5_000);
  console.log(describeRounds("all targets up", healthy));
  expect(await holdOnMaster(cluster)).toMatchObject({ slots: 1, walSenders: 1 });

  // Down for a minute: the others get every mark while it lasts, and it misses them all.
  const missed = await marks.seenIn(unlucky);
  await proxy.refuse();
  proxy.cutAll();
  const down = await rounds(marks, others, performance.now() + downSeconds * 1000);
  console.log(describeRounds("one target down", down));
  expect(await marks.seenIn(unlucky)).toBe(missed);
  expect(await holdOnMaster(cluster)).toMatchObject({ slots: 1, walSenders: 1 });
  await proxy.accept();
  await arrive(engine, marks, provinceCodes);

  // Down past the bound: the master's log is let go while the target is still away.
  await proxy.refuse();
  proxy.cutAll();
  await writePastBound(cluster);
  const before = (await holdOnMaster(cluster)).retainedBytes;
  await engine.waitFor(
    async () => {
      await marks.reach(await marks.set(), others, 60_000);
      return (await holdOnMaster(cluster)).retainedBytes < boundMegabytes * 1024 * 1024;
    },
    "the slot to advance past the target that is down",
    240_000,
  );
  console.log(`${before} bytes of log were kept at first, ${(await holdOnMaster(cluster)).retainedBytes} after parking`);
  expect(await marks.seenIn(unlucky)).toBeLessThan(marks.newest);
  await rounds(marks, others, performance.now());

  await proxy.accept();
  await arrive(engine, marks, provinceCodes);
  expect(await holdOnMaster(cluster)).toMatchObject({ slots: 1, walSenders: 1 });
  const peak = engine.peakRssBytes();
  console.log(`peak resident memory with ${provinceCodes.length} copies: ${Math.round(peak / 1024 / 1024)} MB`);
  expect(peak).toBeLessThan(memoryBytesMax);
  expect(await engine.terminate()).toMatchObject({ code: 0 });
  for (const code of provinceCodes) await compareProvince(cluster, code);
  const [mark] = await runSql(cluster.sourceUrl(roles.owner), "SELECT min(mark) AS mark FROM public.registry");
  expect(Number(mark?.["mark"])).toBe(marks.newest);
});

/** A new mark arrives in all these copies while the engine runs. */
async function arrive(engine: DongboProcess, marks: Marks, codes: readonly string[]): Promise<void> {
  const mark = await marks.set();
  await engine.waitFor(
    async () => (await Promise.all(codes.map((code) => marks.seenIn(code)))).every((seen) => seen !== null && seen >= mark),
    `mark ${mark} in ${codes.length} copies`,
    120_000,
  );
}
