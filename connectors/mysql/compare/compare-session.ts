// The one session of a compared table on a MySQL or MariaDB server: short read-only transactions, one after the other.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { TableName } from "../../../engine/model/table.ts";
import type { AnswerRow } from "../../compared-answers.ts";
import type { ComparedSide } from "../../compared-side.ts";
import { connectMysql, type MysqlSession } from "../mysql-client.ts";
import { toReplicationError } from "../mysql-errors.ts";
import { readUniqueIndexes } from "../mysql-indexes.ts";
import type { ComparedRows } from "./compared-rows.ts";

export interface CompareSessionOptions {
  readonly address: ServerAddress;
  /** What errors name: the table. */
  readonly subject: string;
  readonly statementTimeoutMs: number;
  /** The table that is read, looked up once for each session; null: it has not the columns that are compared. */
  readonly side: (session: MysqlSession) => Promise<ComparedSide | null>;
}

/** An open session and what was found out when it was opened. */
export interface OpenCompare extends ComparedRows {
  readonly session: MysqlSession;
}

/**
 * No waiting behind an ALTER TABLE. Digests are made once for each row, in a table of the server's own, and then counted up; merged
 * into the statement around it, the query would make each of them three times. Such a table stays in memory up to a size.
 */
const settings: Readonly<Record<string, string>> = {
  lock_wait_timeout: "10",
  optimizer_switch: "'derived_merge=off'",
  tmp_table_size: String(64 * 1024 * 1024),
  max_heap_table_size: String(64 * 1024 * 1024),
};

export class CompareSession {
  readonly #options: CompareSessionOptions;
  #open: OpenCompare | null = null;

  constructor(options: CompareSessionOptions) {
    this.#options = options;
  }

  /** A session in which something failed is in no known state, and is not used again. One that was lost is replaced. */
  async use<T>(work: (open: OpenCompare) => Promise<T>): Promise<T> {
    try {
      if (this.#open?.session.lost === true) await this.close();
      this.#open ??= await this.#connect();
      return await this.#watched(this.#open, work);
    } catch (error) {
      await this.close();
      throw toReplicationError(error, this.#options.subject);
    }
  }

  async close(): Promise<void> {
    const session = this.#open?.session;
    this.#open = null;
    await session?.end();
  }

  /** A server that went silent is told by nothing else. */
  async #watched<T>(open: OpenCompare, work: (open: OpenCompare) => Promise<T>): Promise<T> {
    const watch = setTimeout(() => open.session.destroy(), 2 * this.#options.statementTimeoutMs + 30_000);
    try {
      return await work(open);
    } finally {
      clearTimeout(watch);
    }
  }

  async #connect(): Promise<OpenCompare> {
    const { address, statementTimeoutMs, subject } = this.#options;
    const session = await connectMysql(address, { role: "reconcile", settings });
    try {
      await session.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
      const mariadb = session.flavour === "mariadb";
      await session.query(
        `SET SESSION ${mariadb ? `max_statement_time = ${statementTimeoutMs / 1000}` : `max_execution_time = ${statementTimeoutMs}`}`,
      );
      const side = await this.#options.side(session);
      if (side === null) throw new ReplicationError("DB-MY-020", { subject, cause: "the table, or a column of it, is gone" });
      return { session, side, index: await indexOf(session, side) };
    } catch (error) {
      session.destroy();
      throw error;
    }
  }
}

/** The index over exactly the key. */
async function indexOf(session: MysqlSession, { table, key }: ComparedSide): Promise<string | null> {
  const name: TableName = table.table;
  const indexes = await readUniqueIndexes(session, name, table.columns);
  const found = indexes.find(
    ({ columns }) => columns.length === key.length && columns.every((column, place) => column === key[place]?.name),
  );
  return found?.name ?? null;
}

/** Rows of one SELECT, values in its order. */
export async function rowsOf(session: MysqlSession, select: string): Promise<AnswerRow[]> {
  return (await session.query(select)).map((row) => Object.values(row));
}
