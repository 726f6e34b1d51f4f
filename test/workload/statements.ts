// Set-based statements on a generated table that tell, by RETURNING, exactly what they did.
import type pg from "pg";
import type { Effect } from "../checker/master-model.ts";
import { keyText, parseHashes, returningRow } from "../checker/row-hash.ts";
import type { GeneratedTable, Values } from "./population-tables.ts";

type Row = Readonly<Record<string, string>>;

/** Inserts rows; one whose key is there already is left out. */
export async function insertRows(client: pg.Client, table: GeneratedTable, rows: readonly Values[]): Promise<Effect[]> {
  if (rows.length === 0) return [];
  const columns = Object.keys(rows[0] ?? {});
  const result = await client.query<Row>(
    `INSERT INTO ${table.tracked.name} AS t (${columns.join(", ")})
     SELECT ${columns.map((column) => value(table, column)).join(", ")} FROM json_to_recordset($1) AS r(${recordColumns(table, columns)})
     ON CONFLICT DO NOTHING RETURNING ${returningRow(table.tracked)}`,
    [JSON.stringify(rows)],
  );
  return result.rows.map((row) => put(table, null, row));
}

/** One row to update: its key as the pool knows it, and the new values, which may include a new key. */
export interface Update {
  readonly key: string;
  readonly values: Values;
}

/** Updates rows by key; all updates set the same columns. Keys that are gone are passed over. */
export async function updateRows(client: pg.Client, table: GeneratedTable, updates: readonly Update[]): Promise<Effect[]> {
  if (updates.length === 0) return [];
  const columns = Object.keys(updates[0]?.values ?? {});
  const old = table.primaryKey.map((column) => `old_${column}`);
  const oldTypes = table.primaryKey.map((column, index) => `${old[index]} ${plainType(table, column)}`);
  const definitions = [...oldTypes, ...(columns.length === 0 ? [] : [recordColumns(table, columns)])].join(", ");
  const assignments = [...columns.map((column) => `${column} = ${value(table, column)}`), "version = t.version + 1"].join(", ");
  const result = await client.query<Row>(
    `UPDATE ${table.tracked.name} AS t SET ${assignments} FROM json_to_recordset($1) AS r(${definitions})
     WHERE ${matching(table)} RETURNING ${keyText(old, "r.")} AS old, ${returningRow(table.tracked)}`,
    [JSON.stringify(updates.map(({ key, values }) => ({ ...oldKey(table, key), ...values })))],
  );
  return result.rows.map((row) => put(table, row["old"] ?? null, row));
}

/** Deletes rows by key. */
export async function deleteRows(client: pg.Client, table: GeneratedTable, keys: readonly string[]): Promise<Effect[]> {
  if (keys.length === 0) return [];
  const definitions = table.primaryKey.map((column) => `old_${column} ${plainType(table, column)}`).join(", ");
  const result = await client.query<Row>(
    `DELETE FROM ${table.tracked.name} AS t USING json_to_recordset($1) AS r(${definitions})
     WHERE ${matching(table)} RETURNING ${keyText(table.primaryKey, "t.")} AS key`,
    [JSON.stringify(keys.map((key) => oldKey(table, key)))],
  );
  return result.rows.map((row) => ({ kind: "remove", table: table.tracked.name, key: row["key"] ?? "" }));
}

export async function truncateTable(client: pg.Client, table: GeneratedTable): Promise<Effect[]> {
  await client.query(`TRUNCATE ${table.tracked.name}`);
  return [{ kind: "clear", table: table.tracked.name }];
}

/** A pool's key as values by column. */
export function keyValues(table: GeneratedTable, key: string): Values {
  const parts = JSON.parse(key) as string[];
  return Object.fromEntries(table.primaryKey.map((column, index) => [column, parts[index] ?? null]));
}

/** Values by column as the pool's key. */
export function keyOf(table: GeneratedTable, values: Values): string {
  return `[${table.primaryKey.map((column) => JSON.stringify(String(values[column]))).join(", ")}]`;
}

function oldKey(table: GeneratedTable, key: string): Values {
  return Object.fromEntries(Object.entries(keyValues(table, key)).map(([column, value]) => [`old_${column}`, value]));
}

function matching(table: GeneratedTable): string {
  return table.primaryKey.map((column) => `t.${column} = r.old_${column}`).join(" AND ");
}

/** Documents travel as text: inside JSON they would be read as JSON strings. */
function recordColumns(table: GeneratedTable, columns: readonly string[]): string {
  return columns.map((column) => `${column} ${plainType(table, column).replace("jsonb", "text")}`).join(", ");
}

function value(table: GeneratedTable, column: string): string {
  return `r.${column}::${plainType(table, column)}`;
}

function plainType(table: GeneratedTable, column: string): string {
  return (table.types[column] ?? "text").split(" ")[0] ?? "text";
}

function put(table: GeneratedTable, from: string | null, row: Row): Effect {
  const tracked = { key: row["key"] ?? "", bucket: row["bucket"] ?? "", hashes: parseHashes(row["hashes"] ?? "{}") };
  return { kind: "put", table: table.tracked.name, from, row: tracked };
}
