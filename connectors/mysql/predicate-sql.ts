// A row filter as a MySQL expression. What the grammar means is written in mappings/row-filter.ts; this file says it in SQL.
// Text is compared as bytes of UTF-8, so that no collation has a say. Constants that the column's type has no place for (a
// date before Christ, NaN, more digits than the column) still lie somewhere in the order, and are compared by that.
import { assert } from "../../engine/model/assert.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { ColumnType } from "../../engine/model/table.ts";
import { type Constant, decimalConstant, momentConstant } from "./filter-constant.ts";
import { textComparison } from "./mysql-collations.ts";
import { quoteIdentifier } from "./quote.ts";

/** A column of the table that is filtered; CatalogColumn is one. */
export interface PredicateColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** The filter as one expression, safe to join with AND. Columns are named without their table. Null: TRUE. */
export function predicateSql(predicate: Predicate | null, columns: readonly PredicateColumn[]): string {
  if (predicate === null) return "TRUE";
  const join = (parts: readonly Predicate[], word: string, empty: string): string =>
    parts.length === 0 ? empty : `(${parts.map((part) => predicateSql(part, columns)).join(` ${word} `)})`;
  switch (predicate.op) {
    case "all":
      return join(predicate.of, "AND", "TRUE");
    case "any":
      return join(predicate.of, "OR", "FALSE");
    case "not":
      return `(NOT ${predicateSql(predicate.of, columns)})`;
    default: {
      const column = columns.find((candidate) => candidate.name === predicate.column);
      assert(column, "a filter names columns of its table");
      return comparisonSql(predicate, column);
    }
  }
}

function comparisonSql(node: Exclude<Predicate, { op: "all" | "any" | "not" }>, column: PredicateColumn): string {
  const name = quoteIdentifier(column.name);
  switch (node.op) {
    case "is_null":
      return node.value ? `(${name} IS NULL)` : `(${name} IS NOT NULL)`;
    case "starts_with":
      return `(LEFT(${bytesOf(name, column.type)}, ${Buffer.byteLength(node.value)}) = ${bytesLiteral(node.value)})`;
    case "in":
    case "not_in":
      return membershipSql(node.values, column, node.op === "in");
    default:
      return orderSql(node.op, constantOf(node.value, column.type), column);
  }
}

type Order = "eq" | "ne" | "lt" | "lte" | "gt" | "gte";

const operators: Readonly<Record<Order, string>> = { eq: "=", ne: "<>", lt: "<", lte: "<=", gt: ">", gte: ">=" };
/** What holds of every value when the constant lies above all of them, or below. */
const whenAbove: readonly Order[] = ["ne", "lt", "lte"];
const whenBelow: readonly Order[] = ["ne", "gt", "gte"];

function orderSql(op: Order, constant: Constant, { name, type }: PredicateColumn): string {
  if (constant.at === "above") return always(name, whenAbove.includes(op));
  if (constant.at === "below") return always(name, whenBelow.includes(op));
  const left = operand(quoteIdentifier(name), type);
  if (constant.at === "value") return `(${left} ${operators[op]} ${constant.sql})`;
  if (op === "eq" || op === "ne") return always(name, op === "ne");
  return `(${left} ${op === "lt" || op === "lte" ? "<=" : ">"} ${constant.sql})`;
}

function membershipSql(values: readonly string[], column: PredicateColumn, positive: boolean): string {
  if (values.length === 0) return positive ? "FALSE" : "TRUE";
  const possible = values
    .map((value) => constantOf(value, column.type))
    .flatMap((constant) => (constant.at === "value" ? [constant.sql] : []));
  if (possible.length === 0) return always(column.name, !positive);
  return `(${operand(quoteIdentifier(column.name), column.type)} ${positive ? "IN" : "NOT IN"} (${possible.join(", ")}))`;
}

/** True, or false, of every value, and NULL of NULL. */
function always(name: string, outcome: boolean): string {
  const column = quoteIdentifier(name);
  return outcome ? `(${column} IS NOT NULL OR NULL)` : `(${column} IS NULL AND NULL)`;
}

function constantOf(text: string, type: ColumnType): Constant {
  switch (type.category) {
    case "integer":
      return decimalConstant(text, 20, 0);
    case "decimal": {
      const [, precision = "10", scale = "0"] = /\((\d+),(\d+)\)/.exec(type.declaration) ?? [];
      return decimalConstant(text, Number(precision), Number(scale));
    }
    case "date":
    case "timestamp":
    case "instant":
      return momentConstant(text);
    case "uuid":
      return { at: "value", sql: bytesLiteral(canonicalUuid(text)) };
    default:
      return { at: "value", sql: bytesLiteral(text) };
  }
}

/** The column in the form that its constants are compared with. */
function operand(name: string, type: ColumnType): string {
  switch (type.category) {
    case "integer":
      // A YEAR takes constants of two digits for years of our time.
      return type.bare === "year" ? `(${name} + 0)` : name;
    case "decimal":
      return name;
    case "date":
    case "timestamp":
    case "instant":
      // Constants may lie where TIMESTAMP and DATE end. The session's zone is UTC.
      return `CAST(${name} AS DATETIME(6))`;
    default:
      return bytesOf(name, type);
  }
}

function bytesOf(name: string, type: ColumnType): string {
  const isUtf8 = textComparison(type.declaration)?.charset === "utf8mb4";
  return `CAST(${isUtf8 ? name : `CONVERT(${name} USING utf8mb4)`} AS BINARY)`;
}

function bytesLiteral(text: string): string {
  return `X'${Buffer.from(text, "utf8").toString("hex")}'`;
}

function canonicalUuid(text: string): string {
  return text
    .replaceAll("-", "")
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
