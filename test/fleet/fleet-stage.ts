// A fleet with its servers: masters that are independent of each other, a copy of each, a control database and a Redis of their own.
import { join } from "node:path";
import { EmbeddedRedis } from "../../deploy/embedded/redis-server.ts";
import type { StatusReport } from "../../deploy/processes/status-shape.ts";
import type { RunRecord } from "../../engine/ports/reconcile-records.ts";
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import { Background } from "../e2e/background.ts";
import { type Cluster, roles, runSql, textClient } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { testFolder } from "../support/test-run.ts";
import { pause, waitUntil } from "../support/wait-until.ts";

export interface FleetOptions {
  /** Makes the names of databases. */
  readonly name: string;
  /** How many masters. */
  readonly sources: number;
  /** They are one database, named as so many sources: each publishes the tables of all, and each has a share of one table. */
  readonly oneMaster?: boolean;
  /** As configured; the product's own when left out. */
  readonly lease?: string;
  /** Further settings of `fleet:`. */
  readonly fleet?: object;
  /** Rows of each master's table at the start. */
  readonly rows?: number;
  /** Parts of each share that replace the stage's own. */
  readonly share?: object;
  /** In place of the control database's URL: a proxy's, for example. */
  readonly controlUrl?: string;
  /** The test breaks Redis: it must be the stage's own, also where DONGBO_TEST_REDIS_URL names one that is there for tests alone. */
  readonly breaksRedis?: boolean;
}

const givenRedis = process.env["DONGBO_TEST_REDIS_URL"] ?? "";

export type SourceStatus = StatusReport["sources"][number];

const rowsWritten = 200;

export class FleetStage implements AsyncDisposable {
  readonly home: DongboHome;
  readonly sources: readonly string[];
  readonly #redis: EmbeddedRedis | null;
  readonly #cluster: Cluster;
  readonly #options: FleetOptions;

  private constructor(cluster: Cluster, home: DongboHome, redis: EmbeddedRedis | null, options: FleetOptions) {
    this.#cluster = cluster;
    this.home = home;
    this.#redis = redis;
    this.#options = options;
    this.sources = namesOf(options);
  }

  static async create(cluster: Cluster, options: FleetOptions): Promise<FleetStage> {
    const { name } = options;
    const sources = namesOf(options);
    await runSql(cluster.target.url(), `CREATE DATABASE "${name}_control" OWNER ${roles.control}`);
    for (const database of new Set(sources.map((source) => databaseOf(source, options)))) {
      await runSql(cluster.source.url(), `CREATE DATABASE "${database}" OWNER ${roles.owner}`);
    }
    for (const source of sources) {
      await runSql(cluster.target.url(), `CREATE DATABASE "${source}" OWNER ${roles.target}`);
      const table = tableOf(source, options);
      await runSql(
        cluster.source.url(databaseOf(source, options), roles.owner, null),
        `CREATE TABLE ${table} (id bigint PRIMARY KEY, value bigint NOT NULL, note text)`,
        `INSERT INTO ${table} SELECT i, 0, 'hàng ' || i FROM generate_series(1, ${options.rows ?? rowsWritten}) AS i`,
        `ANALYZE ${table}`,
        `GRANT SELECT ON ${table} TO ${roles.source}`,
      );
    }
    for (const source of sources) {
      const tables = options.oneMaster === true ? sources.map((other) => tableOf(other, options)) : [tableOf(source, options)];
      const publish = `CREATE PUBLICATION dongbo_${source} FOR TABLE ${tables.join(", ")}`;
      await runSql(cluster.source.url(databaseOf(source, options), roles.owner, null), publish);
    }
    const isGiven = givenRedis !== "" && options.breaksRedis !== true;
    const redis = isGiven ? null : await EmbeddedRedis.start({ dataDir: join(testFolder("redis"), "data") });
    const home = await DongboHome.create(configOf(sources, options), environmentOf(cluster, redis, sources, options));
    return new FleetStage(cluster, home, redis, options);
  }

  get redis(): EmbeddedRedis {
    if (this.#redis === null) throw new Error("a Redis that was given is not for breaking: say breaksRedis");
    return this.#redis;
  }

  /** Starts one more worker, with whatever else of options. */
  worker(...options: readonly string[]): DongboProcess {
    return this.home.start(["worker", "--listen", "127.0.0.1:0", ...options]);
  }

  /** Another machine of the fleet: a folder of its own, and its own ways to the servers, by proxies for example. */
  anotherHome(wayTo: (url: string) => string): Promise<DongboHome> {
    const urls = Object.entries(environmentOf(this.#cluster, this.#redis, this.sources, this.#options));
    return DongboHome.create(this.configuration({}), Object.fromEntries(urls.map(([name, url]) => [name, wayTo(url)])));
  }

  /** The stage's own with some parts replaced; what is undefined is left out. */
  configuration(changes: object): object {
    const merged = { ...configOf(this.sources, this.#options), ...changes };
    return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
  }

  controlUrl(): string {
    return this.#options.controlUrl ?? this.#cluster.target.url(`${this.#options.name}_control`, roles.control, null);
  }

  onMaster(source: string, ...statements: readonly string[]): Promise<Record<string, string | null>[]> {
    return runSql(this.#cluster.source.url(databaseOf(source, this.#options), roles.owner, null), ...statements);
  }

  onCopy(source: string, ...statements: readonly string[]): Promise<Record<string, string | null>[]> {
    return runSql(this.#cluster.target.url(source), ...statements);
  }

  /** Who owns what, in the control database: process by source. */
  async owners(): Promise<ReadonlyMap<string, number>> {
    const rows = await runSql(
      this.controlUrl(),
      `SELECT l.name, w.pid FROM dongbo_control.lease AS l JOIN dongbo_control.worker AS w ON w.id = l.worker
       WHERE l.kind = 'source' AND l.ends_at > clock_timestamp() ORDER BY l.name`,
    ).catch(() => []);
    return new Map(rows.map((row) => [row["name"] ?? "", Number(row["pid"])]));
  }

  /** Waits until these workers, and nobody else, own all sources, as evenly as can be; gives the process by source. */
  async spread(workers: readonly DongboProcess[]): Promise<ReadonlyMap<string, number>> {
    return waitUntil(
      async () => {
        const owners = await this.owners();
        const counts = workers.map(({ pid }) => [...owners.values()].filter((owner) => owner === pid).length);
        const all = counts.reduce((sum, count) => sum + count, 0) === this.sources.length;
        return all && Math.max(...counts) - Math.min(...counts) <= 1 ? owners : null;
      },
      { describe: "the sources to be spread", deadlineMs: 60_000, detail: () => workers.map((worker) => worker.describe()).join("\n") },
    );
  }

  /** Waits until what is committed now at the master is in the copy; gives how long that took, in milliseconds. */
  async reaches(source: string, deadlineMs = 60_000, detail?: () => string): Promise<number> {
    const startedMs = performance.now();
    const [row] = await this.onMaster(
      source,
      `UPDATE ${tableOf(source, this.#options)} SET value = value + 1 WHERE id = 1 RETURNING value`,
    );
    const sql = "SELECT value FROM public_copy.item WHERE id = 1";
    await waitUntil(async () => Number((await this.onCopy(source, sql).catch(() => []))[0]?.["value"] ?? -1) >= Number(row?.["value"]), {
      describe: `the copy of ${source} to come to where its master is`,
      deadlineMs,
      ...(detail === undefined ? {} : { detail }),
    });
    return performance.now() - startedMs;
  }

  /** All copies are there and follow. */
  async allReach(deadlineMs = 60_000, detail?: () => string): Promise<void> {
    await Promise.all(this.sources.map((source) => this.reaches(source, deadlineMs, detail)));
  }

  /** Transactions at every master, until it is stopped. */
  writing(): Background {
    return new Background(async (signal) => {
      await Promise.all(this.sources.map((source) => this.#write(source, signal)));
    });
  }

  async #write(source: string, signal: AbortSignal): Promise<void> {
    const client = textClient(this.#cluster.source.url(databaseOf(source, this.#options), roles.owner, null));
    const table = tableOf(source, this.#options);
    await client.connect();
    try {
      for (let turn = 1; !signal.aborted; turn++) {
        const id = 2 + ((turn * 7) % (2 * rowsWritten));
        await client.query("BEGIN");
        if (turn % 5 === 0) await client.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
        else {
          const sql = `INSERT INTO ${table} AS t VALUES ($1, $2, 'lần') ON CONFLICT (id) DO UPDATE SET value = t.value + 1, note = excluded.note`;
          await client.query(sql, [id, turn]);
        }
        await client.query(`UPDATE ${table} SET value = value + 1 WHERE id = 2`);
        await client.query("COMMIT");
        await pause(5);
      }
    } finally {
      await client.end();
    }
  }

  /** Of each source, where the target stands: who may write it, and how many batches there were. */
  async stands(): Promise<ReadonlyMap<string, { readonly epoch: number; readonly batches: number }>> {
    const stands = new Map<string, { epoch: number; batches: number }>();
    for (const source of this.sources) {
      const [row] = await this.onCopy(source, "SELECT epoch, next_batch FROM dongbo.subscription");
      stands.set(source, { epoch: Number(row?.["epoch"]), batches: Number(row?.["next_batch"]) });
    }
    return stands;
  }

  /** By which source each copy was loaded last. */
  carriers(): Promise<Record<string, string | null>[]> {
    return runSql(this.controlUrl(), "SELECT subscription, source FROM dongbo_control.carrier");
  }

  /** Each copy against its master, by plain dumps: a line for each that is not equal. */
  async differences(): Promise<string[]> {
    const lines = await Promise.all(
      this.sources.map(async (source) => {
        const columns = ["id", "value", "note"];
        const result = await compareCopy(
          { url: this.#cluster.source.url(databaseOf(source, this.#options)), table: tableOf(source, this.#options), columns, key: ["id"] },
          { url: this.#cluster.target.url(source), table: "public_copy.item", columns, key: ["id"] },
        );
        return result.equal ? null : describeComparison(source, result);
      }),
    );
    return lines.filter((line) => line !== null);
  }

  /** What is on record of comparisons of a source's copy, oldest first. */
  async runs(source: string): Promise<readonly RunRecord[]> {
    const sql = `SELECT record FROM dongbo_control.reconcile_run WHERE subscription = '${source}/${source}' ORDER BY id`;
    const rows = await runSql(this.controlUrl(), sql).catch(() => []);
    return rows.map((row) => JSON.parse(row["record"] ?? "{}") as RunRecord);
  }

  /** Waits until so many comparisons of a source's copy are on record, and gives them. */
  async compared(source: string, times: number, detail?: () => string): Promise<readonly RunRecord[]> {
    return waitUntil(
      async () => {
        const runs = await this.runs(source);
        return runs.length >= times ? runs : null;
      },
      { describe: `${times} comparisons of ${source}`, deadlineMs: 120_000, everyMs: 200, ...(detail === undefined ? {} : { detail }) },
    );
  }

  status(): Promise<StatusReport> {
    return this.home.json<StatusReport>(["status"], [0, 5]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    await this.#redis?.[Symbol.asyncDispose]();
    for (const source of this.sources) {
      await runSql(
        this.#cluster.source.url(),
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'dongbo_${source}' AND active_pid IS NOT NULL`,
      );
      await waitUntil(
        () =>
          runSql(
            this.#cluster.source.url(),
            `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'dongbo_${source}'`,
          ).then(
            () => true,
            () => false,
          ),
        { describe: "the slot to be let go" },
      );
    }
  }
}

function namesOf({ name, sources }: FleetOptions): string[] {
  return Array.from({ length: sources }, (_, index) => `${name}_${index + 1}`);
}

/** The master's database. */
function databaseOf(source: string, { name, oneMaster }: FleetOptions): string {
  return oneMaster === true ? `${name}_master` : source;
}

/** The master's table of which the share of that name gives a copy, everywhere as `public.item`. */
function tableOf(source: string, { oneMaster }: FleetOptions): string {
  return oneMaster === true ? `public.${source}` : "public.item";
}

function configOf(sources: readonly string[], options: FleetOptions): object {
  const { lease, fleet, share } = options;
  return {
    version: 1,
    control: "${env:CONTROL_URL}",
    data_dir: ".dongbo",
    redis: "${env:REDIS_URL}",
    fleet: { ...(lease === undefined ? {} : { lease }), ...fleet },
    sources: Object.fromEntries(
      sources.map((id) => [
        id,
        { connector: "postgres", url: `\${env:SOURCE_${id.toUpperCase()}}`, provider: { id: "G01", name: "Bộ Công an" } },
      ]),
    ),
    targets: Object.fromEntries(
      sources.map((id) => [id, { connector: "postgres", url: `\${env:TARGET_${id.toUpperCase()}}`, consumer: { id, name: `Tỉnh ${id}` } }]),
    ),
    shares: sources.map((id) => ({
      id,
      source: id,
      regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
      agreement: { id: "TT-07/2026", from: "2020-01-01", to: "2099-01-01", purpose: "thử nghiệm", storage_basis: "42.1" },
      model: "intermediary",
      platform: "Nền tảng thử nghiệm",
      tables: [{ source: tableOf(id, options), target: "public.item", key: ["id"] }],
      subscriptions: [{ target: id }],
      ...share,
    })),
  };
}

function environmentOf(
  cluster: Cluster,
  redis: EmbeddedRedis | null,
  sources: readonly string[],
  options: FleetOptions,
): Record<string, string> {
  const { name, controlUrl } = options;
  return {
    CONTROL_URL: controlUrl ?? cluster.target.url(`${name}_control`, roles.control, null),
    REDIS_URL: redis?.url() ?? givenRedis,
    ...Object.fromEntries(
      sources.map((id) => [`SOURCE_${id.toUpperCase()}`, cluster.source.url(databaseOf(id, options), roles.source, null)]),
    ),
    ...Object.fromEntries(sources.map((id) => [`TARGET_${id.toUpperCase()}`, cluster.target.url(id, roles.target, null)])),
  };
}
