// What networks do to the way between workers and one database.
import { pause } from "../support/wait-until.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import type { Random } from "../workload/random.ts";
import type { Fault } from "./fault.ts";
import type { Scene } from "./scene.ts";

/** Of a slow link: how long it passes nothing, and then everything, in turns. */
const slow = { heldMs: 90, passingMs: 10 } as const;

const kinds: Readonly<Record<string, (proxy: TcpProxy, random: Random) => Promise<void>>> = {
  "link cut": async (proxy, random) => {
    await proxy.refuse();
    proxy.cutAll("reset");
    await pause(random.between(500, 8_000));
    await proxy.accept();
  },
  "link stalled": async (proxy, random) => {
    proxy.pause();
    await pause(random.between(1_000, 15_000));
    proxy.resume();
  },
  "link reset": (proxy, random) => {
    proxy.cutAll(random.pick(["reset", "close"] as const));
    return Promise.resolve();
  },
  "link slow": async (proxy, random) => {
    const until = performance.now() + random.between(3_000, 10_000);
    while (performance.now() < until) {
      proxy.pause();
      await pause(slow.heldMs);
      proxy.resume();
      await pause(slow.passingMs);
    }
  },
  /** Half-open: what was connected stays so and hears nothing any more, also afterwards. */
  "link silent": async (proxy, random) => {
    proxy.blackhole();
    await pause(random.between(500, 6_000));
    proxy.heal();
  },
};

export function linkFaults({ servers }: Scene): Fault[] {
  return Object.entries(kinds).map(([kind, disturb]) => ({
    kind,
    strike: async (random) => {
      const { name, proxy } = random.pick(servers.databases);
      await disturb(proxy, random);
      return name;
    },
  }));
}
