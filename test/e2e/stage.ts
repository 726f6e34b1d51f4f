// One installation for one test: a master database, databases of copies and a dongbo, on the servers that a file's tests share.
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import { type Cluster, roles, runSql } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import { type CopyPlan, populationConfig, type TableShare } from "../support/population-config.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type Row, StagedEngine } from "./staged-engine.ts";

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

export class Stage extends StagedEngine {
  readonly #cluster: Cluster;
  readonly #options: StageOptions;

  private constructor(cluster: Cluster, options: StageOptions, home: DongboHome) {
    super(home);
    this.#cluster = cluster;
    this.#options = options;
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

  override async read(target: string, sql: string): Promise<Row[] | string> {
    try {
      return await runSql(this.targetUrl(target), sql);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === undefined || !["DB001", "42P01", "3F000", "42703", "42501", "28000"].includes(code)) throw error;
      return code;
    }
  }

  override async record(target: string, table: string): Promise<Row | null> {
    try {
      const rows = await this.onTarget(target, `SELECT * FROM dongbo.copy WHERE target_table = '${table}' AND withdrawn_at IS NULL`);
      return rows[0] ?? null;
    } catch (error) {
      if (["42P01", "3F000"].includes((error as { code?: string }).code ?? "")) return null;
      throw error;
    }
  }

  protected override async describe(target: string): Promise<string> {
    const sql =
      "SELECT target_table, share_state, v.copy_state, reason, v.rows_quarantined, c.stopped_code, stopped_message, c.load FROM dongbo.verdict AS v JOIN dongbo.copy AS c USING (subscription, target_table)";
    const copies = await this.onTarget(target, sql).catch(String);
    return JSON.stringify(copies);
  }

  /** What differs between the master and a copy, in words; empty when they are equal. */
  async differences(target: string, side: Side): Promise<string[]> {
    const { key, columns } = side;
    const source = { url: this.masterUrl, table: side.source, key, columns, ...(side.where === undefined ? {} : { where: side.where }) };
    const result = await compareCopy(source, { url: this.targetUrl(target), table: side.target, key, columns });
    return result.equal ? [] : [describeComparison(`${target} ${side.target}`, result)];
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
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
