// A dongbo installation that keeps copies of the register, each in a database of its own on the target's server.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { runDongbo } from "../../deploy/processes/cli.ts";
import { exitCode } from "../../deploy/processes/terminal.ts";
import { benchConfiguration } from "./bench-configuration.ts";
import { EngineProcess, type EngineUsage } from "./engine-process.ts";
import { type PostgresStand, registerDatabase, roleOf } from "./postgres-stand.ts";
import { type Pace, type ReconcileUsage, runReconcile } from "./reconcile-process.ts";
import { citizenColumns } from "./register-sql.ts";

/** What one copy holds. */
export interface CopyPart {
  /** Columns, the key first; all when absent. */
  readonly columns?: readonly string[];
  /** Which of a column's values; all rows when absent. */
  readonly where?: { readonly column: string; readonly values: readonly string[] };
}

/** SQL of the same choice. */
export function conditionOf({ where }: CopyPart): string {
  return where === undefined ? "true" : `${where.column} IN ('${where.values.join("','")}')`;
}

/** Where the rows of a copy physically are; what readers see refuses them outside of their validity. */
export const copyTable = "copy_copy.citizen";

export class Installation implements AsyncDisposable {
  readonly #stand: PostgresStand;
  readonly #name: string;
  readonly #parts: readonly CopyPart[];

  private constructor(stand: PostgresStand, name: string, parts: readonly CopyPart[]) {
    this.#stand = stand;
    this.#name = name;
    this.#parts = parts;
  }

  /** Empty targets, and a configuration with one subscription for each part. The name is unlike every other one's. */
  static async create(stand: PostgresStand, name: string, parts: readonly CopyPart[]): Promise<Installation> {
    const installation = new Installation(stand, name, parts);
    const role = roleOf(stand.target);
    for (const database of installation.#databases) await stand.target.query(`CREATE DATABASE ${database} OWNER ${role}`);
    await stand.source.query(`CREATE PUBLICATION dongbo_${name} FOR TABLE public.citizen`, registerDatabase);
    mkdirSync(installation.#home);
    writeFileSync(installation.configuration, stringify(installation.#content()));
    return installation;
  }

  /** Runs the engine until every copy holds what the register held when it was started. */
  catchUp(): Promise<EngineUsage> {
    return this.start(["--until-caught-up"]).ended();
  }

  /** Starts the engine; whoever starts it ends it. */
  start(options: readonly string[] = []): EngineProcess {
    return new EngineProcess({
      home: this.#home,
      environment: this.environment,
      options,
      nodeOptions: this.#stand.nodeOptions,
    });
  }

  /** Compares every copy with its part of the register. */
  reconcile(pace: Pace = "fast"): Promise<ReconcileUsage> {
    return runReconcile({ home: this.#home, environment: this.environment, nodeOptions: this.#stand.nodeOptions, pace });
  }

  /**
   * Gives one of dongbo's commands for this installation, within this process: what a process takes to start is not measured.
   * Throws, with what was printed, when it fails.
   */
  async command(...parameters: readonly string[]): Promise<void> {
    let printed = "";
    const print = (text: string): void => {
      printed += text;
    };
    const code = await runDongbo([...parameters, "--config", this.configuration], {
      out: print,
      err: print,
      screen: null,
      environment: this.environment,
      timeZone: "UTC",
      interrupted: new AbortController().signal,
    });
    if (code !== exitCode.ok) throw new Error(`dongbo ${parameters.join(" ")} ended with ${code}:\n${printed}`);
  }

  /** Whether every copy holds exactly its part of the register, as the servers see it. */
  async isEqual(): Promise<boolean> {
    for (const [at, part] of this.#parts.entries()) {
      const columns = part.columns ?? citizenColumns;
      const due = await this.#stand.registerDigest(columns, conditionOf(part));
      if ((await this.#stand.copyDigest(this.database(at), copyTable, columns)) !== due) return false;
    }
    return true;
  }

  /** Database of the copy with that number. */
  database(at: number): string {
    return `bench_${this.#name}_${at}`;
  }

  /** Path of its configuration. */
  get configuration(): string {
    return join(this.#home, "dongbo.yaml");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stand.release(this.#name);
    for (const database of this.#databases) await this.#stand.target.query(`DROP DATABASE ${database} WITH (FORCE)`);
  }

  get #home(): string {
    return join(this.#stand.folder, this.#name);
  }

  get #control(): string {
    return `bench_${this.#name}_control`;
  }

  get #databases(): string[] {
    return [this.#control, ...this.#parts.map((_, at) => this.database(at))];
  }

  /** What the configuration refers to. */
  get environment(): Readonly<Record<string, string>> {
    const { source, target } = this.#stand;
    return {
      SOURCE_URL: source.url(registerDatabase, "dongbo"),
      CONTROL_URL: target.url(this.#control, "dongbo"),
      ...Object.fromEntries(this.#parts.map((_, at) => [`TARGET_${at}_URL`, target.url(this.database(at), "dongbo")])),
    };
  }

  /** One share; copies differ by the values alone. */
  #content(): object {
    const [first = {}] = this.#parts;
    return benchConfiguration({
      source: { name: this.#name, connector: "postgres", table: "public.citizen" },
      targets: this.#parts.map(({ where }) => ({ connector: "postgres", ...(where === undefined ? {} : { values: where.values }) })),
      ...(first.columns === undefined ? {} : { columns: first.columns }),
      ...(first.where === undefined ? {} : { filterColumn: first.where.column }),
    });
  }
}
