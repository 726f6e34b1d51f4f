// Servers of both kinds for one test: a master of either, and copies on PostgreSQL and on MariaDB, with the roles that a careful
// installation has: nobody works as superuser.
import { grantStatements, neededPrivileges } from "../../connectors/mysql/preflight/target-privileges.ts";
import { type Cluster, masterDatabase, roles, startCluster } from "./cluster.ts";
import type { MysqlTestServer } from "./given-mysql.ts";
import { replicationGrant, startMysqlServer, testedFlavour } from "./mysql-server.ts";
import { runMysql } from "./mysql-session.ts";

export type MasterKind = "postgres" | "mysql";

export interface FamiliesOptions {
  readonly master: MasterKind;
  /** Names of the targets on PostgreSQL, each a database. */
  readonly postgresTargets: readonly string[];
  /** Names of targets on MariaDB, each a server of its own, since dongbo's database has one name there. */
  readonly mysqlTargets: readonly string[];
  readonly masterSettings?: Readonly<Record<string, string | number>>;
  readonly targetSettings?: Readonly<Record<string, string | number>>;
  /** Databases of the views on MariaDB targets; `population` when left out. */
  readonly targetDatabases?: readonly string[];
}

/** Rights that dongbo is given on a MariaDB master, beside SELECT on what it shares. */
const sourceGrants = [`${replicationGrant} TO ${roles.source}`];

export class Families implements AsyncDisposable {
  /** The PostgreSQL servers: of the master when it is one, of copies, and of the control database always. */
  readonly cluster: Cluster;
  readonly masterKind: MasterKind;
  /** The MariaDB master; null where the master is PostgreSQL. */
  readonly mysqlMaster: MysqlTestServer | null;
  readonly mysqlTargets: ReadonlyMap<string, MysqlTestServer>;

  private constructor(cluster: Cluster, mysqlMaster: MysqlTestServer | null, mysqlTargets: ReadonlyMap<string, MysqlTestServer>) {
    this.cluster = cluster;
    this.masterKind = mysqlMaster === null ? "postgres" : "mysql";
    this.mysqlMaster = mysqlMaster;
    this.mysqlTargets = mysqlTargets;
  }

  static async start(options: FamiliesOptions): Promise<Families> {
    const { targetSettings = {}, targetDatabases = ["population"] } = options;
    const [cluster, mysqlMaster, mysqlTargets] = await Promise.all([
      startCluster({ targets: options.postgresTargets }),
      options.master === "mysql" ? startMysqlMaster(options.masterSettings ?? {}) : null,
      Promise.all(options.mysqlTargets.map(async (name) => [name, await startMysqlTarget(targetSettings, targetDatabases)] as const)),
    ]);
    return new Families(cluster, mysqlMaster, new Map(mysqlTargets));
  }

  /** URL of the master database for one role. */
  sourceUrl(role: string): string {
    return this.mysqlMaster === null ? this.cluster.sourceUrl(role) : this.mysqlMaster.url(masterDatabase, role);
  }

  /** URL of a target for one role; a MariaDB target's names no database, which dongbo makes. */
  targetUrl(target: string, role: string): string {
    return this.mysqlTargets.get(target)?.url("", role) ?? this.cluster.targetUrl(target, role);
  }

  controlUrl(): string {
    return this.cluster.controlUrl();
  }

  connectorOf(target: string): MasterKind {
    return this.mysqlTargets.has(target) ? "mysql" : "postgres";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const servers = [...this.mysqlTargets.values(), ...(this.mysqlMaster === null ? [] : [this.mysqlMaster])];
    await Promise.all([this.cluster[Symbol.asyncDispose](), ...servers.map((server) => server.destroy())]);
  }
}

/** A MariaDB master with the database of the tests and its roles. */
export async function startMysqlMaster(settings: Readonly<Record<string, string | number>>): Promise<MysqlTestServer> {
  const server = await startMysqlServer(settings);
  await prepareMysqlMaster(server);
  return server;
}

/** Makes the database of the tests and the roles of a master. */
export async function prepareMysqlMaster(server: MysqlTestServer): Promise<void> {
  await runMysql(
    server.url(),
    `CREATE DATABASE ${masterDatabase} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`,
    ...[roles.owner, roles.source].map((role) => `CREATE USER ${role}`),
    `GRANT ALL ON ${masterDatabase}.* TO ${roles.owner}`,
    `GRANT SELECT ON ${masterDatabase}.* TO ${roles.source}`,
    ...sourceGrants,
  );
}

/** A MariaDB server of copies with the roles of a target; views go to these databases, rows to those with `_copy` behind. */
async function startMysqlTarget(
  settings: Readonly<Record<string, string | number>>,
  databases: readonly string[],
): Promise<MysqlTestServer> {
  const own = testedFlavour === "mariadb" ? { skip_log_bin: 1 } : { log_bin_trust_function_creators: 1 };
  const server = await startMysqlServer({ ...own, ...settings });
  await prepareMysqlTarget(server, databases);
  return server;
}

/** Makes the roles of a target. */
export async function prepareMysqlTarget(server: MysqlTestServer, databases: readonly string[]): Promise<void> {
  const tables = databases.map((schema) => ({ target: { schema, name: "any" }, physical: { schema: `${schema}_copy`, name: "any" } }));
  await runMysql(
    server.url(),
    ...[roles.target, roles.reader].map((role) => `CREATE USER ${role}`),
    // What `check` asks for, and nothing more.
    ...grantStatements(roles.target, neededPrivileges(tables, true)),
  );
}
