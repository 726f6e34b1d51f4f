// The control database is killed, or one worker is cut off from it: what is owned goes on, and nobody fights.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster, startServer } from "../support/cluster.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { FleetStage } from "./fleet-stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

test("while the control database is dead sources are streamed, commands say why they cannot, and owners stay what they are", async () => {
  await using server = await startServer(18, {});
  await using stage = await FleetStage.create(cluster, { name: "dead", sources: 2, lease: "PT3S", controlUrl: server.url() });
  const workers = [stage.worker(), stage.worker()] as const;
  await stage.allReach(60_000, () => workers[0].describe());
  const owners = await stage.spread(workers);
  await using writing = stage.writing();
  // Whoever has just taken a source needs the control database to begin with it.
  await stage.allReach(60_000, () => workers[1].describe());
  const before = await stage.stands();
  await server.stop("immediate");
  for (const worker of workers) await worker.waitForOutput(/leases cannot be renewed, what is owned goes on/);
  // Longer than any lease.
  await pause(4_000);
  await stage.allReach();
  const [source = ""] = stage.sources;
  const refused = await stage.home.run(["suspend", `${source}/${source}`, "--reason", "maintenance"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/DB-CTL-001: control database.*Start it/);
  expect((await stage.status()).control.problem?.code).toBe("DB-CTL-001");
  await server.restart();
  for (const worker of workers) await worker.waitForOutput(/the control database answers again/);
  await stage.home.json(["suspend", `${source}/${source}`, "--reason", "maintenance"]);
  await stage.home.json(["resume", `${source}/${source}`]);
  expect(await stage.spread(workers)).toEqual(owners);
  await stage.allReach();
  for (const [id, { epoch }] of await stage.stands()) expect(epoch).toBe(before.get(id)?.epoch);
  await writing.stop();
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
});

test("a worker that is cut off from the control database is replaced, cannot take its copies back, and frees the master's slot", async () => {
  await using stage = await FleetStage.create(cluster, { name: "cut", sources: 2, lease: "PT3S" });
  const control = new URL(stage.controlUrl());
  await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: Number(control.port) });
  control.port = String(proxy.port);
  await using far = await stage.anotherHome((url) => (url === stage.controlUrl() ? control.href : url));
  const cut = far.start(["worker", "--listen", "off"]);
  await cut.waitForOutput(/source taken/);
  const near = stage.worker();
  await stage.spread([cut, near]);
  await stage.allReach(60_000, () => cut.describe());
  await using writing = stage.writing();
  await proxy.refuse();
  proxy.cutAll();
  await stage.spread([near]);
  await stage.allReach(60_000, () => near.describe());
  await cut.waitForOutput(/was written by another process and rests/);
  const taken = await stage.stands();
  await stage.allReach();
  // The one that was cut off has tried nothing more: the epochs are those of the one that has the leases.
  const terms = (stands: typeof taken): number[] => [...stands.values()].map(({ epoch }) => epoch);
  expect(terms(await stage.stands())).toEqual(terms(taken));
  await proxy.accept();
  await cut.waitForOutput(/another worker has taken the source over/);
  await stage.spread([cut, near]);
  await writing.stop();
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
  await waitUntil(async () => (await stage.status()).workers.filter(({ state }) => state === "live").length === 2, {
    describe: "both workers to be seen",
    everyMs: 500,
  });
});
