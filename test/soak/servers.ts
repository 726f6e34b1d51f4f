// The servers of the soak. Workers reach every database through a proxy; whoever writes or judges goes past it.
import { join } from "node:path";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { EmbeddedRedis } from "../../deploy/embedded/redis-server.ts";
import { KafkaUnderFire } from "../e2e/kafka-under-fire.ts";
import { prepareCopies, prepareMaster, roles, runSql, startServer } from "../support/cluster.ts";
import { numbersTo, startMariaDb } from "../support/mysql-server.ts";
import { runMysql } from "../support/mysql-session.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { testFolder } from "../support/test-run.ts";
import { prepareMysqlMaster, prepareMysqlTarget } from "../support/two-families.ts";
import { mysqlPopulationDdl, populationDdl } from "../workload/population-tables.ts";
import { workloadTables } from "../workload/population-workload.ts";
import { register, type SoakPlan, type SourceName } from "./plan.ts";

/** What a PostgreSQL and a MariaDB server have in common. */
interface DatabaseServer extends AsyncDisposable {
  readonly port: number;
  url(database?: string, user?: string, password?: string | null): string;
  kill(): Promise<void>;
  restart(): Promise<void>;
  destroy(): Promise<void>;
}

export class Database implements AsyncDisposable {
  readonly name: string;
  readonly server: DatabaseServer;
  readonly proxy: TcpProxy;

  private constructor(name: string, server: DatabaseServer, proxy: TcpProxy) {
    this.name = name;
    this.server = server;
    this.proxy = proxy;
  }

  static async open(name: string, server: DatabaseServer): Promise<Database> {
    return new Database(name, server, await TcpProxy.start({ host: "127.0.0.1", port: server.port }));
  }

  /** Past the proxy. */
  url(database: string, role: string): string {
    return this.server.url(database, role, null);
  }

  /** As a worker comes to it. */
  throughProxy(database: string, role: string): string {
    const url = new URL(this.url(database, role));
    url.port = String(this.proxy.port);
    return url.href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close();
    await this.server.destroy();
  }
}

interface Started {
  readonly masters: ReadonlyMap<SourceName, Database>;
  /** Of copies: one PostgreSQL server with a database each, a MariaDB server each. */
  readonly postgresCopies: Database;
  readonly mysqlCopies: ReadonlyMap<string, Database>;
  readonly control: EmbeddedPostgres;
  readonly redis: EmbeddedRedis;
  /** Of the Debezium source; null where there is none. */
  readonly kafka: KafkaUnderFire | null;
}

export class Servers implements AsyncDisposable {
  readonly started: Started;
  readonly #all: readonly AsyncDisposable[];

  private constructor(started: Started, all: readonly AsyncDisposable[]) {
    this.started = started;
    this.#all = all;
  }

  static async start(plan: SoakPlan): Promise<Servers> {
    const all: AsyncDisposable[] = [];
    const use = async <T extends AsyncDisposable>(starting: Promise<T>): Promise<T> => {
      const started = await starting;
      all.push(started);
      return started;
    };
    try {
      return new Servers(await startAll(plan, use), all);
    } catch (error) {
      await Promise.all(all.map((started) => started[Symbol.asyncDispose]()));
      throw error;
    }
  }

  /** Every database that dongbo reads from or writes to. */
  get databases(): readonly Database[] {
    const { masters, postgresCopies, mysqlCopies } = this.started;
    return [...masters.values(), postgresCopies, ...mysqlCopies.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((started) => started[Symbol.asyncDispose]()));
  }
}

async function startAll(
  { sources, copies }: SoakPlan,
  use: <T extends AsyncDisposable>(starting: Promise<T>) => Promise<T>,
): Promise<Started> {
  const onMysql = copies.filter(({ server }) => server === "mysql");
  const onPostgres = copies.filter(({ server }) => server === "postgres").map(({ name }) => name);
  const [masters, postgresCopies, mysqlCopies, control, redis, kafka] = await Promise.all([
    Promise.all(sources.map(async (source) => [source, await use(startMaster(source))] as const)),
    use(startPostgresCopies(onPostgres)),
    Promise.all(onMysql.map(async ({ name }) => [name, await use(startMysqlCopies(name))] as const)),
    use(startServer(18, {})),
    use(EmbeddedRedis.start({ dataDir: join(testFolder("redis"), "data") })),
    sources.includes("dbz") ? use(KafkaUnderFire.start()) : null,
  ]);
  await prepareCopies(control, []);
  return { masters: new Map(masters), postgresCopies, mysqlCopies: new Map(mysqlCopies), control, redis, kafka };
}

/** What an old image holds of a row, as the tests of either way in have it. */
const identities = {
  pg: { citizen: "full", household: "default", residence: "index" },
  dbz: { citizen: "default", household: "default", residence: "full" },
} as const;

/** A reader takes a master that is silent for as long as this for lost; the server's own minute would be most of a run. */
const silenceMax = "10s";

async function startMaster(source: SourceName): Promise<Database> {
  if (source === "my") {
    const server = await startMariaDb();
    await prepareMysqlMaster(server);
    const rows = `INSERT INTO register SELECT seq, CONCAT('dòng ', seq) FROM ${numbersTo(register.rows)}`;
    await runMysql(server.url("national", roles.owner), ...mysqlPopulationDdl(), `${registerDdl} CHARACTER SET utf8mb4`, rows);
    return Database.open(`${source} master`, server);
  }
  const slots = { wal_level: "logical", max_wal_senders: 10, max_replication_slots: 10 };
  const server = await startServer(18, { ...slots, wal_sender_timeout: silenceMax });
  await prepareMaster(server);
  const tables = [...workloadTables, register.name].join(", ");
  const publication = `CREATE PUBLICATION dongbo_${source} FOR TABLE ${tables} WITH (publish_via_partition_root = true)`;
  await runSql(
    server.url("national", roles.owner, null),
    ...populationDdl(identities[source], "portable"),
    registerDdl,
    `INSERT INTO register SELECT i, 'dòng ' || i FROM generate_series(1, ${register.rows}) AS i`,
    // A connector makes its own.
    ...(source === "pg" ? [publication] : []),
  );
  return Database.open(`${source} master`, server);
}

const registerDdl = "CREATE TABLE register (id bigint PRIMARY KEY, note varchar(100))";

async function startPostgresCopies(databases: readonly string[]): Promise<Database> {
  const server = await startServer(18, { max_connections: 200 });
  await prepareCopies(server, databases);
  return Database.open("PostgreSQL copies", server);
}

async function startMysqlCopies(name: string): Promise<Database> {
  const server = await startMariaDb({ skip_log_bin: 1 });
  await prepareMysqlTarget(server, ["population"]);
  return Database.open(name, server);
}
