// The statements that read rows in key order. Pure text.
import { assert } from "../../../engine/model/assert.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { CatalogColumn, CatalogTable } from "../../../engine/model/table.ts";
import { predicateSql } from "../predicate-sql.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../quote.ts";
import { columnReader } from "./column-reader.ts";
import { isAfter, isEqual, isUpTo } from "./key-order.ts";

/** A part of a table: keys after one and up to another, and of these the rows that pass a filter. */
export interface TablePart {
  readonly table: CatalogTable;
  readonly key: readonly string[];
  /** The unique index over the key; null: the server chooses. */
  readonly index: string | null;
  readonly after: Key | null;
  readonly until: Key | null;
  readonly filter: Predicate | null;
}

/** A part's first rows in key order. */
export function selectPart(part: TablePart, columns: readonly string[], rowsMax: number): string {
  return `SELECT ${listOf(part.table, columns)} FROM ${from(part)} ${wherePart(part)} ORDER BY ${quoteIdentifiers(part.key)} LIMIT ${rowsMax}`;
}

/** Key of the row that is the `place`-th of a part, whether or not it passes the filter; no row when there are fewer. */
export function keyAt(part: TablePart, place: number): string {
  const { table, key } = part;
  const where = wherePart({ ...part, filter: null });
  return `SELECT ${listOf(table, key)} FROM ${from(part)} ${where} ORDER BY ${quoteIdentifiers(key)} LIMIT 1 OFFSET ${place - 1}`;
}

/** The rows with these keys, as far as they exist and pass the filter; at least one key. */
export function selectKeys(part: Omit<TablePart, "after" | "until">, columns: readonly string[], keys: readonly Key[]): string {
  const types = keyColumns(part);
  const wanted = keys.map((key) => isEqual(types, key)).join(" OR ");
  return `SELECT ${listOf(part.table, columns)} FROM ${from(part)} WHERE (${wanted}) AND ${predicateSql(part.filter, part.table.columns)}`;
}

export function countRows(table: CatalogTable, filter: Predicate | null): string {
  return `SELECT COUNT(*) AS count FROM ${quoteTable(table.table)} WHERE ${predicateSql(filter, table.columns)}`;
}

/** Where statistics are old, the server may rather sort all that is left of the table for each chunk. */
function from({ table, index }: Pick<TablePart, "table" | "index">): string {
  return `${quoteTable(table.table)}${index === null ? "" : ` FORCE INDEX (${quoteIdentifier(index)})`}`;
}

function listOf(table: CatalogTable, columns: readonly string[]): string {
  return columns.map((name) => columnReader(columnOf(table, name)).sql).join(", ");
}

function wherePart(part: TablePart): string {
  const types = keyColumns(part);
  const conditions = [
    ...(part.after === null ? [] : [isAfter(types, part.after)]),
    ...(part.until === null ? [] : [isUpTo(types, part.until)]),
    ...(part.filter === null ? [] : [predicateSql(part.filter, part.table.columns)]),
  ];
  return conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
}

function keyColumns({ table, key }: Pick<TablePart, "table" | "key">): CatalogColumn[] {
  return key.map((name) => columnOf(table, name));
}

export function columnOf(table: CatalogTable, name: string): CatalogColumn {
  const column = table.columns.find((candidate) => candidate.name === name);
  assert(column !== undefined, "columns that are read belong to their table");
  return column;
}
