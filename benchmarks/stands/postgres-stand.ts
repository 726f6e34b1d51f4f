// Two PostgreSQL servers: the register's, and the one that holds every copy, dongbo's and the anchor's. So both sides write under
// the same settings, to the same disk.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { serverSeconds } from "../suite/process-usage.ts";
import { MariaDbServers } from "./mariadb-servers.ts";
import { GivenPostgres } from "./given-postgres.ts";
import { digestSql, registerStatements } from "./register-sql.ts";

export interface PostgresServer {
  /** Process id of the server; null when it runs on another machine, so that its costs are not known. */
  readonly pid: number | null;
  /** As superuser or, for dongbo's own sessions, as that role where the server knows it. */
  url(database?: string, user?: string): string;
  /** Runs one statement. */
  query(sql: string, database?: string): Promise<Record<string, unknown>[]>;
}

/** Name of the register's database, which is made and dropped on servers that were given. */
export const registerDatabase = "dongbo_bench_register";

const durability = ["fsync", "synchronous_commit", "full_page_writes", "data_checksums", "wal_level"];
const recorded = [
  ...durability,
  "server_version",
  "shared_buffers",
  "max_wal_size",
  "checkpoint_timeout",
  "autovacuum",
  "logical_decoding_work_mem",
  "track_commit_timestamp",
];

/** Of both embedded servers; the same on both, and large enough that no side waits for a checkpoint. */
const settings = {
  wal_level: "logical",
  shared_buffers: "512MB",
  max_wal_size: "8GB",
  min_wal_size: "1GB",
  checkpoint_timeout: "30min",
  autovacuum: "off",
  max_connections: 500,
  max_wal_senders: 120,
  max_replication_slots: 120,
  max_worker_processes: 120,
  max_logical_replication_workers: 100,
  max_sync_workers_per_subscription: 2,
  max_active_replication_origins: 120,
};

export interface ServerUrls {
  readonly source: string;
  readonly target: string;
}

export interface StandOptions {
  /** People in the register. */
  readonly rows: number;
  /** Null: private servers. */
  readonly urls: ServerUrls | null;
  readonly nodeOptions: readonly string[];
}

export class PostgresStand implements AsyncDisposable {
  readonly rows: number;
  readonly folder: string;
  /** Node's options for every process of dongbo, to profile it for example. */
  readonly nodeOptions: readonly string[];
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  readonly #owned: readonly EmbeddedPostgres[];
  #mariaDb: MariaDbServers | null = null;

  private constructor(options: StandOptions, folder: string, servers: readonly [PostgresServer, PostgresServer]) {
    this.rows = options.rows;
    this.nodeOptions = options.nodeOptions;
    this.folder = folder;
    [this.source, this.target] = servers;
    this.#owned = servers.filter((server) => server instanceof EmbeddedPostgres);
  }

  /** Starts the servers. */
  static async start(options: StandOptions): Promise<PostgresStand> {
    const { urls } = options;
    const folder = mkdtempSync(join(tmpdir(), "dongbo-bench-"));
    // Started by root the servers run under an account of their own, which must be able to pass.
    chmodSync(folder, 0o711);
    const servers = await (urls === null
      ? Promise.all([
          EmbeddedPostgres.start({ dataDir: join(folder, "source"), settings }),
          EmbeddedPostgres.start({ dataDir: join(folder, "target"), settings }),
        ])
      : Promise.all([GivenPostgres.at(urls.source), GivenPostgres.at(urls.target)]));
    return new PostgresStand(options, folder, servers);
  }

  async makeRegister(): Promise<void> {
    await this.source.query(`CREATE DATABASE ${registerDatabase}`);
    for (const server of this.#owned) await server.query("CREATE ROLE dongbo LOGIN REPLICATION");
    for (const sql of registerStatements(this.rows)) await this.source.query(sql, registerDatabase);
    await this.source.query(`GRANT SELECT ON public.citizen TO ${roleOf(this.source)}`, registerDatabase);
  }

  /** Servers of the other family, started when a workload asks for them, with a register of as many people. */
  async mariaDb(): Promise<MariaDbServers> {
    this.#mariaDb ??= await MariaDbServers.start(this.folder, this.rows);
    return this.#mariaDb;
  }

  /** The versions of what has been started. */
  async versions(): Promise<Record<string, string>> {
    const [row] = await this.target.query("SHOW server_version");
    const postgres = { postgres: String(row?.["server_version"]) };
    return this.#mariaDb === null ? postgres : { ...postgres, mariadb: await this.#mariaDb.version() };
  }

  /** Processor seconds that the servers have used so far; null for a server that is elsewhere. */
  spent(): { readonly source: number | null; readonly target: number | null } {
    const mariaDb = this.#mariaDb?.spent() ?? { source: 0, target: 0 };
    const [source, target] = [spentBy(this.source), spentBy(this.target)];
    return { source: source === null ? null : source + mariaDb.source, target: target === null ? null : target + mariaDb.target };
  }

  /** Takes away what an installation of this name has at the source. */
  async release(name: string): Promise<void> {
    await this.source.query(
      `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'dongbo_${name}' AND NOT active`,
      registerDatabase,
    );
    await this.source.query(`DROP PUBLICATION dongbo_${name}`, registerDatabase);
  }

  /** Digest of the part of the register that a copy with these columns and this condition must hold. */
  async registerDigest(columns: readonly string[], condition = "true"): Promise<string> {
    return this.digest(this.source, digestSql("public.citizen", columns, condition), registerDatabase);
  }

  async copyDigest(database: string, table: string, columns: readonly string[]): Promise<string> {
    return this.digest(this.target, digestSql(table, columns), database);
  }

  /** The one value that a digest statement gives. */
  async digest(server: PostgresServer, sql: string, database: string): Promise<string> {
    const rows = await server.query(sql, database);
    return String(rows[0]?.["digest"]);
  }

  /** The same beginning for whoever writes next: full-page images are due for every page. */
  async checkpoint(): Promise<void> {
    await Promise.all([this.source.query("CHECKPOINT"), this.target.query("CHECKPOINT")]);
  }

  /** What bears on speed and durability, by server. */
  async settings(): Promise<Record<string, Record<string, string>>> {
    const postgres = { source: await settingsOf(this.source), target: await settingsOf(this.target) };
    return this.#mariaDb === null ? postgres : { ...postgres, ...(await this.#mariaDb.settings()) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#owned.length === 0) await this.source.query(`DROP DATABASE IF EXISTS ${registerDatabase} WITH (FORCE)`);
    await this.#mariaDb?.[Symbol.asyncDispose]();
    await Promise.all(this.#owned.map((server) => server.stop("immediate")));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function spentBy({ pid }: PostgresServer): number | null {
  return pid === null ? null : serverSeconds(pid);
}

async function settingsOf(server: PostgresServer): Promise<Record<string, string>> {
  const names = recorded.map((name) => `'${name}'`).join(", ");
  const rows = await server.query(`SELECT name, current_setting(name) AS value FROM pg_settings WHERE name IN (${names})`);
  return Object.fromEntries(rows.map((row) => [String(row["name"]), String(row["value"])]));
}

/** Whom dongbo's sessions on the server belong to. */
export function roleOf(server: PostgresServer): string {
  return `"${decodeURIComponent(new URL(server.url("postgres", "dongbo")).username)}"`;
}

/** Reasons why figures under these settings are no score: one side would be excused from work that the other does. */
export function settingsRefusals(settings: Readonly<Record<string, Readonly<Record<string, string>>>>): string[] {
  const { source = {}, target = {} } = settings;
  const { "mariadb copies": copies, "mariadb replica": replica } = settings;
  const differing = durability.filter((name) => name !== "wal_level" && source[name] !== target[name]);
  return [
    ...(JSON.stringify(copies) === JSON.stringify(replica)
      ? []
      : ["the MariaDB servers of dongbo's copies and of the replica have other settings"]),
    ...differing.map((name) => `${name} is ${source[name]} on the source and ${target[name]} on the target`),
    ...(target["track_commit_timestamp"] === "on" ? ["track_commit_timestamp is on: the native anchor logs a conflict for each row"] : []),
  ];
}
