// A master server and a server of copies with the roles that a careful installation has: nobody works as superuser.
import { execFileSync } from "node:child_process";
import { renameSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { oncePerRun } from "./once-per-run.ts";
import { testFolder, testRunFolder } from "./test-run.ts";

export type ServerSettings = Readonly<Record<string, string | number>>;

export interface ClusterOptions {
  /** Names of the databases on the server of copies. */
  readonly targets: readonly string[];
  /** The master's version; 18, the one that comes with dongbo, when left out. */
  readonly major?: PostgresMajor;
  /** The version of the copies' server; 18 when left out. */
  readonly targetMajor?: PostgresMajor;
  readonly sourceSettings?: ServerSettings;
  readonly targetSettings?: ServerSettings;
}

/** Roles of a cluster; all authenticate by trust, on loopback. */
export const roles = {
  /** Owns the master database and its tables. */
  owner: "master_owner",
  /** What dongbo gets on the master: LOGIN REPLICATION and SELECT. */
  source: "dongbo_source",
  /** What dongbo gets at the copies: owner of its databases. */
  target: "dongbo_target",
  /** Reads copies through the views. */
  reader: "reader",
  /** Owns the control database. */
  control: "dongbo_control",
} as const;

/** Settings for throw-away servers. `fsync` off: a killed server process loses nothing, only a dead machine would. */
const throwAway: ServerSettings = {
  fsync: "off",
  full_page_writes: "off",
  shared_buffers: "64MB",
  log_min_messages: "error",
  // Idle test servers need no second look every few seconds.
  autovacuum_naptime: "10s",
};

/** `DONGBO_TEST_SERVER_LOG=/folder` keeps the servers' logs there, for looking into a failure; the servers' account must be able to write it. */
const serverLog: ServerSettings =
  process.env["DONGBO_TEST_SERVER_LOG"] === undefined
    ? {}
    : { logging_collector: "on", log_directory: process.env["DONGBO_TEST_SERVER_LOG"], log_line_prefix: "%m [%p] %a %d " };

export const masterDatabase = "national";

/** Two running servers; stopped and deleted when disposed. */
export class Cluster implements AsyncDisposable {
  readonly source: EmbeddedPostgres;
  readonly target: EmbeddedPostgres;

  constructor(source: EmbeddedPostgres, target: EmbeddedPostgres) {
    this.source = source;
    this.target = target;
  }

  /** URL of the master database for one role. */
  sourceUrl(role: string): string {
    return this.source.url(masterDatabase, role, null);
  }

  /** URL of one copy's database for one role. */
  targetUrl(database: string, role: string): string {
    return this.target.url(database, role, null);
  }

  /** A database of the engine's own, beside the copies; spares a test the third server. */
  controlUrl(): string {
    return this.target.url("control", roles.control, null);
  }

  /** Runs one statement on the master as its owner. */
  async onMaster(sql: string): Promise<Record<string, string | null>[]> {
    return runSql(this.sourceUrl(roles.owner), sql);
  }

  /** Makes the publication as the master's owner would, from the SQL that `dongbo check` prints. */
  async publish(source: string, tables: readonly string[]): Promise<void> {
    await this.onMaster(`CREATE PUBLICATION dongbo_${source} FOR TABLE ${tables.join(", ")} WITH (publish_via_partition_root = true)`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.source.destroy(), this.target.destroy()]);
  }
}

/** Starts both servers with databases and roles made. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const [source, target] = await Promise.all([
    startServer(options.major ?? 18, { wal_level: "logical", max_wal_senders: 10, max_replication_slots: 10, ...options.sourceSettings }),
    startServer(options.targetMajor ?? 18, { max_connections: 200, ...options.targetSettings }),
  ]);
  const cluster = new Cluster(source, target);
  try {
    await Promise.all([prepareMaster(source), prepareCopies(target, options.targets)]);
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** One server from the run's template, so that initdb is paid once per version and run. */
export async function startServer(major: PostgresMajor, settings: ServerSettings): Promise<EmbeddedPostgres> {
  const template = join(testRunFolder(), `template-${major}`);
  await oncePerRun(`template-${major}`, async () => {
    const draft = await EmbeddedPostgres.start({ dataDir: `${template}.draft`, major, settings: throwAway });
    await draft.stop("fast");
    renameSync(draft.dataDir, template);
  });
  const dataDir = join(testFolder(`pg${major}`), "data");
  execFileSync("cp", ["-a", template, dataDir]);
  return EmbeddedPostgres.start({ dataDir, major, settings: { ...throwAway, ...serverLog, ...settings } });
}

/** Runs statements in one session and returns the last one's rows, all values as text. */
export async function runSql(url: string, ...statements: readonly string[]): Promise<Record<string, string | null>[]> {
  const client = textClient(url);
  await client.connect();
  try {
    let rows: Record<string, string | null>[] = [];
    for (const sql of statements) {
      const result = await client.query<Record<string, string | null>>(sql);
      rows = result.rows;
    }
    return rows;
  } finally {
    await client.end();
  }
}

/** A session whose values all come as text, under fixed settings; a lost connection is told by the next query. */
export function textClient(url: string): pg.Client {
  const client = new pg.Client({
    connectionString: url,
    options: "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex",
    types: { getTypeParser: () => (text: string | Buffer) => text },
  });
  client.on("error", () => {});
  return client;
}

/** Makes the database of the tests and the roles of a master. */
export async function prepareMaster(server: EmbeddedPostgres): Promise<void> {
  await runSql(
    server.url(),
    `CREATE ROLE ${roles.owner} LOGIN`,
    `CREATE ROLE ${roles.source} LOGIN REPLICATION`,
    `CREATE DATABASE ${masterDatabase} OWNER ${roles.owner}`,
  );
  await runSql(server.url(masterDatabase), `ALTER DEFAULT PRIVILEGES FOR ROLE ${roles.owner} GRANT SELECT ON TABLES TO ${roles.source}`);
}

/** Makes the roles of a server of copies, their databases, and one for the control database. */
export async function prepareCopies(server: EmbeddedPostgres, targets: readonly string[]): Promise<void> {
  await runSql(
    server.url(),
    `CREATE ROLE ${roles.target} LOGIN`,
    `CREATE ROLE ${roles.control} LOGIN`,
    `CREATE ROLE ${roles.reader} LOGIN`,
    `CREATE DATABASE control OWNER ${roles.control}`,
    ...targets.map((name) => `CREATE DATABASE "${name}" OWNER ${roles.target}`),
  );
}
