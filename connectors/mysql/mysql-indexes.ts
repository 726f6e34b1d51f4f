// Unique indexes of a table: which column lists identify a row, and can be walked in order.
import type { CatalogColumn, TableName } from "../../engine/model/table.ts";
import type { MysqlSession, TextRow } from "./mysql-client.ts";
import { labelsOf } from "./mysql-types.ts";

/** A unique index whose order is that of its columns and whose columns are whole and never NULL. */
export interface UniqueIndex {
  /** `PRIMARY` for the primary key. */
  readonly name: string;
  readonly columns: readonly string[];
}

// A part of an index over an expression has no column name (MySQL 8).
const indexesSql = `
SELECT INDEX_NAME AS name, COLUMN_NAME AS \`column\`, SUB_PART AS prefix, COLLATION AS direction, INDEX_TYPE AS kind
FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0
ORDER BY INDEX_NAME, SEQ_IN_INDEX`;

/** The table's unique indexes that can serve as keys, the primary key first. */
export async function readUniqueIndexes(
  session: MysqlSession,
  { schema, name }: TableName,
  columns: readonly CatalogColumn[],
): Promise<UniqueIndex[]> {
  const parts = await session.query(indexesSql, [schema, name]);
  const names = [...new Set(parts.map((part) => part["name"] ?? ""))];
  const usable = names
    .map((index) => [index, parts.filter((part) => part["name"] === index)] as const)
    .filter(([, own]) => own.every((part) => isUsable(part, columns)));
  return usable
    .map(([index, own]) => ({ name: index, columns: own.map((part) => part["column"] ?? "") }))
    .toSorted((a, b) => Number(b.name === primary) - Number(a.name === primary));
}

export const primary = "PRIMARY";

function isUsable(part: TextRow, columns: readonly CatalogColumn[]): boolean {
  const column = columns.find(({ name }) => name === part["column"]);
  if (column === undefined || column.nullable) return false;
  return part["prefix"] === null && part["direction"] === "A" && part["kind"] === "BTREE" && canBeKey(column);
}

/** Types whose order and equality SQL can be asked for exactly from a value's text. */
const keyTypes =
  /^(tinyint|smallint|mediumint|int|bigint|year|decimal|char|varchar|binary|varbinary|date|datetime|timestamp|time|uuid|inet4|inet6)$/;

/** An enum that has the empty label cannot tell it from the error value, which prints alike. */
function canBeKey({ type }: CatalogColumn): boolean {
  return type.kind === "enum" ? !labelsOf(type.declaration).includes("") : keyTypes.test(type.bare);
}
