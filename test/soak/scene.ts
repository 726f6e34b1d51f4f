// Everything at its place: servers, masters that are written to, an installation for each worker, and who judges what the copies show.
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import type { MasterModel } from "../checker/master-model.ts";
import { PlannedConnector } from "../e2e/debezium-stage.ts";
import { roles, runSql } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import { compareAll, watchedCopy } from "../workload/population-copies.ts";
import { PopulationWorkload, workloadTables } from "../workload/population-workload.ts";
import { ConnectorKeeper } from "./connector-keeper.ts";
import {
  makes,
  type PlannedCopy,
  qualified,
  register,
  soakConfig,
  type SoakPlan,
  type SourceName,
  sourceVariable,
  targetVariable,
} from "./plan.ts";
import { type Database, Servers } from "./servers.ts";
import { Watch } from "./watch.ts";
import { Workers } from "./workers.ts";

const rowsAtStart = 600;
const bigRows = 3_000;
/** A MariaDB target names no database, which dongbo makes. */
const noDatabase = "";

export class Scene implements AsyncDisposable {
  readonly plan: SoakPlan;
  readonly servers: Servers;
  /** Of the Debezium source's connector; null where there is none. */
  readonly keeper: ConnectorKeeper | null;
  readonly workloads: ReadonlyMap<SourceName, PopulationWorkload>;
  /** Of whoever gives commands. */
  readonly home: DongboHome;
  readonly workers: Workers;
  readonly watch: Watch;
  readonly #homes: readonly DongboHome[];

  private constructor(
    plan: SoakPlan,
    servers: Servers,
    parts: {
      readonly keeper: ConnectorKeeper | null;
      readonly workloads: ReadonlyMap<SourceName, PopulationWorkload>;
      readonly homes: readonly [DongboHome, ...DongboHome[]];
    },
  ) {
    const { keeper, workloads, homes } = parts;
    const [home, ...machines] = homes;
    this.plan = plan;
    this.servers = servers;
    this.keeper = keeper;
    this.workloads = workloads;
    this.home = home;
    this.#homes = homes;
    this.workers = new Workers(machines);
    const models = new Map<string, MasterModel>([...workloads].map(([source, { model }]) => [source, model]));
    const watched = plan.copies.map((copy) => ({
      copy: watchedCopy(copy, { copy: this.copyUrl(copy, roles.reader) }),
      source: copy.source,
    }));
    this.watch = new Watch(watched, models);
  }

  /** Starts all servers, fills the masters and has the connector read its own. */
  static async open(plan: SoakPlan): Promise<Scene> {
    const servers = await Servers.start(plan);
    try {
      const workloads = new Map<SourceName, PopulationWorkload>();
      for (const [source, { server }] of servers.started.masters) {
        const workload = await openWorkload(plan, source, server.url("national", roles.owner, null));
        await workload.preload(rowsAtStart);
        workloads.set(source, workload);
      }
      const { kafka } = servers.started;
      const connector = kafka === null ? null : await openConnector(servers, kafka);
      const home = await DongboHome.create(soakConfig(plan, connector?.source() ?? {}), environmentOf(plan, servers));
      const machines = Array.from({ length: plan.workers }, () => home.twin());
      const keeper = kafka === null || connector === null ? null : new ConnectorKeeper(kafka.rest, connector.name);
      return new Scene(plan, servers, { keeper, workloads, homes: [home, ...machines] });
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
  }

  master(source: SourceName): Database {
    const database = this.servers.started.masters.get(source);
    if (database === undefined) throw new Error(`there is no source ${source}`);
    return database;
  }

  /** URL of a copy, past the proxy. */
  copyUrl({ name, server }: PlannedCopy, role?: string): string {
    const { postgresCopies, mysqlCopies } = this.servers.started;
    const database = server === "postgres" ? postgresCopies : mysqlCopies.get(name);
    return (database ?? postgresCopies).server.url(server === "postgres" ? name : noDatabase, role, null);
  }

  /** How the table that nobody writes differs from the master's; null: not at all. */
  async registerDiffers(copy: PlannedCopy): Promise<string | null> {
    const { columns, key, name } = register;
    const result = await compareCopy(
      { url: this.master(copy.source).url("national", roles.source), table: name, columns, key },
      { url: this.copyUrl(copy), table: `population_copy.${name}`, columns, key },
    );
    return result.equal ? null : describeComparison(`${copy.name}.${name}`, result);
  }

  /** Every copy against its master by plain dumps of both: a line for each table that is not equal. */
  async differences(): Promise<string[]> {
    const lines: string[] = [];
    for (const copy of this.plan.copies) {
      const urls = { source: this.master(copy.source).url("national", roles.source), target: this.copyUrl(copy, roles.reader) };
      const result = await compareAll(copy, urls);
      const registered = await this.registerDiffers(copy);
      lines.push(...result.lines.filter((line) => line.includes("NOT EQUAL")), ...(registered === null ? [] : [registered]));
    }
    return lines;
  }

  /** Slots of PostgreSQL masters beside the one that each must have. */
  async slotsLeft(): Promise<string[]> {
    const due: Readonly<Record<string, string>> = { pg: "dongbo_pg", dbz: this.keeper?.name ?? "" };
    const lines: string[] = [];
    for (const [source, { server }] of this.servers.started.masters) {
      if (makes[source] === "mysql") continue;
      const slots = (await runSql(server.url(), "SELECT slot_name FROM pg_replication_slots")).map((row) => row["slot_name"]);
      if (slots.join() !== due[source]) lines.push(`the ${source} master has the slots ${slots.join()}, not ${due[source]}`);
    }
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#homes.map((home) => home[Symbol.asyncDispose]()));
    await Promise.all([...this.workloads.values()].map((workload) => workload[Symbol.asyncDispose]()));
    await this.servers[Symbol.asyncDispose]();
  }
}

function openWorkload({ seed, changesPerSecond }: SoakPlan, source: SourceName, url: string): Promise<PopulationWorkload> {
  // One writer where a connector reads: when it starts again it leaves out the first changes of a transaction that had begun before the
  // last commit that it noted, if the next record of the log is that transaction's (Debezium 3.5, WalPositionLocator).
  const writers = source === "dbz" ? 1 : 2;
  const make = makes[source];
  return PopulationWorkload.open({
    url,
    make,
    seed: `${seed}/${source}`,
    writers,
    changesPerSecond,
    bigRows,
    truncates: true,
    lasting: true,
  });
}

/** Whole transactions by the connector's own topic; a direct connection for what topics do not carry. */
async function openConnector(servers: Servers, kafka: NonNullable<Servers["started"]["kafka"]>): Promise<PlannedConnector> {
  const url = `\${env:${sourceVariable("dbz")}}`;
  const connector = new PlannedConnector(kafka, { master: "postgres", transactions: true, source: { master: url } });
  const master = servers.started.masters.get("dbz");
  if (master === undefined) throw new Error("there is no master for the connector");
  const tables = [...workloadTables, register.name].map((table) => qualified("dbz", table));
  const { name, config } = connector.on({ cluster: { source: master.server }, mysqlMaster: null }, tables);
  await kafka.rest.createConnector(name, config);
  return connector;
}

function environmentOf({ copies }: SoakPlan, { started }: Servers): Record<string, string> {
  const { masters, postgresCopies, mysqlCopies, control, redis } = started;
  const target = (copy: PlannedCopy): string =>
    mysqlCopies.get(copy.name)?.throughProxy(noDatabase, roles.target) ?? postgresCopies.throughProxy(copy.name, roles.target);
  return {
    CONTROL_URL: control.url("control", roles.control, null),
    REDIS_URL: redis.url(),
    ...Object.fromEntries([...masters].map(([source, master]) => [sourceVariable(source), master.throughProxy("national", roles.source)])),
    ...Object.fromEntries(copies.map((copy) => [targetVariable(copy.name), target(copy)])),
  };
}
