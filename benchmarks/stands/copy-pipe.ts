// The fastest way that PostgreSQL offers by itself: one COPY out of the register into another one, a table with its primary key.
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";
import { citizenColumns, citizenDdl } from "./register-sql.ts";

const columns = citizenColumns.join(", ");

export class CopyPipe implements AsyncDisposable {
  readonly #stand: PostgresStand;
  readonly #database: string;

  private constructor(stand: PostgresStand, database: string) {
    this.#stand = stand;
    this.#database = database;
  }

  /** An empty table in a database of its own. */
  static async create(stand: PostgresStand, name: string): Promise<CopyPipe> {
    const database = `bench_${name}`;
    await stand.target.query(`CREATE DATABASE ${database}`);
    await stand.target.query(citizenDdl, database);
    return new CopyPipe(stand, database);
  }

  /** From connecting to the commit. */
  async load(): Promise<void> {
    const source = new pg.Client({ connectionString: this.#stand.source.url(registerDatabase) });
    const target = new pg.Client({ connectionString: this.#stand.target.url(this.#database) });
    await Promise.all([source.connect(), target.connect()]);
    try {
      const rows = source.query(copyTo(`COPY (SELECT ${columns} FROM public.citizen) TO STDOUT`));
      await pipeline(rows, target.query(copyFrom(`COPY public.citizen (${columns}) FROM STDIN`)));
    } finally {
      await Promise.all([source.end(), target.end()]);
    }
  }

  /** Whether the table holds exactly the register, as the servers see it. */
  async isEqual(): Promise<boolean> {
    const due = await this.#stand.registerDigest(citizenColumns);
    return (await this.#stand.copyDigest(this.#database, "public.citizen", citizenColumns)) === due;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stand.target.query(`DROP DATABASE ${this.#database} WITH (FORCE)`);
  }
}
