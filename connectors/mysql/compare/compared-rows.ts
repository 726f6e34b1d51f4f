// The statements that a comparison asks of a table on a MySQL or MariaDB server. Pure text.
import { assert } from "../../../engine/model/assert.ts";
import type { Key } from "../../../engine/model/row.ts";
import { textForm } from "../../../engine/model/source-key.ts";
import type { CanonicalKey, GroupChoice, KeyRange } from "../../../engine/ports/compared-table.ts";
import type { ComparedSide } from "../../compared-side.ts";
import { predicateSql } from "../predicate-sql.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../quote.ts";
import { isAfter, isEqual, isUpTo } from "../snapshot/key-order.ts";
import { canonicalText, columnDigest, rowDigest } from "./canonical-sql.ts";

export interface ComparedRows {
  readonly side: ComparedSide;
  /** The unique index over the key; null: the server chooses. */
  readonly index: string | null;
}

/** Further columns of a looked-up row, as expressions over the table. */
export type Extras = Readonly<Record<string, string>>;

/** `group, rows, sum of high halves, sum of low halves, rows that have a digest` of each group. The sums are of unsigned numbers. */
export function digestSql(rows: ComparedRows, range: KeyRange, groups: number): string {
  const halves = ["LEFT", "RIGHT"].map((side, place) => `SUM(${halfOf(side)}) AS half${place}`).join(", ");
  const counts = `COUNT(*) AS number, ${halves}, COUNT(digest) AS hashed`;
  const inner = `SELECT ${rowDigest(rows.side.columns)} AS digest FROM ${from(rows, range)} WHERE ${rangeSql(rows.side, range)}`;
  if (groups === 1) return `SELECT 0 AS part, ${counts} FROM (${inner}) AS d`;
  return `SELECT ${groupSql(groups)} AS part, ${counts} FROM (${inner}) AS d GROUP BY part`;
}

/** `key, digest` of each row of the wanted groups. */
export function listSql(rows: ComparedRows, range: KeyRange, { groups, wanted }: GroupChoice): string {
  const { side } = rows;
  const inner = `SELECT ${[...keyTexts(side), `${rowDigest(side.columns)} AS digest`].join(", ")} FROM ${from(rows, range)} WHERE ${rangeSql(side, range)}`;
  const select = `SELECT ${[...keyNames(side), "LOWER(HEX(digest)) AS digest"].join(", ")} FROM (${inner}) AS d`;
  // A row without a digest belongs to no group, and must not be lost.
  return groups === 1 ? select : `${select} WHERE ${groupSql(groups)} IN (${wanted.join(", ")}) OR digest IS NULL`;
}

/** `key, digest, extras` of each row with one of these keys, whether or not it passes the filter. */
export function findSql({ side }: ComparedRows, keys: readonly CanonicalKey[], extras: Extras): string {
  const columns = [
    ...keyTexts(side),
    `LOWER(HEX(${rowDigest(side.columns)})) AS digest`,
    ...Object.entries(extras).map(([name, expression]) => `${expression} AS ${name}`),
  ];
  return `SELECT ${columns.join(", ")} FROM ${quoteTable(side.table.table)} WHERE ${keysSql(side, keys)}`;
}

/** `key, one digest a column` of each row with one of these keys. */
export function columnsSql({ side }: ComparedRows, keys: readonly CanonicalKey[]): string {
  const digests = side.columns.map((column, place) => `${columnDigest(column)} AS d${place}`);
  return `SELECT ${[...keyTexts(side), ...digests].join(", ")} FROM ${quoteTable(side.table.table)} WHERE ${keysSql(side, keys)}`;
}

/** `key, canonical text of one column` of each row with one of these keys. */
export function valuesSql({ side }: ComparedRows, keys: readonly CanonicalKey[], place: number): string {
  const column = side.columns[place];
  assert(column !== undefined, "a column that is asked for is one that is compared");
  const columns = [...keyTexts(side), `${canonicalText(column)} AS value`];
  return `SELECT ${columns.join(", ")} FROM ${quoteTable(side.table.table)} WHERE ${keysSql(side, keys)}`;
}

/** Key of the row that is the `place`-th of a range, whether or not it passes the filter. */
export function borderSql(rows: ComparedRows, range: KeyRange, place: number): string {
  const { side, index } = rows;
  const forced = index === null ? "" : ` FORCE INDEX (${quoteIdentifier(index)})`;
  const order = quoteIdentifiers(side.key.map(({ name }) => name));
  const where = boundsSql(side, range);
  return `SELECT ${keyTexts(side).join(", ")} FROM ${quoteTable(side.table.table)}${forced} WHERE ${where} ORDER BY ${order} LIMIT 1 OFFSET ${place - 1}`;
}

/** One half of the digest as a number. */
function halfOf(side: string): string {
  return `CAST(CONV(HEX(${side}(digest, 8)), 16, 10) AS UNSIGNED)`;
}

/** The row's group, from the first 16 bits of its digest. */
function groupSql(groups: number): string {
  return `(CAST(CONV(HEX(LEFT(digest, 2)), 16, 10) AS UNSIGNED) & ${groups - 1})`;
}

/** Where statistics are old, the server may rather read the whole table for each range. */
function from({ side, index }: ComparedRows, { after, until }: KeyRange): string {
  const forced = index !== null && (after !== null || until !== null);
  return `${quoteTable(side.table.table)}${forced ? ` FORCE INDEX (${quoteIdentifier(index)})` : ""}`;
}

function keyNames({ key }: ComparedSide): string[] {
  return key.map((_, place) => `k${place}`);
}

function keyTexts({ key }: ComparedSide): string[] {
  return key.map((column, place) => `${canonicalText(column)} AS k${place}`);
}

function rangeSql(side: ComparedSide, range: KeyRange): string {
  const bounds = boundsSql(side, range);
  return side.filter === null ? bounds : `${bounds} AND ${predicateSql(side.filter, side.table.columns)}`;
}

function boundsSql(side: ComparedSide, { after, until }: KeyRange): string {
  const conditions = [
    ...(after === null ? [] : [isAfter(side.key, textKey(side, after))]),
    ...(until === null ? [] : [isUpTo(side.key, textKey(side, until))]),
  ];
  return conditions.length === 0 ? "TRUE" : conditions.join(" AND ");
}

function keysSql(side: ComparedSide, keys: readonly CanonicalKey[]): string {
  assert(keys.length > 0, "nothing is asked of no keys");
  return `(${keys.map((key) => isEqual(side.key, textKey(side, key))).join(" OR ")})`;
}

/** The key as text forms of this table's columns. */
function textKey({ key: columns }: ComparedSide, key: CanonicalKey): Key {
  return columns.map(({ form, type }, place) => Buffer.from(textForm(form, type, key[place] ?? ""), "utf8"));
}
