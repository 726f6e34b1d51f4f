// The one session of a compared table on a PostgreSQL server: short read-only transactions, one after the other.
import type pg from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { KeyRange, QuickHash } from "../../../engine/ports/compared-table.ts";
import type { AnswerRow } from "../../compared-answers.ts";
import type { ComparedSide } from "../../compared-side.ts";
import { connectPostgres, endPostgres } from "../postgres-client.ts";
import { toReplicationError } from "../postgres-errors.ts";
import { beginRead } from "../snapshot/read-sql.ts";
import type { Printing } from "./canonical-sql.ts";

export interface CompareSessionOptions {
  readonly address: ServerAddress;
  /** What errors name: the table. */
  readonly subject: string;
  readonly statementTimeoutMs: number;
  /** The table that is read, looked up once for each session; null: it has not the columns that are compared. */
  readonly side: (client: pg.Client) => Promise<ComparedSide | null>;
}

/** An open session and what was found out when it was opened. */
export interface OpenCompare extends Printing {
  readonly client: pg.Client;
  readonly side: ComparedSide;
}

/** Row security must not thin out rows silently, and a read must stay small for the server and wait behind nobody. */
const settings: Readonly<Record<string, string>> = {
  row_security: "off",
  default_transaction_read_only: "on",
  max_parallel_workers_per_gather: "0",
  jit: "off",
  lock_timeout: "10s",
  idle_in_transaction_session_timeout: "60s",
};

export class CompareSession {
  /** As this server hashes text, a word in a UTF8 database for each of the two seeds: byte order and version may have a say in it. */
  readonly quickHash: QuickHash = {
    word: () => this.use(({ client, utf8 }) => (utf8 ? hashWord(client) : Promise.resolve(null))),
    use: () => (this.#quick = true),
  };
  readonly #options: CompareSessionOptions;
  #open: Omit<OpenCompare, "quick"> | null = null;
  #quick = false;

  constructor(options: CompareSessionOptions) {
    this.#options = options;
  }

  /** A session in which something failed is in no known state, and is not used again. */
  async use<T>(work: (open: OpenCompare) => Promise<T>): Promise<T> {
    try {
      this.#open ??= await this.#connect();
      return await work({ ...this.#open, quick: this.#quick });
    } catch (error) {
      await this.close();
      throw toReplicationError(error, this.#options.subject);
    }
  }

  async close(): Promise<void> {
    const client = this.#open?.client;
    this.#open = null;
    if (client !== undefined) await endPostgres(client);
  }

  async #connect(): Promise<Omit<OpenCompare, "quick">> {
    const { address, statementTimeoutMs, subject } = this.#options;
    const answerTimeoutMs = 2 * statementTimeoutMs + 30_000;
    const client = await connectPostgres(address, { role: "reconcile", statementTimeoutMs, answerTimeoutMs, settings });
    try {
      const encoding = await client.query<{ server_encoding: string }>("SHOW server_encoding");
      const side = await this.#options.side(client);
      if (side === null) throw new ReplicationError("DB-PG-020", { subject, cause: "the table, or a column of it, is gone" });
      const open = { client, side, utf8: encoding.rows[0]?.server_encoding === "UTF8" };
      const forget = (): void => {
        if (this.#open === open) this.#open = null;
      };
      client.on("error", forget);
      client.on("end", forget);
      return open;
    } catch (error) {
      await endPostgres(client);
      throw error;
    }
  }
}

async function hashWord(client: pg.Client): Promise<string | null> {
  const text = `SELECT concat_ws(' ', hashtextextended($1 COLLATE "C", 0), hashtextextended($1 COLLATE "C", 1)) AS word`;
  const { rows } = await client.query<{ word: string }>(text, ["Cơ sở dữ liệu quốc gia về dân cư"]);
  return rows[0]?.word ?? null;
}

/** Rows of each of these SELECTs, all as of one instant, in one exchange with the server. `ways`: SET LOCAL for the planner. */
export async function readAtOnce(client: pg.Client, ways: readonly string[], selects: readonly string[]): Promise<AnswerRow[][]> {
  const text = [beginRead, ...ways, ...selects, "COMMIT"].join("; ");
  const results = (await client.query({ text, rowMode: "array" })) as unknown as pg.QueryArrayResult<(string | null)[]>[];
  return results.filter(({ command }) => command === "SELECT").map(({ rows }) => rows);
}

/** A range is found by the index; all rows are better read as they lie. */
export function waysOf({ after, until }: KeyRange): readonly string[] {
  return after === null && until === null ? [] : byIndex;
}

/** Walks the key's index: where statistics are old, the whole table might be read for each range. */
const byIndex: readonly string[] = ["SET LOCAL enable_seqscan = off"];
/** One place of the index after the other, in its order. */
export const inKeyOrder: readonly string[] = [
  ...byIndex,
  "SET LOCAL enable_bitmapscan = off",
  "SET LOCAL enable_sort = off",
  "SET LOCAL enable_incremental_sort = off",
];
/** Many places of the index at once. */
export const byKeys: readonly string[] = [...byIndex, "SET LOCAL enable_hashjoin = off", "SET LOCAL enable_mergejoin = off"];
