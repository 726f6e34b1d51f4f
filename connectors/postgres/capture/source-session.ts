// One ordinary session on the source beside the replication connection, for short queries; opened when first needed and
// again after it was lost.
import type pg from "pg";
import type { ReplicationError } from "../../../engine/model/replication-error.ts";
import { endPostgres } from "../postgres-client.ts";
import { sqlState, toReplicationError } from "../postgres-errors.ts";

/** All values are text. */
export type TextRow = Readonly<Record<string, string | null>>;

export class SourceSession {
  readonly #connect: () => Promise<pg.Client>;
  readonly #subject: string;
  #client: pg.Client | null = null;
  /** Queries run one after the other: the driver would queue them anyway, and a lost session must be opened once. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(connect: () => Promise<pg.Client>, subject: string) {
    this.#connect = connect;
    this.#subject = subject;
  }

  /**
   * Runs one query that reads. Tried a second time when the session turns out to have been lost since the last one: a
   * server that was restarted in between is no failure. Throws ReplicationError.
   */
  read(sql: string, values: readonly string[] = []): Promise<readonly TextRow[]> {
    const run = this.#last.then(() => this.#read(sql, values));
    this.#last = run.catch(() => {});
    return run;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    if (client !== null) await endPostgres(client);
  }

  async #read(sql: string, values: readonly string[]): Promise<readonly TextRow[]> {
    const reused = this.#client !== null;
    try {
      return await this.#query(sql, values);
    } catch (error) {
      const failure = await this.#failed(error);
      if (!reused || !isLost(failure)) throw failure;
    }
    try {
      return await this.#query(sql, values);
    } catch (error) {
      throw await this.#failed(error);
    }
  }

  async #failed(error: unknown): Promise<ReplicationError> {
    const failure = toReplicationError(error, this.#subject);
    if (isLost(failure)) await this.close();
    return failure;
  }

  async #query(sql: string, values: readonly string[]): Promise<readonly TextRow[]> {
    this.#client ??= await this.#connect();
    const result = await this.#client.query<TextRow>(sql, [...values]);
    return result.rows;
  }
}

/** The session is of no use after this: it is gone, or the server is ending it. */
function isLost(error: ReplicationError): boolean {
  const state = sqlState(error);
  return state === null || state.startsWith("57P") || state.startsWith("08");
}
