// The workload's session on PostgreSQL: set-based statements that tell, by RETURNING, exactly what they did.
import type pg from "pg";
import type { Effect } from "../checker/master-model.ts";
import { describedRow, keyText, readDescribedRow } from "../checker/row-hash.ts";
import { textClient } from "../support/cluster.ts";
import { keyValues, type MasterSession, type Update } from "./master-session.ts";
import { type GeneratedTable, type Make, sqlType, type Values } from "./population-tables.ts";

type Row = Readonly<Record<string, string>>;

export class PostgresMaster implements MasterSession {
  readonly #client: pg.Client;
  readonly #make: Make;

  private constructor(client: pg.Client, make: Make) {
    this.#client = client;
    this.#make = make;
  }

  static async open(url: string, make: Make): Promise<PostgresMaster> {
    const client = textClient(url);
    await client.connect();
    return new PostgresMaster(client, make);
  }

  async begin(): Promise<void> {
    await this.#client.query("BEGIN");
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
    const numbered = await this.#client.query<{ seq: string }>(
      `WITH newest AS (UPDATE ledger SET seq = seq + 1 RETURNING seq)
       INSERT INTO journal (seq, writer) SELECT seq, $1 FROM newest RETURNING seq::text`,
      [writer],
    );
    return Number(numbered.rows[0]?.seq);
  }

  async holds(sequence: number, writer: number): Promise<boolean> {
    const found = await this.#client.query("SELECT FROM journal WHERE seq = $1 AND writer = $2", [sequence, writer]);
    return found.rowCount === 1;
  }

  async insert(table: GeneratedTable, rows: readonly Values[]): Promise<Effect[]> {
    if (rows.length === 0) return [];
    const columns = Object.keys(rows[0] ?? {});
    const result = await this.#client.query<Row>(
      `INSERT INTO ${table.tracked.name} AS t (${columns.join(", ")})
       SELECT ${columns.map((column) => this.#value(table, column)).join(", ")}
       FROM json_to_recordset($1) AS r(${this.#recordColumns(table, columns)})
       ON CONFLICT DO NOTHING RETURNING ${describedRow("postgres", table.tracked)}`,
      [JSON.stringify(rows)],
    );
    return result.rows.map((row) => put(table, null, row));
  }

  async update(table: GeneratedTable, updates: readonly Update[]): Promise<Effect[]> {
    if (updates.length === 0) return [];
    const columns = Object.keys(updates[0]?.values ?? {});
    const old = table.primaryKey.map((column) => `old_${column}`);
    const rest = columns.length === 0 ? [] : [this.#recordColumns(table, columns)];
    const assignments = [...columns.map((column) => `${column} = ${this.#value(table, column)}`), "version = t.version + 1"].join(", ");
    const result = await this.#client.query<Row>(
      `UPDATE ${table.tracked.name} AS t SET ${assignments}
       FROM json_to_recordset($1) AS r(${[...this.#oldColumns(table), ...rest].join(", ")})
       WHERE ${matching(table)} RETURNING ${keyText("postgres", old, "r.")} AS old, ${describedRow("postgres", table.tracked)}`,
      [JSON.stringify(updates.map(({ key, values }) => ({ ...oldKey(table, key), ...values })))],
    );
    return result.rows.map((row) => put(table, row["old"] ?? null, row));
  }

  async remove(table: GeneratedTable, keys: readonly string[]): Promise<Effect[]> {
    if (keys.length === 0) return [];
    const result = await this.#client.query<Row>(
      `DELETE FROM ${table.tracked.name} AS t USING json_to_recordset($1) AS r(${this.#oldColumns(table).join(", ")})
       WHERE ${matching(table)} RETURNING ${keyText("postgres", table.primaryKey, "t.")} AS key`,
      [JSON.stringify(keys.map((key) => oldKey(table, key)))],
    );
    return result.rows.map((row) => ({ kind: "remove", table: table.tracked.name, key: row["key"] ?? "" }));
  }

  async clear(table: GeneratedTable): Promise<Effect[]> {
    await this.#client.query(`TRUNCATE ${table.tracked.name}`);
    return [{ kind: "clear", table: table.tracked.name }];
  }

  /** Emptying a table may cross another writer's locks. */
  crossed(error: unknown): boolean {
    return (error as { code?: string }).code === "40P01";
  }

  async end(): Promise<void> {
    await this.#client.end();
  }

  #oldColumns(table: GeneratedTable): string[] {
    return table.primaryKey.map((column) => `old_${column} ${sqlType(this.#make, table, column)}`);
  }

  /** Documents travel as text: inside JSON they would be read as JSON strings. */
  #recordColumns(table: GeneratedTable, columns: readonly string[]): string {
    return columns.map((column) => `${column} ${sqlType(this.#make, table, column).replace("jsonb", "text")}`).join(", ");
  }

  #value(table: GeneratedTable, column: string): string {
    return `r.${column}::${sqlType(this.#make, table, column)}`;
  }
}

function oldKey(table: GeneratedTable, key: string): Values {
  return Object.fromEntries(Object.entries(keyValues(table, key)).map(([column, value]) => [`old_${column}`, value]));
}

function matching(table: GeneratedTable): string {
  return table.primaryKey.map((column) => `t.${column} = r.old_${column}`).join(" AND ");
}

function put(table: GeneratedTable, from: string | null, row: Row): Effect {
  return { kind: "put", table: table.tracked.name, from, row: readDescribedRow(table.tracked, row) };
}
