// The master comes first also where nobody is left to be served: past the bound it may forget what it kept (invariant 9).
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen = { source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const megabyte = 1024 * 1024;

async function behindBytes(stage: Stage): Promise<number> {
  const [row] = await stage.onMasterAsSuperuser(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), confirmed_flush_lsn) AS bytes FROM pg_replication_slots WHERE slot_name = '${stage.slot}'`,
  );
  return Number(row?.["bytes"]);
}

/** About 12 MB of log for the copy. */
async function writePastBound(stage: Stage, from: number): Promise<void> {
  await stage.onMaster(`INSERT INTO public.citizen SELECT i, repeat(md5(i::text), 30) FROM generate_series(${from}, ${from + 9_999}) AS i`);
}

test("the only copy's target is away, before the engine starts and while it runs: past the bound the log is let go, and the copy comes back", async () => {
  await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: cluster.target.port });
  const url = cluster.target.url("letgo_hcm", roles.target, null).replace(`:${cluster.target.port}/`, `:${proxy.port}/`);
  await using stage = await Stage.create(cluster, {
    name: "letgo",
    master: ["CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text)", "INSERT INTO public.citizen VALUES (1, 'Nguyễn')"],
    shares: { population: [citizen] },
    copies: [{ target: "hcm", share: "population" }],
    source: { limits: { wal_retained_max: "4MB" } },
    urls: { hcm: url },
  });
  await stage.catchUp();
  for (const from of [10_000, 50_000]) {
    await proxy.refuse();
    proxy.cutAll();
    const engine = stage.start();
    await writePastBound(stage, from);
    await writePastBound(stage, from + 10_000);
    expect(await behindBytes(stage)).toBeGreaterThan(4 * megabyte);
    await waitUntil(async () => (await behindBytes(stage)) < 4 * megabyte, {
      describe: "the slot to advance although the target is away",
      deadlineMs: 90_000,
      everyMs: 250,
      detail: () => engine.describe(),
    });
    expect((await stage.home.run(["status"])).code).toBe(5);
    await proxy.accept();
    await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [[String(from < 50_000 ? 20_001 : 40_001)]]);
    expect(await stage.differences("hcm", citizen)).toEqual([]);
  }
});
