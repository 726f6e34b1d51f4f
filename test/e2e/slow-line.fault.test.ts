// A line that takes 300 ms, to the master and to the target: slower, and nothing else. Nobody takes the server at its end for dead.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { pause } from "../support/wait-until.ts";
import { Background } from "./background.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const heldMs = 300;
const passingMs = 10;
const citizen = { source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const rows = 20_000;
const tables = [
  "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text)",
  `INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i FROM generate_series(1, ${rows}) AS i`,
];

function slow(proxies: readonly TcpProxy[]): Background {
  return new Background(async (signal) => {
    while (!signal.aborted) {
      for (const proxy of proxies) proxy.pause();
      await pause(heldMs);
      for (const proxy of proxies) proxy.resume();
      await pause(passingMs);
    }
  });
}

function through(url: string, proxy: TcpProxy): string {
  const way = new URL(url);
  way.port = String(proxy.port);
  return way.href;
}

test("a slow line to master and target delays a load and a stream, and breaks neither", async () => {
  await using toMaster = await TcpProxy.start({ host: "127.0.0.1", port: cluster.source.port });
  await using toTarget = await TcpProxy.start({ host: "127.0.0.1", port: cluster.target.port });
  await using stage = await Stage.create(cluster, {
    name: "slow",
    master: tables,
    shares: { population: [citizen] },
    copies: [{ target: "hcm", share: "population" }],
    urls: {
      master: through(cluster.source.url("m_slow", roles.source, null), toMaster),
      hcm: through(cluster.target.url("slow_hcm", roles.target, null), toTarget),
    },
  });
  await using line = slow([toMaster, toTarget]);
  const count = "SELECT count(*) FROM population.citizen";
  stage.start();
  await line.during(stage.shows("hcm", count, [[String(rows)]]));
  for (let id = 1; id <= 200; id++) {
    await stage.onMaster(
      `UPDATE public.citizen SET full_name = 'Đổi ' || id WHERE id % 200 = ${id % 200}`,
      `DELETE FROM public.citizen WHERE id = ${id}`,
    );
  }
  await line.during(stage.shows("hcm", count, [[String(rows - 200)]]));
  const engine = await stage.stop();
  expect(engine.stderr).not.toMatch(/retries/);
  await line.stop();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
});
