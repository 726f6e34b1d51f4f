// What may happen to workers, servers and Kafka, and all that may happen together.
import { pause } from "../support/wait-until.ts";
import type { Random } from "../workload/random.ts";
import { onRedis } from "../fleet/redis-session.ts";
import type { Fault } from "./fault.ts";
import { linkFaults } from "./link-faults.ts";
import { operatorFaults } from "./operator-faults.ts";
import type { Scene } from "./scene.ts";

/** All that may happen to these servers, or those kinds of it that the plan names; throws for a kind that there is not. */
export function faultsOf(scene: Scene): Fault[] {
  const all = [...workerFaults(scene), ...serverFaults(scene), ...kafkaFaults(scene), ...linkFaults(scene), ...operatorFaults(scene)];
  const kinds = scene.plan.kinds ?? all.map(({ kind }) => kind);
  const unknown = kinds.filter((wanted) => !all.some(({ kind }) => kind === wanted));
  if (unknown.length > 0) throw new Error(`no such faults: ${unknown.join(", ")}; there are ${all.map(({ kind }) => kind).join(", ")}`);
  return all.filter(({ kind }) => kinds.includes(kind));
}

/** The product's own. */
const leaseSecondsDefault = 8;

/** Longer than a lease, so that somebody else takes over meanwhile. */
function beyondLease({ plan }: Scene, random: Random): number {
  const leaseMs = (plan.leaseSeconds ?? leaseSecondsDefault) * 1_000;
  return random.between(leaseMs + 1_500, leaseMs + 6_000);
}

function workerFaults(scene: Scene): Fault[] {
  const { workers } = scene;
  const pick = (random: Random): number => random.between(0, workers.count - 1);
  const on = (kind: string, work: (index: number, random: Random) => Promise<void>): Fault => ({
    kind,
    strike: async (random) => {
      const index = pick(random);
      await work(index, random);
      return `worker ${index + 1}`;
    },
  });
  return [
    on("worker killed", (index, random) => workers.kill(index, random.between(0, 3_000))),
    on("worker stood still", (index, random) => workers.standStill(index, beyondLease(scene, random))),
    on("worker drained", (index) => workers.drain(index)),
  ];
}

interface Killable {
  readonly name: string;
  readonly server: { kill(): Promise<void>; restart(): Promise<void> };
}

async function killed({ name, server }: Killable, downMs: number): Promise<string> {
  await server.kill();
  try {
    await pause(downMs);
  } finally {
    await server.restart();
  }
  return name;
}

function serverFaults({ servers }: Scene): Fault[] {
  const { masters, postgresCopies, mysqlCopies, control, redis } = servers.started;
  const killOne = (kind: string, databases: readonly Killable[]): Fault[] =>
    databases.length === 0 ? [] : [{ kind, strike: (random) => killed(random.pick(databases), random.between(0, 4_000)) }];
  const away = async (what: { stop(): Promise<void>; restart(): Promise<void> }, ms: number): Promise<void> => {
    await what.stop();
    await pause(ms);
    await what.restart();
  };
  return [
    ...killOne("target PostgreSQL killed", [postgresCopies]),
    ...killOne("target MariaDB killed", [...mysqlCopies.values()]),
    ...killOne("master killed", [...masters.values()]),
    {
      kind: "control database stopped",
      strike: async (random) => {
        const how = random.pick(["fast", "immediate"] as const);
        await away({ stop: () => control.stop(how), restart: () => control.restart() }, random.between(1_000, 12_000));
        return how;
      },
    },
    {
      kind: "Redis restarted",
      strike: async () => {
        await away(redis, 0);
        return "";
      },
    },
    {
      kind: "Redis emptied",
      strike: async () => {
        await onRedis(redis, (client) => client.flushall());
        return "";
      },
    },
    {
      kind: "Redis away",
      strike: async (random) => {
        await away(redis, random.between(3_000, 10_000));
        return "";
      },
    },
  ];
}

function kafkaFaults({ servers, keeper }: Scene): Fault[] {
  const { kafka } = servers.started;
  if (kafka === null || keeper === null) return [];
  const fault = (kind: string, blow: () => Promise<void>): Fault => ({
    kind,
    strike: async () => {
      await blow();
      return "";
    },
  });
  return [
    fault("Kafka broker killed", () => kafka.killBroker()),
    fault("Connect worker killed", () => kafka.killWorker()),
    // One that gives up while it starts is its keeper's business.
    fault("connector restarted", () => kafka.rest.restartConnector(keeper.name).catch(() => {})),
  ];
}
