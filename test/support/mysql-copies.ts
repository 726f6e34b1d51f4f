// A MariaDB target with copies in it and no engine running: for tests of what lies and judges in a target.
import { createConnection, type Connection } from "mysql2/promise";
import { grantToReaders } from "../../connectors/mysql/apply/grants.ts";
import { ensureReaderView } from "../../connectors/mysql/apply/reader-view.ts";
import { ensureTargetSchema } from "../../connectors/mysql/apply/target-schema.ts";
import { connectMysql, type MysqlSession } from "../../connectors/mysql/mysql-client.ts";
import { grantStatements, neededPrivileges } from "../../connectors/mysql/preflight/target-privileges.ts";
import type { TableName } from "../../engine/model/table.ts";
import type { MysqlTestServer } from "./given-mysql.ts";
import { bytewiseCollation, startMysqlServer } from "./mysql-server.ts";
import { serverAddress } from "./server-address.ts";

/** Accounts of such a server, from any host; none is an administrator. */
export const copyUsers = { engine: "dongbo_target", reader: "app_reader", stranger: "stranger" } as const;

/** Columns of a copy beside its key `id`, as DDL. */
export type CopyTables = Readonly<Record<string, string>>;

/**
 * Database `population` of a server, with the tables' rows in `population_copy`, subscription `population/hue`, period 24
 * hours. The engine's user holds what `check` asks for, and nothing more.
 */
export class MysqlCopies implements AsyncDisposable {
  readonly server: MysqlTestServer;
  /** A session as the engine's user. */
  readonly engine: MysqlSession;

  private constructor(server: MysqlTestServer, engine: MysqlSession) {
    this.server = server;
    this.engine = engine;
  }

  static async open(tables: CopyTables, settings: Readonly<Record<string, string | number>> = {}): Promise<MysqlCopies> {
    const server = await startMysqlServer({ log_bin_trust_function_creators: 1, ...settings });
    const names = Object.keys(tables).map(namesOf);
    await server.query(
      ...Object.values(copyUsers).map((user) => `CREATE USER ${user}`),
      ...grantStatements(copyUsers.engine, neededPrivileges(names, true)),
    );
    const engine = await connectMysql(serverAddress(server.url("", copyUsers.engine)), { role: "apply" });
    const copies = new MysqlCopies(server, engine);
    await copies.#make(tables);
    return copies;
  }

  async #make(tables: CopyTables): Promise<void> {
    await ensureTargetSchema(this.engine);
    await this.#run(
      "CREATE DATABASE IF NOT EXISTS population",
      "CREATE DATABASE IF NOT EXISTS population_copy",
      `INSERT INTO dongbo.subscription (id, share, source, validity_period) VALUES ('population/hue', 'population', 'population', ${day})`,
    );
    for (const [name, columns] of Object.entries(tables)) {
      const { physical } = namesOf(name);
      const parts = [physical.schema, physical.name].map((part) => `\`${part}\``).join(".");
      await this.#run(
        `CREATE TABLE ${parts} (id VARCHAR(100) PRIMARY KEY, ${columns}, dongbo_batch BIGINT NOT NULL) DEFAULT CHARSET utf8mb4 COLLATE ${bytewiseCollation}`,
        `INSERT INTO dongbo.copy (subscription, target_table, target_schema, target_name, physical_schema, physical_name, source_table, \`columns\`)
         VALUES ('population/hue', 'population.${name}', 'population', '${name}', 'population_copy', '${name}', 'public.${name}', '[]')`,
      );
      await this.makeView(name);
    }
    await this.openGate();
  }

  /** Makes the view of a copy with all its columns, and grants it to the reader. Returns the view's digest. */
  async makeView(name: string, digest: string | null = null): Promise<string> {
    const { target, physical } = namesOf(name);
    const found = await this.engine.query(
      "SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
      [physical.schema, physical.name],
    );
    const columns = found.map((row) => row["name"] ?? "").filter((column) => column !== "dongbo_batch");
    const made = await ensureReaderView(this.engine, { subscription: "population/hue", view: target, physical, columns, digest });
    await grantToReaders(this.engine, [copyUsers.reader], [target]);
    return made;
  }

  /** What a completed load and a commit leave behind: every copy valid for `seconds` more, and nothing in its way. */
  async openGate(seconds = 3600): Promise<void> {
    const now = Date.now() * 1000;
    await this.#run(
      `UPDATE dongbo.subscription SET share_state = 'ACTIVE', position = '0-1-1', suspended_reason = NULL, suspension_bars_use = 0,
         agreement_from = NULL, agreement_to = NULL, clock_floor = 0, validity_period = ${day}`,
      `UPDATE dongbo.copy SET copy_state = 'VALID', stopped_code = NULL, withdrawn_at = NULL,
         valid_until = ${now + seconds * 1_000_000}, last_sync_at = ${now + seconds * 1_000_000 - day}`,
    );
  }

  /** Runs statements as the engine's user. */
  async #run(...statements: readonly string[]): Promise<void> {
    for (const sql of statements) await this.engine.execute(sql);
  }

  /** A plain session of another user, values as text; the caller ends it. */
  async session(user: string = copyUsers.reader): Promise<Connection> {
    return createConnection({ uri: this.server.url("", user), charset: "utf8mb4", typeCast: (field) => field.string("utf8") });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.end();
    await this.server.destroy();
  }
}

/** 24 hours in microseconds. */
const day = 86_400_000_000;

/** View and physical table of a copy. */
export function namesOf(name: string): { readonly target: TableName; readonly physical: TableName } {
  return { target: { schema: "population", name }, physical: { schema: "population_copy", name } };
}

export interface Refusal {
  readonly sqlState: string;
  readonly errno: number;
  readonly message: string;
}

/** Runs a query that must fail and gives the server's error. */
export async function refusalOf(query: Promise<unknown>): Promise<Refusal> {
  try {
    await query;
  } catch (error) {
    return error as Refusal;
  }
  throw new Error("the query was expected to fail");
}
