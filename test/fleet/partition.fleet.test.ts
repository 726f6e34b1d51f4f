// A worker on a machine of its own is cut off from everything at once, in silence: control database, Redis, masters and targets. Nobody's
// connection ends. Another takes its sources over; what the one that was cut off does when the wire is whole again changes nothing.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { NetworkNamespace } from "../support/network-namespace.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { FleetStage } from "./fleet-stage.ts";
import { tellTimes } from "./tell-times.ts";

/** `DONGBO_TEST_TAKEOVERS=20` measures it so often. */
const rounds = Number(process.env["DONGBO_TEST_TAKEOVERS"] ?? "1");
const objection = NetworkNamespace.objection();

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Servers of the tests listen on loopback alone, which the other machine has not. */
class Ways implements AsyncDisposable {
  readonly #host: string;
  readonly #proxies = new Map<string, TcpProxy>();

  private constructor(host: string) {
    this.#host = host;
  }

  static async open(host: string, urls: readonly string[]): Promise<Ways> {
    const ways = new Ways(host);
    for (const { port } of urls.map((url) => new URL(url))) {
      if (!ways.#proxies.has(port)) ways.#proxies.set(port, await TcpProxy.start({ host: "127.0.0.1", port: Number(port) }, host));
    }
    return ways;
  }

  to(url: string): string {
    const way = new URL(url);
    way.port = String(this.#proxies.get(way.port)?.port);
    way.hostname = this.#host;
    if (way.protocol === "postgres:") way.searchParams.set("sslmode", "disable");
    return way.href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies.values()) await proxy.close();
  }
}

const why = objection === null ? "" : ` (skipped: ${objection})`;

test.skipIf(objection !== null)(
  `a worker that is cut off from everything in silence is replaced, and harms nothing when it is back${why}`,
  async () => {
    // Leases as they are by default.
    await using stage = await FleetStage.create(cluster, { name: "partition", sources: 2, breaksRedis: true });
    using namespace = NetworkNamespace.create();
    await using ways = await Ways.open(namespace.near, [cluster.source.url(), cluster.target.url(), stage.redis.url()]);
    await using away = await stage.anotherHome((url) => ways.to(url));
    const near = stage.worker();
    const far = away.start(["worker", "--listen", "off"], undefined, namespace.within);
    await stage.allReach(60_000, () => far.describe());
    await using writing = stage.writing();
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const owners = await stage.spread([near, far]);
      await stage.allReach(120_000, () => far.describe());
      const [lost = ""] = [...owners].find(([, pid]) => pid === far.pid) ?? [];
      namespace.cut();
      times.push(await stage.reaches(lost, 120_000, () => near.describe()));
      expect(await stage.owners()).toEqual(new Map(stage.sources.map((source) => [source, near.pid])));
      const taken = await stage.stands();
      namespace.heal();
      await far.waitFor(() => far.stderr.split("another worker has taken the source over").length > round + 1, "the loss to be noticed");
      // Nothing of what it had left to write came through.
      expect((await stage.stands()).get(lost)?.epoch).toBeGreaterThanOrEqual(taken.get(lost)?.epoch ?? Number.POSITIVE_INFINITY);
    }
    tellTimes("forward again after a silent partition", times);
    await stage.spread([near, far]);
    await writing.stop();
    await stage.allReach(120_000, () => far.describe());
    expect(await stage.differences()).toEqual([]);
  },
  300_000 + rounds * 120_000,
);
