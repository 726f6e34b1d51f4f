// One installation for one test that needs MariaDB on either side: servers of its own, a master database and a dongbo.
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import type { NormalForm } from "../checker/normal-forms.ts";
import { roles, runSql } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import { runMysql } from "../support/mysql-session.ts";
import { type CopyPlan, populationConfig, populationEnvironment, type TableShare } from "../support/population-config.ts";
import { Families, type MasterKind } from "../support/two-families.ts";
import { type Row, StagedEngine } from "./staged-engine.ts";

export interface PairPlan {
  readonly shares: Readonly<Record<string, readonly TableShare[]>>;
  /** Targets on MariaDB say so by their connector. */
  readonly copies: readonly CopyPlan[];
  readonly regulation?: object;
  /** Merged into every share. */
  readonly share?: object;
  readonly source?: object;
}

export interface PairOptions extends PairPlan {
  readonly master: MasterKind;
  /** Makes the tables and their rows, as the owner of the master; on MariaDB in the database `national`. */
  readonly tables: readonly string[];
  /** Run by a superuser of the master before. */
  readonly before?: readonly string[];
  /** Databases of the views on MariaDB targets; `population` when left out. */
  readonly targetDatabases?: readonly string[];
  readonly masterSettings?: Readonly<Record<string, string | number>>;
  readonly targetSettings?: Readonly<Record<string, string | number>>;
  /** Tables that are published, quoted for SQL, where the master is PostgreSQL; those that are shared when left out. */
  readonly published?: readonly string[];
}

/** What a comparison of one copied table with the master needs to know. */
export interface ComparedColumns {
  readonly key: readonly string[];
  /** Column → what it holds, in order. */
  readonly forms: Readonly<Record<string, NormalForm>>;
  /** The copy's filter as SQL on the master. */
  readonly where?: string;
}

export class PairStage extends StagedEngine {
  readonly servers: Families;
  readonly #options: PairOptions;

  private constructor(servers: Families, options: PairOptions, home: DongboHome) {
    super(home);
    this.servers = servers;
    this.#options = options;
  }

  static async create(options: PairOptions): Promise<PairStage> {
    const targets = [...new Map(options.copies.map((copy) => [copy.target, copy.connector ?? "postgres"])).entries()];
    const named = (kind: MasterKind) => targets.filter(([, connector]) => connector === kind).map(([name]) => name);
    const { master, masterSettings = {}, targetSettings = {}, targetDatabases = ["population"] } = options;
    const servers = await Families.start({
      master,
      postgresTargets: named("postgres"),
      mysqlTargets: named("mysql"),
      masterSettings,
      targetSettings,
      targetDatabases,
    });
    const environment = populationEnvironment(
      servers,
      targets.map(([name]) => name),
    );
    const stage = new PairStage(servers, options, await DongboHome.create({}, environment));
    await stage.onMasterAsSuperuser(...(options.before ?? []));
    await stage.onMaster(...options.tables);
    stage.configure(options);
    if (master === "postgres") {
      const shared = [...new Set(Object.values(options.shares).flatMap((tables) => tables.map((table) => table.source)))];
      await servers.cluster.publish("population", options.published ?? shared);
    }
    return stage;
  }

  /** Writes another dongbo.yaml: the stage's own with some parts replaced. */
  configure(changes: Partial<PairPlan>): void {
    const options = { ...this.#options, ...changes };
    const config = populationConfig({
      shares: options.shares,
      copies: options.copies,
      regulation: options.regulation ?? {},
      source: { connector: this.#options.master, ...options.source },
    }) as { shares: object[]; listen: string };
    config.shares = config.shares.map((share) => ({ ...share, ...options.share }));
    config.listen = "127.0.0.1:0";
    this.home.writeConfig(config);
  }

  /** Statements as the owner of the master's tables. */
  onMaster(...statements: readonly string[]): Promise<Row[]> {
    const url = this.servers.sourceUrl(roles.owner);
    return this.#options.master === "mysql" ? runMysql(url, ...statements) : runSql(url, ...statements);
  }

  onMasterAsSuperuser(...statements: readonly string[]): Promise<Row[]> {
    const { mysqlMaster, cluster } = this.servers;
    return mysqlMaster === null ? runSql(cluster.source.url("national"), ...statements) : runMysql(mysqlMaster.url(), ...statements);
  }

  /** Statements as superuser of a target. */
  onTarget(target: string, ...statements: readonly string[]): Promise<Row[]> {
    const server = this.servers.mysqlTargets.get(target);
    return server === undefined ? runSql(this.servers.cluster.target.url(target), ...statements) : runMysql(server.url(), ...statements);
  }

  override async read(target: string, sql: string): Promise<Row[] | string> {
    const url = this.servers.targetUrl(target, roles.reader);
    const mysql = this.servers.mysqlTargets.has(target);
    try {
      return await (mysql ? runMysql(url, sql) : runSql(url, sql));
    } catch (error) {
      const { code, sqlState } = error as { code?: string; sqlState?: string };
      const state = mysql ? sqlState : code;
      if (state === undefined || !noAnswers.has(state)) throw error;
      return state;
    }
  }

  override async record(target: string, table: string): Promise<Row | null> {
    try {
      const rows = await this.onTarget(target, `SELECT * FROM dongbo.copy WHERE target_table = '${table}' AND withdrawn_at IS NULL`);
      return rows[0] ?? null;
    } catch (error) {
      const { code, sqlState } = error as { code?: string; sqlState?: string };
      if (noAnswers.has(sqlState ?? code ?? "")) return null;
      throw error;
    }
  }

  /** What differs between the master and a copy, in words; empty when they are equal. `table`: the master's, as SQL. */
  async differences(target: string, table: string, view: string, shape: ComparedColumns): Promise<string[]> {
    const { where, ...side } = { ...shape, columns: Object.keys(shape.forms) };
    const source = { url: this.servers.sourceUrl(roles.owner), table, ...side, ...(where === undefined ? {} : { where }) };
    const result = await compareCopy(source, { url: this.servers.targetUrl(target, roles.reader), table: view, ...side });
    return result.equal ? [] : [describeComparison(`${target} ${view}`, result)];
  }

  protected override async describe(target: string): Promise<string> {
    const sql = "SELECT target_table, copy_state, stopped_code, stopped_message FROM dongbo.copy";
    return JSON.stringify(await this.onTarget(target, sql).catch(String));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.servers[Symbol.asyncDispose]();
  }
}

/** Refused, not there yet, or no right yet, on both kinds of servers. */
const noAnswers = new Set(["DB001", "42P01", "3F000", "42703", "42501", "28000", "42S02", "42000", "42S22"]);
