// How work gets done over time, the same for everybody who writes: the log that the target's server has written.
import pg from "pg";
import type { Point } from "../suite/workload.ts";
import type { PostgresServer } from "./postgres-stand.ts";

const lookMs = 100;

export class ProgressWatch implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #points: Point[] = [];
  readonly #started = performance.now();
  #start = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async start(server: PostgresServer): Promise<ProgressWatch> {
    const client = new pg.Client({ connectionString: server.url() });
    // A look that is under way tells of a lost connection.
    client.on("error", () => {});
    await client.connect();
    const watch = new ProgressWatch(client);
    watch.#start = await watch.#written();
    watch.#timer = setInterval(() => {
      watch.#looking = watch.#looking.then(() => watch.#look());
    }, lookMs);
    return watch;
  }

  /** Looks no more. */
  async stop(): Promise<readonly Point[]> {
    clearInterval(this.#timer);
    await this.#looking;
    return this.#points;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.end();
  }

  async #look(): Promise<void> {
    this.#points.push({ atSeconds: (performance.now() - this.#started) / 1000, value: (await this.#written()) - this.#start });
  }

  /** Megabytes since the server was made. */
  async #written(): Promise<number> {
    const { rows } = await this.#client.query<{ mb: string }>("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn) / 1e6 AS mb");
    return Number(rows[0]?.mb);
  }
}
