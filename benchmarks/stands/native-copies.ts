// PostgreSQL's own logical replication with its defaults, as the anchor: one subscription for each copy, with a row filter and a
// column list where the copy is partial.
import pg from "pg";
import { setTimeout as pause } from "node:timers/promises";
import { type CopyPart, conditionOf } from "./installation.ts";
import { type PostgresServer, type PostgresStand, registerDatabase } from "./postgres-stand.ts";
import { citizenColumns, citizenDdl } from "./register-sql.ts";

/** How often the target is asked whether it is done, milliseconds: rare enough to cost nothing, and below what is measured. */
const askMs = 5;
const deadlineMs = 3_600_000;

/** Settings that a server needs for each subscription, or some of them would wait for ever. */
const neededOnSource = ["max_replication_slots", "max_wal_senders"];
const neededOnTarget = ["max_logical_replication_workers", "max_worker_processes"];

export class NativeCopies implements AsyncDisposable {
  readonly #stand: PostgresStand;
  readonly #name: string;
  readonly #parts: readonly CopyPart[];
  /** Asks for the state of all subscriptions, in the first copy's database. */
  readonly #observer: pg.Client;
  #subscribed = false;

  private constructor(stand: PostgresStand, name: string, parts: readonly CopyPart[]) {
    this.#stand = stand;
    this.#name = name;
    this.#parts = parts;
    this.#observer = new pg.Client({ connectionString: stand.target.url(this.database(0)) });
  }

  /** Empty tables and publications. Throws when a server that was given allows too few subscriptions. */
  static async create(stand: PostgresStand, name: string, parts: readonly CopyPart[]): Promise<NativeCopies> {
    await refuseTooFew(stand.source, neededOnSource, parts.length);
    await refuseTooFew(stand.target, neededOnTarget, parts.length);
    const copies = new NativeCopies(stand, name, parts);
    for (const [at, part] of parts.entries()) {
      const database = copies.database(at);
      await stand.target.query(`CREATE DATABASE ${database}`);
      await stand.target.query(tableOf(part), database);
      const columns = part.columns === undefined ? "" : ` (${part.columns.join(", ")})`;
      const filter = part.where === undefined ? "" : ` WHERE (${conditionOf(part)})`;
      await stand.source.query(`CREATE PUBLICATION ${database} FOR TABLE public.citizen${columns}${filter}`, registerDatabase);
    }
    // A question that is under way tells of a lost connection.
    copies.#observer.on("error", () => {});
    await copies.#observer.connect();
    return copies;
  }

  /** Subscribes, and waits until every table has been copied and handed over to the stream. */
  async load(): Promise<void> {
    const connection = this.#stand.source.url(registerDatabase);
    this.#subscribed = true;
    await this.#each((database) => `CREATE SUBSCRIPTION ${database} CONNECTION '${connection}' PUBLICATION ${database}`);
    for (const at of this.#parts.keys()) await this.#loaded(this.database(at));
  }

  /** Waits until the transaction that ended after this position has been applied by every subscription. */
  async reach(lsn: string): Promise<void> {
    await until(async () => {
      const { rows } = await this.#observer.query<{ behind: boolean }>(
        `SELECT bool_or(o.remote_lsn IS NULL OR o.remote_lsn < $1::pg_lsn) AS behind
           FROM pg_subscription AS s LEFT JOIN pg_replication_origin_status AS o ON o.external_id = 'pg_' || s.oid
          WHERE starts_with(s.subname, $2)`,
        [lsn, `bench_${this.#name}_`],
      );
      return rows[0]?.behind === false;
    });
  }

  async enable(): Promise<void> {
    await this.#each((database) => `ALTER SUBSCRIPTION ${database} ENABLE`);
  }

  /** Stops applying and waits until the workers have gone. */
  async disable(): Promise<void> {
    await this.#each((database) => `ALTER SUBSCRIPTION ${database} DISABLE`);
    await until(async () => {
      const [row] = await this.#stand.source.query(
        `SELECT count(*) AS active FROM pg_replication_slots WHERE starts_with(slot_name, 'bench_${this.#name}_') AND active`,
      );
      return row?.["active"] === "0";
    });
  }

  /** Whether every copy holds exactly its part of the register, as the servers see it. */
  async isEqual(): Promise<boolean> {
    for (const [at, part] of this.#parts.entries()) {
      const columns = part.columns ?? citizenColumns;
      const due = await this.#stand.registerDigest(columns, conditionOf(part));
      if ((await this.#stand.copyDigest(this.database(at), "public.citizen", columns)) !== due) return false;
    }
    return true;
  }

  database(at: number): string {
    return `bench_${this.#name}_${at}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#observer.end();
    if (this.#subscribed) await this.#each((database) => `DROP SUBSCRIPTION IF EXISTS ${database}`);
    for (const at of this.#parts.keys()) {
      await this.#stand.source.query(`DROP PUBLICATION ${this.database(at)}`, registerDatabase);
      await this.#stand.target.query(`DROP DATABASE ${this.database(at)} WITH (FORCE)`);
    }
  }

  async #each(sql: (database: string) => string): Promise<void> {
    await Promise.all(
      [...this.#parts.keys()].map(async (at) => {
        await this.#stand.target.query(sql(this.database(at)), this.database(at));
      }),
    );
  }

  async #loaded(database: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#stand.target.url(database) });
    await client.connect();
    try {
      await until(async () => {
        const { rows } = await client.query<{ done: boolean }>(
          "SELECT bool_and(srsubstate IN ('s', 'r')) AS done FROM pg_subscription_rel",
        );
        return rows[0]?.done === true;
      });
    } finally {
      await client.end();
    }
  }
}

async function refuseTooFew(server: PostgresServer, names: readonly string[], copies: number): Promise<void> {
  // A copy that is being loaded takes a second one, and dongbo and the server itself have their own.
  const needed = copies + 4;
  const listed = names.map((name) => `'${name}'`).join(", ");
  const low = await server.query(
    `SELECT name || ' = ' || setting AS found FROM pg_settings WHERE name IN (${listed}) AND setting::int < ${needed}`,
  );
  const found = low.map((row) => String(row["found"]));
  if (found.length > 0)
    throw new Error(`${copies} native subscriptions need at least ${needed} of each; the server has ${found.join(", ")}`);
}

/** The register's table with the copy's columns. */
function tableOf({ columns }: CopyPart): string {
  if (columns === undefined) return citizenDdl;
  const dropped = citizenColumns.filter((column) => !columns.includes(column));
  return `${citizenDdl}; ALTER TABLE public.citizen ${dropped.map((column) => `DROP COLUMN ${column}`).join(", ")}`;
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error("the native subscriptions were not done within an hour");
    await pause(askMs);
  }
}
