// A reader's session on a copy, on either kind of server: it looks at one snapshot, and is told why it may not.
import type { Connection } from "mysql2/promise";
import type pg from "pg";
import { textClient } from "../support/cluster.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { type Family, familyOf } from "./normal-forms.ts";

/** Values as text. */
export type Answer = Readonly<Record<string, string | null>>;

export interface CopySession {
  readonly family: Family;
  /** From here to the end of the snapshot all questions see the same. */
  beginSnapshot(): Promise<void>;
  endSnapshot(): Promise<void>;
  /** Rows of a query, or why there are none: the gate refuses, or the copy has not been made yet. */
  ask(sql: string): Promise<readonly Answer[] | "refused" | "absent">;
  end(): Promise<void>;
}

/** SQLSTATE of the gate's refusal. */
const refusal = "DB001";

async function openCopy(url: string): Promise<CopySession> {
  if (familyOf(url) === "mysql") return new MysqlCopy(await mysqlClient(url));
  const client = textClient(url);
  await client.connect();
  return new PostgresCopy(client);
}

/** Opens a session for some work. */
export async function withCopy<T>(url: string, work: (session: CopySession) => Promise<T>): Promise<T> {
  const session = await openCopy(url);
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}

class PostgresCopy implements CopySession {
  readonly family = "postgres";
  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    this.#client = client;
  }

  async beginSnapshot(): Promise<void> {
    await this.#client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  }

  async endSnapshot(): Promise<void> {
    await this.#client.query("ROLLBACK");
  }

  async ask(sql: string): Promise<readonly Answer[] | "refused" | "absent"> {
    // A refusal must not end the snapshot.
    await this.#client.query("SAVEPOINT question");
    try {
      return (await this.#client.query<Record<string, string | null>>(sql)).rows;
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code !== refusal && code !== "42P01" && code !== "3F000") throw error;
      await this.#client.query("ROLLBACK TO SAVEPOINT question");
      return code === refusal ? "refused" : "absent";
    }
  }

  async end(): Promise<void> {
    await this.#client.end();
  }
}

/**
 * No such database or table, or no right on either: rights come with the view. 1356 and 1412: the view's tables are being made
 * or changed, which no transaction of such a server covers.
 */
const absence = new Set([1044, 1049, 1142, 1146, 1356, 1370, 1412]);

class MysqlCopy implements CopySession {
  readonly family = "mysql";
  readonly #client: Connection;

  constructor(client: Connection) {
    this.#client = client;
  }

  async beginSnapshot(): Promise<void> {
    await this.#client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    await this.#client.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
  }

  async endSnapshot(): Promise<void> {
    await this.#client.query("ROLLBACK");
  }

  async ask(sql: string): Promise<readonly Answer[] | "refused" | "absent"> {
    try {
      const [rows] = await this.#client.query(sql);
      return rows as Answer[];
    } catch (error) {
      const { errno, sqlState } = error as { errno?: number; sqlState?: string };
      if (sqlState === refusal) return "refused";
      if (errno !== undefined && absence.has(errno)) return "absent";
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.#client.end();
  }
}
