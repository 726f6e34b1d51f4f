// One installation for one test: a master database, databases of copies and a dongbo, on the servers that a file's tests share.
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import { type Cluster, roles, runSql } from "../support/cluster.ts";
import { DongboHome, type Finished } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { type CopyPlan, populationConfig, type TableShare } from "../support/population-config.ts";
import { waitUntil } from "../support/wait-until.ts";

export interface StageOptions {
  /** Part of the names of its databases and slot: lower-case letters and digits, another one for each test of a file. */
  readonly name: string;
  /** Makes the tables and their rows, as the owner of the master. */
  readonly master: readonly string[];
  readonly shares: Readonly<Record<string, readonly TableShare[]>>;
  readonly copies: readonly CopyPlan[];
  readonly regulation?: object;
  /** Merged into every share. */
  readonly share?: object;
  readonly source?: object;
  /** Run by a superuser before anything else, in the master and in each target: extensions. */
  readonly everywhere?: readonly string[];
  /** Options of the publication beside publish_via_partition_root. */
  readonly publicationOptions?: string;
  /** Tables of the publication; those that are shared when left out. Empty: no publication. */
  readonly published?: readonly string[];
  /** Replaces URLs, by a proxy's for example: `master` or a target's name. */
  readonly urls?: Readonly<Record<string, string>>;
}

export type Plan = Pick<StageOptions, "shares" | "copies" | "regulation" | "share" | "source">;

/** One subscription in `status --json`, as far as tests look at it. */
export interface SubscriptionStatus {
  readonly id: string;
  readonly share_state: string;
  readonly copy_state: string;
  readonly usable: boolean;
  readonly reason: string | null;
  readonly last_sync_at: string | null;
  readonly valid_until: string | null;
  readonly rows_quarantined: number;
  readonly suspended: { readonly reason: string } | null;
  readonly problem: { readonly code: string; readonly cause: string; readonly remedy: string } | null;
  readonly tables: readonly {
    readonly target: string;
    readonly rows: number;
    readonly usable: boolean;
    readonly reason: string | null;
    readonly last_sync_at: string | null;
    readonly rows_quarantined: number;
    readonly stopped: { readonly code: string; readonly message: string } | null;
  }[];
}

/** What a comparison of one copied table with the master needs to know. */
export interface Side {
  /** Table of the master as SQL. */
  readonly source: string;
  /** View of the copy as SQL. */
  readonly target: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly where?: string;
}

export type Row = Record<string, string | null>;

export class Stage implements AsyncDisposable {
  readonly home: DongboHome;
  readonly #cluster: Cluster;
  readonly #options: StageOptions;
  #running: DongboProcess | null = null;

  private constructor(cluster: Cluster, options: StageOptions, home: DongboHome) {
    this.#cluster = cluster;
    this.#options = options;
    this.home = home;
  }

  static async create(cluster: Cluster, options: StageOptions): Promise<Stage> {
    const { name, copies, everywhere = [] } = options;
    const targets = [...new Set(copies.map((copy) => copy.target))];
    await runSql(cluster.source.url(), `CREATE DATABASE "m_${name}" OWNER ${roles.owner}`);
    const master = cluster.source.url(`m_${name}`);
    await runSql(master, `ALTER DEFAULT PRIVILEGES FOR ROLE ${roles.owner} GRANT SELECT ON TABLES TO ${roles.source}`, ...everywhere);
    await runSql(cluster.target.url(), `CREATE DATABASE "c_${name}" OWNER ${roles.control}`);
    for (const target of targets) {
      await runSql(cluster.target.url(), `CREATE DATABASE "${name}_${target}" OWNER ${roles.target}`);
      if (everywhere.length > 0) await runSql(cluster.target.url(`${name}_${target}`), ...everywhere);
    }
    const environment = stageEnvironment(cluster, name, { targets, urls: options.urls ?? {} });
    const stage = new Stage(cluster, options, await DongboHome.create({}, environment));
    await stage.onMaster(...options.master);
    stage.configure(options);
    await stage.#publish();
    return stage;
  }

  /** Writes another dongbo.yaml: the stage's own with some parts replaced. */
  configure(changes: Partial<Plan>): void {
    const options = { ...this.#options, ...changes };
    const config = populationConfig({
      shares: options.shares,
      copies: options.copies,
      regulation: options.regulation ?? {},
      source: { slot: `dongbo_${this.#options.name}`, ...options.source },
    }) as { shares: object[]; listen: string };
    config.shares = config.shares.map((share) => ({ ...share, ...options.share }));
    config.listen = "127.0.0.1:0";
    this.home.writeConfig(config);
  }

  async #publish(): Promise<void> {
    const shared = [...new Set(Object.values(this.#options.shares).flatMap((tables) => tables.map((table) => quoteName(table.source))))];
    const tables = this.#options.published ?? shared;
    if (tables.length === 0) return;
    const settings = ["publish_via_partition_root = true", this.#options.publicationOptions].filter((text) => text !== undefined);
    await this.onMaster(`CREATE PUBLICATION dongbo_population FOR TABLE ${tables.join(", ")} WITH (${settings.join(", ")})`);
  }

  get slot(): string {
    return `dongbo_${this.#options.name}`;
  }

  get masterUrl(): string {
    return this.#cluster.source.url(`m_${this.#options.name}`, roles.owner, null);
  }

  databaseOf(target: string): string {
    return `${this.#options.name}_${target}`;
  }

  targetUrl(target: string, role: string = roles.reader): string {
    return this.#cluster.target.url(`${this.#options.name}_${target}`, role, null);
  }

  /** Statements as the owner of the master's tables. */
  onMaster(...statements: readonly string[]): Promise<Row[]> {
    return runSql(this.masterUrl, ...statements);
  }

  /** Statements as superuser of the master. */
  onMasterAsSuperuser(...statements: readonly string[]): Promise<Row[]> {
    return runSql(this.#cluster.source.url(`m_${this.#options.name}`), ...statements);
  }

  /** Statements as the owner of a target database. */
  onTarget(target: string, ...statements: readonly string[]): Promise<Row[]> {
    return runSql(this.#cluster.target.url(`${this.#options.name}_${target}`), ...statements);
  }

  /** What a reader gets; the SQLSTATE where it is refused or there is nothing yet. */
  async read(target: string, sql: string): Promise<Row[] | string> {
    try {
      return await runSql(this.targetUrl(target), sql);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === undefined || !["DB001", "42P01", "3F000", "42703", "42501", "28000"].includes(code)) throw error;
      return code;
    }
  }

  /** Starts `dongbo run` unless it runs. */
  start(...options: readonly string[]): DongboProcess {
    if (this.#running === null || this.#running.exit !== null) this.#running = this.home.start(["run", ...options]);
    return this.#running;
  }

  async stop(): Promise<DongboProcess> {
    const running = this.start();
    // Before its first word a process has not yet said how it wants to be ended.
    await running.waitForOutput(/dongbo runs/);
    const exit = await running.terminate();
    if (exit.code !== 0 && exit.code !== 5) throw new Error(running.describe());
    this.#running = null;
    return running;
  }

  /** Ends the engine as a power cut would. */
  async kill(): Promise<void> {
    await this.#running?.kill9();
    this.#running = null;
  }

  /** `dongbo run --until-caught-up`; throws when it leaves with another code than expected. */
  async catchUp(expectedCode = 0): Promise<Finished> {
    const finished = await this.home.run(["run", "--until-caught-up"], 90_000);
    if (finished.code !== expectedCode || (expectedCode === 0 && finished.stderr.includes('"level":"error"'))) {
      throw new Error(`left with ${finished.code ?? finished.signal}, not ${expectedCode}\n${finished.stdout}\n${finished.stderr}`);
    }
    return finished;
  }

  /** Runs a command that must leave with 0. */
  async command(...parameters: readonly string[]): Promise<Finished> {
    const finished = await this.home.run(parameters);
    if (finished.code !== 0) throw new Error(`dongbo ${parameters.join(" ")}\n${finished.stdout}\n${finished.stderr}`);
    return finished;
  }

  async status(id: string): Promise<SubscriptionStatus> {
    const report = await this.home.json<{ subscriptions: SubscriptionStatus[] }>(["status"], [0, 5]);
    const found = report.subscriptions.find((subscription) => subscription.id === id);
    if (found === undefined) throw new Error(`no subscription ${id} in ${JSON.stringify(report)}`);
    return found;
  }

  /** One copy as the target itself records it; null before it is there. Cheap enough to be polled. */
  async record(target: string, table: string): Promise<Row | null> {
    try {
      const rows = await this.onTarget(target, `SELECT * FROM dongbo.copy WHERE target_table = '${table}' AND withdrawn_at IS NULL`);
      return rows[0] ?? null;
    } catch (error) {
      if (["42P01", "3F000"].includes((error as { code?: string }).code ?? "")) return null;
      throw error;
    }
  }

  /** Waits, while the engine runs, until a copy reads as wanted: the query's rows as arrays of texts, or the SQLSTATE. */
  async shows(target: string, sql: string, wanted: string | readonly (readonly (string | null)[])[], deadlineMs = 90_000): Promise<void> {
    let seen: unknown = null;
    const expected = JSON.stringify(wanted);
    await waitUntil(
      async () => {
        if (this.#running !== null && this.#running.exit !== null) throw new Error(`the engine left: ${this.#running.describe()}`);
        const answer = await this.read(target, sql);
        seen = typeof answer === "string" ? answer : answer.map((row) => Object.values(row));
        return JSON.stringify(seen) === expected;
      },
      {
        describe: `${target}: ${sql} to give ${expected}`,
        deadlineMs,
        everyMs: 100,
        detail: async () => `last seen: ${JSON.stringify(seen)}\n${await this.#describe(target)}`,
      },
    );
  }

  /** Waits until the copy's record has a value: `await stage.recorded("hcm", "p.t", (row) => row["stopped_code"] !== null)`. */
  async recorded(target: string, table: string, condition: (row: Row) => boolean, deadlineMs = 90_000): Promise<Row> {
    let last: Row | null = null;
    return waitUntil(
      async () => {
        if (this.#running !== null && this.#running.exit !== null) throw new Error(`the engine left: ${this.#running.describe()}`);
        last = await this.record(target, table);
        return last !== null && condition(last) ? last : null;
      },
      {
        describe: `the record of ${table} in ${target}: ${String(condition)}`,
        deadlineMs,
        everyMs: 100,
        detail: async () => `last seen: ${JSON.stringify(last)}\n${await this.#describe(target)}`,
      },
    );
  }

  async #describe(target: string): Promise<string> {
    const sql =
      "SELECT target_table, share_state, v.copy_state, reason, v.rows_quarantined, c.stopped_code, stopped_message, c.load FROM dongbo.verdict AS v JOIN dongbo.copy AS c USING (subscription, target_table)";
    const copies = await this.onTarget(target, sql).catch(String);
    return `${JSON.stringify(copies)}\n${this.#running?.describe() ?? ""}`;
  }

  /** What differs between the master and a copy, in words; empty when they are equal. */
  async differences(target: string, side: Side): Promise<string[]> {
    const { key, columns } = side;
    const source = { url: this.masterUrl, table: side.source, key, columns, ...(side.where === undefined ? {} : { where: side.where }) };
    const result = await compareCopy(source, { url: this.targetUrl(target), table: side.target, key, columns });
    return result.equal ? [] : [describeComparison(`${target} ${side.target}`, result)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    // The slot would keep log for the tests that follow.
    await runSql(
      this.#cluster.source.url(),
      `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${this.slot}' AND active`,
    ).catch(() => {});
    await waitUntil(
      () =>
        runSql(
          this.#cluster.source.url(),
          `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${this.slot}'`,
        ).then(
          () => true,
          (error: { code?: string }) => error.code !== "55006",
        ),
      { describe: `slot ${this.slot} to be free` },
    );
  }
}

function stageEnvironment(
  cluster: Cluster,
  name: string,
  { targets, urls }: { targets: readonly string[]; urls: Readonly<Record<string, string>> },
): Record<string, string> {
  return {
    CONTROL_URL: cluster.target.url(`c_${name}`, roles.control, null),
    POPULATION_URL: urls["master"] ?? cluster.source.url(`m_${name}`, roles.source, null),
    ...Object.fromEntries(
      targets.map((target) => [
        `TARGET_${target.toUpperCase()}_URL`,
        urls[target] ?? cluster.target.url(`${name}_${target}`, roles.target, null),
      ]),
    ),
  };
}

/** `schema.table`, split at the first dot, as SQL. */
export function quoteName(name: string | readonly string[]): string {
  const parts = typeof name === "string" ? [name.slice(0, name.indexOf(".")), name.slice(name.indexOf(".") + 1)] : name;
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
}
