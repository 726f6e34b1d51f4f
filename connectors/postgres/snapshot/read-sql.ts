// The statements that read rows in key order. Pure text; constants are literals because COPY takes no parameters.
import { assert } from "../../../engine/model/assert.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { CatalogColumn, CatalogTable } from "../../../engine/model/table.ts";
import { predicateWithLiterals } from "../predicate-sql.ts";
import { quoteIdentifier, quoteIdentifiers, quoteLiteral, quoteTable } from "../quote.ts";

/** One instant for everything that follows, and no right to change anything. */
export const beginRead = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/** Which transactions the read sees, and the source's clock in microseconds from just before it could see any. */
export const readSnapshot = "SELECT pg_current_snapshot(), (extract(epoch FROM transaction_timestamp()) * 1000000)::int8";

/** Asked after the rows were read: everything they show was logged before. */
export const readEndOfLog = "SELECT pg_current_wal_insert_lsn()";

/** A part of a table: keys after one and up to another, and of these the rows that pass a filter. */
export interface TablePart {
  readonly table: CatalogTable;
  readonly key: readonly string[];
  readonly after: Key | null;
  readonly until: Key | null;
  readonly filter: Predicate | null;
}

/** COPY of a part's first rows in key order. */
export function copyPart(part: TablePart, columns: readonly string[], rowsMax: number, format: "text" | "binary" = "text"): string {
  const rows = `SELECT ${quoteIdentifiers(columns)} FROM ${fromTable(part.table)} ${wherePart(part)}`;
  return `COPY (${rows} ORDER BY ${quoteIdentifiers(part.key)} LIMIT ${rowsMax}) TO STDOUT (FORMAT ${format})`;
}

/** Key of the row that is the `place`-th of a part, whether or not it passes the filter; no row when there are fewer. */
export function keyAt(part: TablePart, place: number): string {
  const key = quoteIdentifiers(part.key);
  return `SELECT ${key} FROM ${fromTable(part.table)} ${wherePart({ ...part, filter: null })} ORDER BY ${key} OFFSET ${place - 1} LIMIT 1`;
}

/** COPY of the rows with these keys, as far as they exist and pass the filter; at least one key. */
export function copyKeys(part: Omit<TablePart, "after" | "until">, columns: readonly string[], keys: readonly Key[]): string {
  const { table, key, filter } = part;
  const wanted = `(${wantedKeys(table, key, keys)}) AND ${filterSql(table, filter)}`;
  return `COPY (SELECT ${quoteIdentifiers(columns)} FROM ${fromTable(table)} WHERE ${wanted}) TO STDOUT`;
}

function wantedKeys(table: CatalogTable, key: readonly string[], keys: readonly Key[]): string {
  const types = key.map((name) => columnOf(table, name));
  const given = keys.map((own) => literals(own, types));
  if (types.every(isNameable)) return `(${quoteIdentifiers(key)}) IN (VALUES ${given.map((own) => `(${own.join(", ")})`).join(", ")})`;
  return given.map((own) => `(${own.map((value, index) => `${quoteIdentifier(key[index] ?? "")} = ${value}`).join(" AND ")})`).join(" OR ");
}

/** Without the children that inherit from a table: they are tables of their own. A partitioned table is its partitions. */
export function fromTable(table: CatalogTable): string {
  return `${table.partitioned ? "" : "ONLY "}${quoteTable(table.table)}`;
}

export function filterSql(table: CatalogTable, filter: Predicate | null): string {
  return predicateWithLiterals(filter, table.columns);
}

/** Row comparison is what a B-tree over several columns understands as one range. */
function wherePart(part: TablePart): string {
  const { table, key } = part;
  const types = key.map((name) => columnOf(table, name));
  const columns = row(key.map(quoteIdentifier));
  const conditions = [
    ...(part.after === null ? [] : [`${columns} > ${row(literals(part.after, types))}`]),
    ...(part.until === null ? [] : [`${columns} <= ${row(literals(part.until, types))}`]),
    ...(part.filter === null ? [] : [filterSql(table, part.filter)]),
  ];
  return conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
}

function row(parts: readonly string[]): string {
  return parts.length === 1 ? (parts[0] ?? "") : `(${parts.join(", ")})`;
}

/** Built-in types are named; another takes its column's type by itself, since naming it would need USAGE on its schema. */
function literals(key: Key, columns: readonly CatalogColumn[]): string[] {
  assert(key.length === columns.length, "a key has a value for each of its columns");
  return columns.map((column, index) => {
    const text = quoteLiteral(key[index]?.toString("utf8") ?? "");
    return isNameable(column) ? `${text}::${column.type.bare}` : text;
  });
}

function isNameable(column: CatalogColumn): boolean {
  return column.type.bare.startsWith("pg_catalog.");
}

function columnOf(table: CatalogTable, name: string): CatalogColumn {
  const column = table.columns.find((candidate) => candidate.name === name);
  assert(column !== undefined, "keys name columns of their table");
  return column;
}
