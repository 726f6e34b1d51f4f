// The workload's session on MySQL or MariaDB. No UPDATE there tells what it did, so rows are locked and read before, and read after.
import type { Connection, RowDataPacket } from "mysql2/promise";
import type { Effect } from "../checker/master-model.ts";
import { describedRow, keyText, readDescribedRow } from "../checker/row-hash.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { keyOf, keyValues, type MasterSession, type Update } from "./master-session.ts";
import { type GeneratedTable, sqlType, type Values } from "./population-tables.ts";

type Row = Readonly<Record<string, string | null>>;
type Parameter = string | Buffer | null;

/** Rows that one statement names at most. */
const rowsPerStatement = 250;

export class MysqlMaster implements MasterSession {
  readonly #client: Connection;

  private constructor(client: Connection) {
    this.#client = client;
  }

  static async open(url: string): Promise<MysqlMaster> {
    const client = await mysqlClient(url);
    await client.query("SET SESSION sql_mode = 'STRICT_ALL_TABLES'");
    await client.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    return new MysqlMaster(client);
  }

  async begin(): Promise<void> {
    await this.#client.query("START TRANSACTION");
  }

  async commit(): Promise<void> {
    await this.#client.query("COMMIT");
  }

  async rollback(): Promise<void> {
    await this.#client.query("ROLLBACK");
  }

  async savepoint(): Promise<void> {
    await this.#client.query("SAVEPOINT attempt");
  }

  async endSavepoint(kept: boolean): Promise<void> {
    await this.#client.query(kept ? "RELEASE SAVEPOINT attempt" : "ROLLBACK TO SAVEPOINT attempt");
  }

  async number(writer: number): Promise<number> {
    await this.#client.query("UPDATE ledger SET seq = seq + 1");
    await this.#client.query("INSERT INTO journal (seq, writer) SELECT seq, ? FROM ledger", [writer]);
    const [row] = await this.#rows("SELECT seq FROM ledger");
    return Number(row?.["seq"]);
  }

  async holds(sequence: number, writer: number): Promise<boolean> {
    const rows = await this.#rows("SELECT seq FROM journal WHERE seq = ? AND writer = ?", [String(sequence), String(writer)]);
    return rows.length === 1;
  }

  async insert(table: GeneratedTable, rows: readonly Values[]): Promise<Effect[]> {
    const there = new Set(
      await this.#lock(
        table,
        rows.map((row) => keyOf(table, row)),
      ),
    );
    const fresh = rows.filter((row) => !there.has(keyOf(table, row)));
    for (const part of parts(fresh)) {
      const columns = Object.keys(part[0] ?? {});
      const values = part.map(() => `(${columns.map(() => "?").join(", ")})`);
      const parameters = part.flatMap((row) => columns.map((column) => parameter(table, column, row[column])));
      await this.#client.query(`INSERT INTO ${table.tracked.name} (${columns.join(", ")}) VALUES ${values.join(", ")}`, parameters);
    }
    const keys = fresh.map((row) => keyOf(table, row));
    return this.#puts(table, keys, () => null);
  }

  async update(table: GeneratedTable, updates: readonly Update[]): Promise<Effect[]> {
    const there = new Set(
      await this.#lock(
        table,
        updates.map(({ key }) => key),
      ),
    );
    const live = updates.filter(({ key }) => there.has(key));
    for (const part of parts(live)) await this.#updatePart(table, part);
    const from = new Map(live.map(({ key, values }) => [keyOf(table, { ...keyValues(table, key), ...values }), key]));
    return this.#puts(table, [...from.keys()], (key) => from.get(key) ?? null);
  }

  /** One statement for all rows, so that the log's events hold many. */
  async #updatePart(table: GeneratedTable, updates: readonly Update[]): Promise<void> {
    const columns = Object.keys(updates[0]?.values ?? {});
    const old = table.primaryKey.map((column) => `${literal(table, column)} AS old_${column}`);
    const select = `SELECT ${[...old, ...columns.map((column) => `${literal(table, column)} AS ${column}`)].join(", ")}`;
    const parameters = updates.flatMap(({ key, values }) => {
      const before = keyValues(table, key);
      const keys = table.primaryKey.map((column) => parameter(table, column, before[column]));
      return [...keys, ...columns.map((column) => parameter(table, column, values[column]))];
    });
    const assignments = [...columns.map((column) => `t.${column} = r.${column}`), "t.version = t.version + 1"];
    const matching = table.primaryKey.map((column) => `t.${column} = r.old_${column}`).join(" AND ");
    await this.#client.query(
      `UPDATE (${updates.map(() => select).join(" UNION ALL ")}) AS r STRAIGHT_JOIN ${table.tracked.name} AS t ON ${matching}
       SET ${assignments.join(", ")}`,
      parameters,
    );
  }

  async remove(table: GeneratedTable, keys: readonly string[]): Promise<Effect[]> {
    const there = await this.#lock(table, keys);
    for (const part of parts(there)) {
      const { sql, parameters } = condition(table, part, "");
      await this.#client.query(`DELETE FROM ${table.tracked.name} WHERE ${sql}`, parameters);
    }
    return there.map((key) => ({ kind: "remove", table: table.tracked.name, key }));
  }

  /**
   * All rows that are there: TRUNCATE ends the transaction on these servers, and a DELETE of all passes by what another
   * transaction inserts behind its back and commits before it.
   */
  async clear(table: GeneratedTable): Promise<Effect[]> {
    const key = keyText("mysql", table.primaryKey, "t.");
    const rows = await this.#rows(`SELECT ${key} AS row_key FROM ${table.tracked.name} AS t FOR UPDATE`);
    return this.remove(
      table,
      rows.map((row) => row["row_key"] ?? ""),
    );
  }

  /** A deadlock, or a lock waited for too long. */
  crossed(error: unknown): boolean {
    return [1205, 1213].includes((error as { errno?: number }).errno ?? 0);
  }

  async end(): Promise<void> {
    await this.#client.end();
  }

  /** Locks rows and tells which of them are there. */
  async #lock(table: GeneratedTable, keys: readonly string[]): Promise<string[]> {
    const there: string[] = [];
    for (const part of parts(keys)) {
      const { sql, parameters } = condition(table, part, "t.");
      const text = keyText("mysql", table.primaryKey, "t.");
      const rows = await this.#rows(`SELECT ${text} AS row_key FROM ${table.tracked.name} AS t WHERE ${sql} FOR UPDATE`, parameters);
      there.push(...rows.map((row) => row["row_key"] ?? ""));
    }
    return there;
  }

  async #puts(table: GeneratedTable, keys: readonly string[], from: (key: string) => string | null): Promise<Effect[]> {
    const effects: Effect[] = [];
    for (const part of parts(keys)) {
      const { sql, parameters } = condition(table, part, "t.");
      const rows = await this.#rows(
        `SELECT ${describedRow("mysql", table.tracked)} FROM ${table.tracked.name} AS t WHERE ${sql}`,
        parameters,
      );
      for (const answer of rows) {
        const row = readDescribedRow(table.tracked, answer);
        effects.push({ kind: "put", table: table.tracked.name, from: from(row.key), row });
      }
    }
    return effects;
  }

  async #rows(sql: string, parameters: readonly Parameter[] = []): Promise<Row[]> {
    const [rows] = await this.#client.query<RowDataPacket[]>(sql, [...parameters]);
    return rows;
  }
}

/** Keys as alternatives that the index can be asked for. */
function condition(table: GeneratedTable, keys: readonly string[], prefix: string): { sql: string; parameters: Parameter[] } {
  const one = `(${table.primaryKey.map((column) => `${prefix}${column} = ${literal(table, column)}`).join(" AND ")})`;
  const values = keys.map((key) => keyValues(table, key));
  return {
    sql: keys.map(() => one).join(" OR "),
    parameters: values.flatMap((row) => table.primaryKey.map((column) => parameter(table, column, row[column]))),
  };
}

/** A bound value in the column's type: a text compared with an integer would be compared as a double. */
function literal(table: GeneratedTable, column: string): string {
  const type = sqlType("mysql", table, column);
  if (["bigint", "integer", "smallint"].includes(type)) return "CAST(? AS SIGNED)";
  if (type === "date") return "CAST(? AS DATE)";
  return type.includes("COLLATE") ? "CAST(? AS CHAR(24) CHARACTER SET utf8mb4) COLLATE utf8mb4_bin" : "?";
}

/** Bytes come in PostgreSQL's hexadecimal form. */
function parameter(table: GeneratedTable, column: string, value: string | number | null | undefined): Parameter {
  if (value === null || value === undefined) return null;
  return table.columns[column] === "bytes" ? Buffer.from(String(value).slice(2), "hex") : String(value);
}

function parts<T>(items: readonly T[]): (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / rowsPerStatement) }, (_, index) =>
    items.slice(index * rowsPerStatement, (index + 1) * rowsPerStatement),
  );
}
