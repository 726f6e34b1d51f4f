// The statements that a comparison asks of a table on a PostgreSQL server. Pure text.
import { assert } from "../../../engine/model/assert.ts";
import { textForm } from "../../../engine/model/source-key.ts";
import type { CanonicalKey, GroupChoice, KeyRange } from "../../../engine/ports/compared-table.ts";
import type { ComparedSide, SideColumn } from "../../compared-side.ts";
import { quoteIdentifier, quoteIdentifiers, quoteLiteral } from "../quote.ts";
import { filterSql, fromTable } from "../snapshot/read-sql.ts";
import { canonicalText, columnDigest, digestedValue, type Printing, rowText } from "./canonical-sql.ts";

/** A table and how its server prints. */
export interface ComparedRows extends Printing {
  readonly side: ComparedSide;
}

/** Further columns of a looked-up row, as expressions over the table. */
export type Extras = Readonly<Record<string, string>>;

/** `group, rows, sum of high halves, sum of low halves` of each group. The sums are of signed numbers. */
export function digestSql(rows: ComparedRows, range: KeyRange, groups: number): string {
  const from = `FROM (${hashedRows(rows, rangeSql(rows.side, range))}) AS d`;
  if (groups === 1) return `SELECT 0, count(*), sum(high), sum(low) ${from}`;
  return `SELECT ${groupSql(groups)}, count(*), sum(high), sum(low) ${from} GROUP BY 1`;
}

/** `key, digest` of each row of the wanted groups. */
export function listSql(rows: ComparedRows, range: KeyRange, { groups, wanted }: GroupChoice): string {
  const { side } = rows;
  const select = `SELECT ${[...keyNames(side), digestText].join(", ")} FROM (${hashedRows(rows, rangeSql(side, range), keyTexts(side))}) AS d`;
  return groups === 1 ? select : `${select} WHERE ${groupSql(groups)} IN (${wanted.join(", ")})`;
}

/** `key, digest, extras` of each row with one of these keys, whether or not it passes the filter. */
export function findSql(rows: ComparedRows, keys: readonly CanonicalKey[], extras: Extras): string {
  const { side } = rows;
  const names = [...keyNames(side), digestText, ...Object.keys(extras)];
  return `SELECT ${names.join(", ")} FROM (${hashedRows(rows, keysSql(side, keys), { ...keyTexts(side), ...extras })}) AS d`;
}

/** `key, one digest a column` of each row with one of these keys. */
export function columnsSql({ side, ...printing }: ComparedRows, keys: readonly CanonicalKey[]): string {
  const values = side.columns.map((column, place) => `${digestedValue(column)} AS v${place}`);
  const digests = side.columns.map((column, place) => columnDigest(column, `v${place}`, printing));
  const inner = `SELECT ${[...listed(keyTexts(side)), ...values].join(", ")} FROM ${fromTable(side.table)} WHERE ${keysSql(side, keys)} OFFSET 0`;
  return `SELECT ${[...keyNames(side), ...digests].join(", ")} FROM (${inner}) AS r`;
}

/** `key, canonical text of one column` of each row with one of these keys. */
export function valuesSql({ side }: ComparedRows, keys: readonly CanonicalKey[], place: number): string {
  const column = side.columns[place];
  assert(column !== undefined, "a column that is asked for is one that is compared");
  return `SELECT ${[...keyExpressions(side), canonicalText(column)].join(", ")} FROM ${fromTable(side.table)} WHERE ${keysSql(side, keys)}`;
}

/** Key of the row that is the `place`-th of a range, whether or not it passes the filter. */
export function borderSql({ side }: ComparedRows, range: KeyRange, place: number): string {
  const key = quoteIdentifiers(side.key.map(({ name }) => name));
  const walk = `SELECT ${key} FROM ${fromTable(side.table)} WHERE ${boundsSql(side, range)} ORDER BY ${key} OFFSET ${place - 1} LIMIT 1`;
  // Only the one key is printed.
  return `SELECT ${keyExpressions(side).join(", ")} FROM (${walk}) AS b`;
}

/** Of a row's two halves. */
const digestText = "lpad(to_hex(high), 16, '0') || lpad(to_hex(low), 16, '0') AS digest";

/** The row's group, from the first 16 bits of its digest. */
function groupSql(groups: number): string {
  return `(high >> 48)::int & ${groups - 1}`;
}

/** `high, low` halves of rows' digests, and further columns by name. OFFSET 0 keeps the planner from computing an expression each time it is named. */
function hashedRows(rows: ComparedRows, where: string, further: Extras = {}): string {
  const names = Object.keys(further);
  // A cast to fewer bits leaves out those at the end.
  const halves = rows.quick
    ? ['hashtextextended(made COLLATE "C", 0) AS high', 'hashtextextended(made COLLATE "C", 1) AS low']
    : ["made::bit(64)::bigint AS high", "(made << 64)::bit(64)::bigint AS low"];
  return `SELECT ${[...halves, ...names].join(", ")} FROM (${madeRows(rows, where, further)}) AS m OFFSET 0`;
}

/** `made`: the row's text where it is hashed in the next step, else its MD5 as bits. */
function madeRows({ side, ...printing }: ComparedRows, where: string, further: Extras): string {
  const { values, text } = rowText(side.columns, printing);
  const made = `${printing.quick ? text : `('x' || md5(${text}))::bit(128)`} AS made`;
  const from = `FROM ${fromTable(side.table)} WHERE ${where} OFFSET 0`;
  if (values.length === 0) return `SELECT ${[made, ...listed(further)].join(", ")} ${from}`;
  const inner = [...values.map((value, place) => `${value} AS v${place}`), ...listed(further)];
  return `SELECT ${[made, ...Object.keys(further)].join(", ")} FROM (SELECT ${inner.join(", ")} ${from}) AS r OFFSET 0`;
}

function keyNames({ key }: ComparedSide): string[] {
  return key.map((_, place) => `k${place}`);
}

function keyExpressions({ key }: ComparedSide): string[] {
  return key.map(canonicalText);
}

function keyTexts(side: ComparedSide): Extras {
  return Object.fromEntries(side.key.map((column, place) => [`k${place}`, canonicalText(column)]));
}

function listed(extras: Extras): string[] {
  return Object.entries(extras).map(([name, expression]) => `${expression} AS ${name}`);
}

function rangeSql(side: ComparedSide, range: KeyRange): string {
  const bounds = boundsSql(side, range);
  return side.filter === null ? bounds : `${bounds} AND ${filterSql(side.table, side.filter)}`;
}

/** Row comparison is what a B-tree over several columns understands as one range. */
function boundsSql(side: ComparedSide, { after, until }: KeyRange): string {
  const columns = rowOf(side.key.map(({ name }) => quoteIdentifier(name)));
  const conditions = [
    ...(after === null ? [] : [`${columns} > ${rowOf(literals(side, after))}`]),
    ...(until === null ? [] : [`${columns} <= ${rowOf(literals(side, until))}`]),
  ];
  return conditions.length === 0 ? "TRUE" : conditions.join(" AND ");
}

function keysSql(side: ComparedSide, keys: readonly CanonicalKey[]): string {
  assert(keys.length > 0, "nothing is asked of no keys");
  const names = side.key.map(({ name }) => quoteIdentifier(name));
  const given = keys.map((key) => literals(side, key));
  if (side.key.every(isNameable)) return `(${names.join(", ")}) IN (VALUES ${given.map((own) => `(${own.join(", ")})`).join(", ")})`;
  const equal = given.map((own) => `(${own.map((value, place) => `${names[place] ?? ""} = ${value}`).join(" AND ")})`);
  return `(${equal.join(" OR ")})`;
}

function rowOf(parts: readonly string[]): string {
  return parts.length === 1 ? (parts[0] ?? "") : `(${parts.join(", ")})`;
}

/** Built-in types are named; another takes its column's type by itself, since naming it would need USAGE on its schema. */
function literals({ key: columns }: ComparedSide, key: CanonicalKey): string[] {
  assert(key.length === columns.length, "a key has a value for each of its columns");
  return columns.map((column, place) => {
    const text = quoteLiteral(textForm(column.form, column.type, key[place] ?? ""));
    return isNameable(column) ? `${text}::${column.type.bare}` : text;
  });
}

function isNameable({ type }: SideColumn): boolean {
  return type.bare.startsWith("pg_catalog.");
}
