// One transaction of a million rows and one row of 50 MB: applied whole, in memory that does not grow with them (invariant 10).
import { expect, test } from "vitest";
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { pause } from "../support/wait-until.ts";
import { Background } from "./background.ts";
import { sizeFromEnvironment } from "./sizes.ts";

const rows = sizeFromEnvironment("DONGBO_GIANT_ROWS", { everyday: 300_000, full: 1_000_000 });
const rowMegabytes = sizeFromEnvironment("DONGBO_GIANT_ROW_MB", 50);
const megabyte = 1024 * 1024;
/** Design section 7: 200 MB and four times the largest row. */
const memoryMax = 200 * megabyte;
const columns = ["id", "kind", "at", "body"];
const copies = [
  { target: "whole", share: "all", where: undefined },
  { target: "part", share: "some", where: "kind = 'a'" },
] as const;

async function countIn(cluster: Cluster, target: string): Promise<number | null> {
  try {
    const [row] = await runSql(cluster.targetUrl(target, roles.reader), "SELECT count(*) AS n FROM population.event");
    return Number(row?.["n"]);
  } catch (error) {
    if (["DB001", "42P01", "3F000"].includes((error as { code?: string }).code ?? "")) return null;
    throw error;
  }
}

async function expectEqual(cluster: Cluster): Promise<void> {
  for (const { target, where } of copies) {
    const side = { columns, key: ["id"] };
    const master = { url: cluster.sourceUrl(roles.source), table: "public.event", ...side, ...(where === undefined ? {} : { where }) };
    const result = await compareCopy(master, { url: cluster.targetUrl(target, roles.reader), table: "population.event", ...side });
    console.log(describeComparison(target, result));
    expect(result).toMatchObject({ equal: true });
  }
}

/** Waits until both copies hold what the master holds, seen through one cheap question. */
async function arrive(cluster: Cluster, engine: DongboProcess, question: string, describe: string): Promise<void> {
  const answers = await Promise.all(
    copies.map(async ({ where }) => {
      const [row] = await runSql(cluster.sourceUrl(roles.source), `SELECT ${question} AS x FROM public.event WHERE ${where ?? "true"}`);
      return row?.["x"];
    }),
  );
  await engine.waitFor(
    async () => {
      for (const [index, { target }] of copies.entries()) {
        const [row] = await runSql(cluster.targetUrl(target, roles.reader), `SELECT ${question} AS x FROM population.event`);
        if (row?.["x"] !== answers[index]) return false;
      }
      return true;
    },
    describe,
    300_000,
    // Each look costs the copy's server a scan.
    500,
  );
}

function report(engine: DongboProcess, name: string, limit: number): void {
  const peak = engine.peakRssBytes();
  console.log(`${name}: peak resident memory ${Math.round(peak / megabyte)} MB of at most ${Math.round(limit / megabyte)} MB`);
  expect(peak, name).toBeLessThan(limit);
}

test("a transaction of a million rows and a row of 50 MB are applied within the memory goal", async () => {
  const wal = { max_wal_size: "4GB", shared_buffers: "256MB" };
  await using cluster = await startCluster({ targets: copies.map(({ target }) => target), sourceSettings: wal, targetSettings: wal });
  await cluster.onMaster("CREATE TABLE public.event (id bigint PRIMARY KEY, kind text NOT NULL, at timestamptz, body text)");
  await cluster.onMaster("ALTER TABLE public.event ALTER COLUMN body SET STORAGE EXTERNAL");
  await cluster.onMaster("INSERT INTO public.event VALUES (0, 'a', now(), 'first')");
  await cluster.publish("population", ["public.event"]);
  const table = { source: "public.event", target: "population.event", key: ["id"], columns };
  const config = populationConfig({
    shares: { all: [table], some: [{ ...table, where: { kind: "a" } }] },
    copies: copies.map(({ target, share }) => ({ target, share })),
  });
  await using home = await DongboHome.create(
    config,
    populationEnvironment(
      cluster,
      copies.map(({ target }) => target),
    ),
  );
  await using engine = home.start(["run"]);
  await engine.waitFor(
    async () => (await Promise.all(copies.map(({ target }) => countIn(cluster, target)))).every((n) => n === 1),
    "loads",
  );

  // Nobody sees a part of it.
  const seen = new Set<number | null>();
  await using looking = new Background(async (signal) => {
    while (!signal.aborted) {
      seen.add(await countIn(cluster, "whole"));
      await pause(200);
    }
  });
  await cluster.onMaster(`INSERT INTO public.event SELECT i, CASE WHEN i % 10 = 0 THEN 'a' ELSE 'b' END, now(), md5(i::text)
    FROM generate_series(1, ${rows}) AS i`);
  await looking.during(arrive(cluster, engine, "count(*)", `a transaction of ${rows} rows`));
  await looking.stop();
  expect([...seen].filter((count) => count !== 1 && count !== rows + 1)).toEqual([]);
  report(engine, `${rows} rows in one transaction`, memoryMax);

  engine.resetPeakRss();
  const long = (start: string) => `repeat(md5('${start}'), ${(rowMegabytes * megabyte) / 32})`;
  await cluster.onMaster(`INSERT INTO public.event VALUES (-1, 'a', now(), ${long("inserted")})`);
  await arrive(cluster, engine, "max(octet_length(body))", "a long row, inserted");
  await cluster.onMaster(`UPDATE public.event SET body = ${long("updated")} WHERE id = -1`);
  await arrive(cluster, engine, "max(md5(body)) FILTER (WHERE id < 0)", "a long row, updated");
  await cluster.onMaster("UPDATE public.event SET at = 'infinity' WHERE id = -1");
  await arrive(cluster, engine, "max(at)", "a long row, left unchanged by an update");
  report(engine, `a row of ${rowMegabytes} MB`, memoryMax + 4 * rowMegabytes * megabyte);
  expect(await engine.terminate()).toMatchObject({ code: 0 });
  await expectEqual(cluster);
});
