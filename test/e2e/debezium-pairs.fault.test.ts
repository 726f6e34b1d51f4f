// Copies on both families fed through real Debezium and Kafka, while engines, broker, Connect worker and connector are killed and
// restarted: with the transaction topic whatever a reader saw was the master after one of its commits; without it, in slices that
// several engines share, no row ever went back or left what its copy is entitled to (VL-01, invariants 1 to 3).
import { afterAll, beforeAll, expect, test } from "vitest";
import { KeyOrderChecker } from "../checker/key-order-checker.ts";
import { PrefixChecker } from "../checker/prefix-checker.ts";
import { roles, runSql } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import { runMysql } from "../support/mysql-session.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { topicLength } from "../support/topic-reader.ts";
import { Families, type MasterKind } from "../support/two-families.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { compareAll, type Entitlement, sharedTables, watchedCopy } from "../workload/population-copies.ts";
import { mysqlPopulationDdl, populationDdl } from "../workload/population-tables.ts";
import { PopulationWorkload, workloadTables } from "../workload/population-workload.ts";
import { Random, runSeed } from "../workload/random.ts";
import { Background } from "./background.ts";
import { type DebeziumPlan, PlannedConnector } from "./debezium-stage.ts";
import { EngineUnderFire } from "./engine-under-fire.ts";
import { KafkaUnderFire } from "./kafka-under-fire.ts";
import { sizeFromEnvironment } from "./sizes.ts";

const changesMin = sizeFromEnvironment("DONGBO_DEBEZIUM_CHANGES", { everyday: 12_000, full: 25_000 });
const rounds = sizeFromEnvironment("DONGBO_DEBEZIUM_ROUNDS", { everyday: 1, full: 2 });
const changesPerSecond = sizeFromEnvironment("DONGBO_DEBEZIUM_PACE", 500);
const rowsAtStart = sizeFromEnvironment("DONGBO_DEBEZIUM_ROWS", 1_500);
const lookEveryMs = 500;

const copies: readonly Entitlement[] = [
  { name: "pgwhole", provinces: null },
  { name: "pgsouth", provinces: ["79", "80"] },
  { name: "mywhole", provinces: null },
  { name: "myhue", provinces: ["46", "01"] },
];
const nameOf = ({ name }: Entitlement) => name;

let kafka: KafkaUnderFire;
beforeAll(async () => {
  kafka = await KafkaUnderFire.start();
});
afterAll(async () => kafka?.[Symbol.asyncDispose]());

function startFamilies(master: MasterKind): Promise<Families> {
  const targets = { postgresTargets: ["pgwhole", "pgsouth"], mysqlTargets: ["mywhole", "myhue"] };
  return Families.start({ master, ...targets });
}

function configFor(families: Families, connector: PlannedConnector): object {
  const make = families.masterKind === "mysql" ? "mysql" : "portable";
  return populationConfig({
    source: connector.source(),
    shares: { everything: sharedTables("all", make), population: sharedTables("filtered", make) },
    copies: copies.map(({ name, provinces }) => ({
      target: name,
      connector: families.connectorOf(name),
      share: provinces === null ? "everything" : "population",
      ...(provinces === null ? {} : { parameters: { provinces } }),
    })),
  });
}

/** One master with its workload, and the connector that reads it. */
class Scene implements AsyncDisposable {
  readonly families: Families;
  readonly connector: PlannedConnector;
  readonly workload: PopulationWorkload;
  readonly #homes: DongboHome[] = [];

  private constructor(families: Families, connector: PlannedConnector, workload: PopulationWorkload) {
    this.families = families;
    this.connector = connector;
    this.workload = workload;
  }

  /** `prepare` makes the tables. */
  static async open(
    plan: DebeziumPlan,
    { seed, writers }: { readonly seed: string; readonly writers: number },
    prepare: (families: Families) => Promise<unknown>,
  ): Promise<Scene> {
    const families = await startFamilies(plan.master);
    await prepare(families);
    const make = plan.master === "mysql" ? "mysql" : "portable";
    const pace = { writers, changesPerSecond, bigRows: 2_000, truncates: true };
    const workload = await PopulationWorkload.open({ url: families.sourceUrl(roles.owner), make, seed, ...pace });
    await workload.preload(rowsAtStart);
    return new Scene(families, new PlannedConnector(kafka, plan), workload);
  }

  /** Another process with the same configuration and a data folder of its own. */
  async engine(random: Random): Promise<EngineUnderFire> {
    const environment = populationEnvironment(this.families, copies.map(nameOf));
    const home = await DongboHome.create(configFor(this.families, this.connector), environment);
    this.#homes.push(home);
    return new EngineUnderFire(home, random);
  }

  async capture(): Promise<void> {
    const schema = this.families.masterKind === "mysql" ? "national" : "public";
    const { name, config } = this.connector.on(
      this.families,
      workloadTables.map((table) => `${schema}.${table}`),
    );
    await kafka.rest.createConnector(name, config);
  }

  /** What may happen to everything between master and engine. */
  blows(): Record<string, () => Promise<void>> {
    return {
      broker: () => kafka.killBroker(),
      worker: () => kafka.killWorker(),
      connector: () => kafka.rest.restartConnector(this.connector.name),
    };
  }

  /** Waits for copies to have all; where they do not come to that, the error says how far connector and topics are. */
  async arrival(work: Promise<unknown>): Promise<void> {
    await work.catch(async (error: unknown) => {
      const status = JSON.stringify(await kafka.rest.status(this.connector.name));
      const schema = this.families.masterKind === "mysql" ? "national" : "public";
      const topics = ["transaction", ...workloadTables.map((table) => `${schema}.${table}`)].map(
        (name) => `${this.connector.name}.${name}`,
      );
      const lengths = await Promise.all(topics.map(async (topic) => `${topic}: ${await topicLength(kafka.brokers, topic)}`));
      throw new Error(`the master is at transaction ${this.workload.model.head}; ${lengths.join(", ")}; ${status}`, { cause: error });
    });
  }

  /** Brings everything to its end and judges it. */
  async expectEqual(): Promise<void> {
    const [home] = this.#homes;
    expect(await home?.run(["run", "--until-caught-up"], 120_000)).toMatchObject({ code: 0 });
    for (const entitlement of copies) {
      const urls = { source: this.families.sourceUrl(roles.source), target: this.families.targetUrl(entitlement.name, roles.reader) };
      const result = await compareAll(entitlement, urls);
      console.log(result.lines.join("\n"));
      expect(result).toMatchObject({ equal: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#homes.map((home) => home[Symbol.asyncDispose]()));
    await kafka.rest.deleteConnector(this.connector.name).catch(() => {});
    await this.workload[Symbol.asyncDispose]();
    await this.families[Symbol.asyncDispose]();
  }
}

/** All blows, as often as there are rounds, each round in another order. Gives how often each fell. */
async function strike(blows: Readonly<Record<string, () => Promise<void>>>, random: Random): Promise<string> {
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(blows).toSorted(() => random.between(-1, 1));
    for (const [, blow] of order) {
      await blow();
      // Some find what they hit still busy with the blow before.
      await pause(random.between(100, 2_500));
    }
  }
  return `each ${rounds} times: ${Object.keys(blows).join(", ")}`;
}

test("VL-01: PostgreSQL with the transaction topic shows only the master's own states", async () => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  const random = new Random(`${seed}/blows`);
  // A direct connection for what the topics do not carry: unchanged long values of rows that come into a copy.
  const plan: DebeziumPlan = { master: "postgres", transactions: true, source: { master: "${env:POPULATION_URL}" } };
  // One writer: this connector, when it starts again, leaves out the first changes of a transaction that had begun before the last commit
  // that it noted, if the next record of the log is that transaction's (Debezium 3.5, WalPositionLocator).
  await using scene = await Scene.open(plan, { seed, writers: 1 }, ({ cluster }) =>
    runSql(cluster.sourceUrl(roles.owner), ...populationDdl({ citizen: "default", household: "default", residence: "full" }, "portable")),
  );
  const { workload, families } = scene;
  await scene.capture();
  const before = workload.model.changes;
  const engine = await scene.engine(random);
  const standby = await scene.engine(random);
  const checkers = copies.map((entitlement) => {
    const urls = { copy: families.targetUrl(entitlement.name, roles.reader), master: families.sourceUrl(roles.source) };
    return new PrefixChecker(watchedCopy(entitlement, urls), workload.model);
  });
  await using looking = new Background((signal) => Promise.all(checkers.map((checker) => checker.watch(signal, lookEveryMs))));
  await using writing = new Background((signal) => workload.run(signal));
  const during = <T>(work: Promise<T>): Promise<T> => looking.during(writing.during(work));

  await during(engine.dieAt({ name: "snapshot-mid-chunk" }));
  await during(scene.arrival(engine.workUntil(workload.model.head, checkers)));
  for (const name of ["target-after-rows", "target-commit-sent"]) await during(engine.dieAt({ name, nth: random.between(1, 5) }));
  const blows = {
    ...scene.blows(),
    engine: () => engine.killAtRandomMoments(2),
    // A second engine stands by and takes over from a killed one.
    standby: async () => {
      standby.start();
      await engine.killAtRandomMoments(1);
      await pause(random.between(500, 3_000));
      engine.start();
      await standby.down();
    },
  };
  console.log(await during(strike(blows, random)));
  engine.start();
  await during(waitUntil(() => workload.model.changes - before >= changesMin, { describe: `${changesMin} changes`, deadlineMs: 300_000 }));
  await writing.stop();
  await kafka.rest.waitUntilRunning(scene.connector.name);
  await looking.during(scene.arrival(engine.workUntil(workload.model.head, checkers, 180_000)));
  await engine.stop();
  await looking.stop();

  console.log(workload.summary());
  for (const checker of checkers) console.log(checker.summary());
  expect(checkers.flatMap((checker) => checker.violations)).toEqual([]);
  for (const checker of checkers) expect(checker.sequences.size).toBeGreaterThan(5);
  expect(workload.model.changes - before).toBeGreaterThanOrEqual(changesMin);
  await scene.expectEqual();
});

test("VL-01: MariaDB without it, in slices that engines share, sets no row back", async () => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  const random = new Random(`${seed}/blows`);
  const plan: DebeziumPlan = { master: "mysql", partitions: 3, source: { slices: 2 } };
  await using scene = await Scene.open(plan, { seed, writers: 3 }, (families) =>
    runMysql(families.sourceUrl(roles.owner), ...mysqlPopulationDdl()),
  );
  const { workload, families } = scene;
  const newest = async () => {
    const [row] = await runMysql(families.sourceUrl(roles.source), "SELECT seq FROM ledger");
    return Number(row?.["seq"]);
  };
  const checkers = copies.map((entitlement) => {
    return new KeyOrderChecker(
      watchedCopy(entitlement, { copy: families.targetUrl(entitlement.name, roles.reader) }),
      workload.model,
      newest,
    );
  });
  const before = workload.model.changes;
  const engines = [await scene.engine(random), await scene.engine(random)];
  const third = await scene.engine(random);
  await using looking = new Background((signal) => Promise.all(checkers.map((checker) => checker.watch(signal, lookEveryMs))));
  await using writing = new Background((signal) => workload.run(signal));
  const during = <T>(work: Promise<T>): Promise<T> => looking.during(writing.during(work));

  await during(scene.capture());
  const allStart = () => {
    for (const engine of engines) engine.start();
  };
  allStart();
  const loaded = () => checkers.every((checker) => checker.looks.read > 0);
  const detail = async () =>
    [...checkers.map((checker) => checker.describe()), ...(await Promise.all(engines.map((engine) => engine.describe())))].join("\n");
  const first = waitUntil(loaded, { describe: "the first load", deadlineMs: 300_000, detail });
  await during(scene.arrival(first));
  const blows = {
    ...scene.blows(),
    engine: () => random.pick(engines).killAtRandomMoments(1),
    engines: async () => {
      await Promise.all(engines.map((engine) => engine.killAtRandomMoments(1)));
      allStart();
    },
    // The group shares itself out anew when somebody comes and when somebody goes.
    third: async () => {
      await third.start().waitForOutput(/dongbo runs/);
      await pause(random.between(500, 3_000));
      await (random.chance(0.5) ? third.stop() : third.down());
      allStart();
    },
  };
  console.log(await during(strike(blows, random)));
  allStart();
  await during(waitUntil(() => workload.model.changes - before >= changesMin, { describe: `${changesMin} changes`, deadlineMs: 300_000 }));
  await writing.stop();
  await kafka.rest.waitUntilRunning(scene.connector.name);
  const arrived = () => checkers.every((checker) => checker.arrived || checker.violations.length > 0);
  await looking.during(scene.arrival(waitUntil(arrived, { describe: "all rows to arrive", deadlineMs: 180_000, detail })));
  for (const engine of engines) await engine.stop();
  await looking.stop();

  console.log(workload.summary());
  for (const checker of checkers) console.log(checker.summary());
  expect(checkers.flatMap((checker) => checker.violations)).toEqual([]);
  for (const checker of checkers) expect(checker.steps).toBeGreaterThan(500);
  expect(workload.model.changes - before).toBeGreaterThanOrEqual(changesMin);
  await scene.expectEqual();
});
