// A dongbo installation that keeps one whole copy, from either family into either family.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { benchConfiguration, type Family } from "./bench-configuration.ts";
import { EngineProcess, type EngineStart, type EngineUsage } from "./engine-process.ts";
import { copyTable } from "./installation.ts";
import { postgresDigestSql } from "./mariadb-register.ts";
import { commonColumns } from "./register-sql.ts";
import type { MariaDbServers } from "./mariadb-servers.ts";
import { type PostgresStand, registerDatabase, roleOf } from "./postgres-stand.ts";
import { type ReconcileUsage, runReconcile } from "./reconcile-process.ts";

export interface Pair {
  readonly source: Family;
  readonly target: Family;
}

/** The server of copies on MariaDB holds one at a time. */
export class PairInstallation implements AsyncDisposable {
  readonly #stand: PostgresStand;
  readonly #mariaDb: MariaDbServers;
  readonly #pair: Pair;
  readonly #name: string;

  private constructor(stand: PostgresStand, mariaDb: MariaDbServers, pair: Pair, name: string) {
    this.#stand = stand;
    this.#mariaDb = mariaDb;
    this.#pair = pair;
    this.#name = name;
  }

  /** An empty target. The name is unlike every other one's. */
  static async create(stand: PostgresStand, pair: Pair, name: string): Promise<PairInstallation> {
    const installation = new PairInstallation(stand, await stand.mariaDb(), pair, name);
    const role = roleOf(stand.target);
    for (const database of installation.#databases) await stand.target.query(`CREATE DATABASE ${database} OWNER ${role}`);
    if (pair.target === "mysql") await installation.#mariaDb.clearCopies();
    if (pair.source === "postgres")
      await stand.source.query(`CREATE PUBLICATION dongbo_${name} FOR TABLE public.citizen`, registerDatabase);
    mkdirSync(installation.#home);
    const table = pair.source === "postgres" ? "public.citizen" : "register.citizen";
    const configuration = benchConfiguration({
      source: { name, connector: pair.source, table },
      targets: [{ connector: pair.target }],
      columns: commonColumns,
    });
    writeFileSync(join(installation.#home, "dongbo.yaml"), stringify(configuration));
    return installation;
  }

  catchUp(): Promise<EngineUsage> {
    return this.start(["--until-caught-up"]).ended();
  }

  /** Starts the engine; whoever starts it ends it. */
  start(options: readonly string[] = []): EngineProcess {
    return new EngineProcess({ ...this.#process, options });
  }

  /** Compares the copy with the register. */
  reconcile(): Promise<ReconcileUsage> {
    return runReconcile({ ...this.#process, pace: "fast" });
  }

  /** Whether the copy holds exactly what the register does, as both servers see it. */
  async isEqual(): Promise<boolean> {
    const due =
      this.#pair.source === "postgres"
        ? await this.#stand.digest(this.#stand.source, postgresDigestSql("public.citizen"), registerDatabase)
        : await this.#mariaDb.digest(this.#mariaDb.source, "register.citizen");
    const [, copy] = this.#databases;
    const held =
      this.#pair.target === "postgres"
        ? await this.#stand.digest(this.#stand.target, postgresDigestSql(copyTable), copy)
        : await this.#mariaDb.digest(this.#mariaDb.copies, copyTable);
    return held === due;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#pair.source === "postgres") await this.#stand.release(this.#name);
    for (const database of this.#databases) await this.#stand.target.query(`DROP DATABASE ${database} WITH (FORCE)`);
  }

  get #home(): string {
    return join(this.#stand.folder, this.#name);
  }

  /** What its processes start with. */
  get #process(): Omit<EngineStart, "options"> {
    const { source, target, nodeOptions } = this.#stand;
    const [control, copy] = this.#databases;
    const environment = {
      SOURCE_URL: this.#pair.source === "postgres" ? source.url(registerDatabase, "dongbo") : this.#mariaDb.source.url("", "dongbo"),
      TARGET_0_URL: this.#pair.target === "postgres" ? target.url(copy, "dongbo") : this.#mariaDb.copies.url("", "dongbo"),
      CONTROL_URL: target.url(control, "dongbo"),
    };
    return { home: this.#home, environment, nodeOptions };
  }

  /** On PostgreSQL: for the control records, and for the copy where it is kept there. */
  get #databases(): readonly [string, string] {
    return [`bench_${this.#name}_control`, `bench_${this.#name}_copy`];
  }
}
