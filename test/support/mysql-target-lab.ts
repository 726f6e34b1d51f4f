// A MariaDB server with an empty place for copies, to drive a MysqlTarget without the rest of the engine.
import type { Connection } from "mysql2/promise";
import { MysqlTarget } from "../../connectors/mysql/apply/mysql-target.ts";
import { grantStatements, neededPrivileges } from "../../connectors/mysql/preflight/target-privileges.ts";
import { quoteIdentifier, quoteTable } from "../../connectors/mysql/quote.ts";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import type { Position } from "../../engine/model/position.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import type { ColumnType, ValueCategory } from "../../engine/model/table.ts";
import { printTable, type TableName } from "../../engine/model/table.ts";
import type { MysqlTestServer } from "./given-mysql.ts";
import { startMariaDb, startMysqlServer } from "./mysql-server.ts";
import { mysqlClient } from "./mysql-session.ts";
import { serverAddress } from "./server-address.ts";
import { catalogTable, column, tableMapping } from "./table-builders.ts";

/** A column of a copy: its name, the target's declaration, and what the source's value is. */
export type LabColumn = readonly [name: string, declaration: string, category?: ValueCategory, type?: Partial<ColumnType>];

/** The account that dongbo works with, and one that reads. */
const accounts = { target: "dongbo_target", reader: "app_reader" } as const;

type Settings = Readonly<Record<string, string | number>>;

const trusting: Settings = { log_bin_trust_function_creators: 1 };

/** Any table of a database: privileges are granted by database. */
function table(schema: string): TableName {
  return { schema, name: "any" };
}

export class MysqlTargetLab<Server extends MysqlTestServer = MysqlTestServer> implements AsyncDisposable {
  readonly server: Server;
  #client: Connection;

  private constructor(server: Server, client: Connection) {
    this.server = server;
    this.#client = client;
  }

  static async open(settings: Settings = {}): Promise<MysqlTargetLab> {
    return MysqlTargetLab.#on(await startMysqlServer({ ...trusting, ...settings }));
  }

  /** On a server that may be broken. */
  static async openPrivate(settings: Settings = {}): Promise<MysqlTargetLab<EmbeddedMariaDb>> {
    return MysqlTargetLab.#on(await startMariaDb({ ...trusting, ...settings }));
  }

  static async #on<Server extends MysqlTestServer>(server: Server): Promise<MysqlTargetLab<Server>> {
    await server.query(
      `CREATE USER ${accounts.target}@'%'`,
      `CREATE USER ${accounts.reader}@'%'`,
      ...grantStatements(accounts.target, neededPrivileges([{ target: table("public"), physical: table("public_copy") }], true)),
    );
    return new MysqlTargetLab(server, await mysqlClient(server.url()));
  }

  /** URL for the account that dongbo works with there. */
  get url(): string {
    return this.server.url("", accounts.target);
  }

  /** A mapping of a whole table `public.<name>` under its own name, keyed by its first columns. */
  mapping(name: string, columns: readonly LabColumn[], keys = 1): TableMapping {
    const table = { schema: "public", name };
    const catalog = catalogTable(
      columns.map(([columnName, , category = "text"]) => column(columnName, category)),
      { table, id: name, primaryKey: columns.slice(0, keys).map(([columnName]) => columnName) },
    );
    const mapping = tableMapping(
      catalog,
      columns.map(([columnName]) => columnName),
    );
    return {
      ...mapping,
      columns: mapping.columns.map((mapped, index) => {
        const [, targetType = null, , type = {}] = columns[index] ?? [];
        return { ...mapped, sourceType: { ...mapped.sourceType, ...type }, targetType };
      }),
    };
  }

  target(subscription: Subscription, url: string = this.url): MysqlTarget {
    return new MysqlTarget({
      address: serverAddress(url),
      subscription,
      readers: [accounts.reader],
      positions: { parse: (text) => text as Position },
    });
  }

  /** Forgets everything dongbo has stored, and these physical tables. */
  async reset(tables: readonly TableMapping[]): Promise<void> {
    const made = "SELECT 1 AS found FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'dongbo' AND TABLE_NAME = 'quarantine'";
    if ((await this.sql(made)).length > 0)
      for (const table of ["subscription", "batch", "quarantine"]) await this.sql(`DELETE FROM dongbo.${table}`);
    await this.sql("SET SESSION foreign_key_checks = 0");
    for (const table of tables) await this.sql(`DROP TABLE IF EXISTS ${quoteTable(table.physical)}`);
    await this.sql("SET SESSION foreign_key_checks = 1");
  }

  /** After a restart of the server. */
  async reconnect(): Promise<void> {
    this.#client.destroy();
    this.#client = await mysqlClient(this.server.url());
  }

  /** Runs one statement as root, all in one session. */
  async sql(text: string, parameters: readonly (string | number | Buffer | null)[] = []): Promise<Record<string, string | null>[]> {
    const [rows] = await this.#client.query(text, [...parameters]);
    return Array.isArray(rows) ? (rows as Record<string, string | null>[]) : [];
  }

  /** The record of one copy in database dongbo. */
  async copy(table: TableMapping): Promise<Record<string, string | null>> {
    const [row] = await this.sql("SELECT * FROM dongbo.copy WHERE target_table = ?", [printTable(table.target)]);
    if (row === undefined) throw new Error("the copy is not recorded");
    return row;
  }

  /** Rows of the physical table in key order, without dongbo_batch, as text. */
  async rows(table: TableMapping): Promise<(string | null)[][]> {
    const columns = table.columns.map(({ target }) => quoteIdentifier(target)).join(", ");
    const keys = table.key.map(quoteIdentifier).join(", ");
    const rows = await this.sql(`SELECT ${columns} FROM ${quoteTable(table.physical)} ORDER BY ${keys}`);
    return rows.map((row) => table.columns.map(({ target }) => row[target] ?? null));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    await this.server.destroy();
  }
}
