// A row filter as a PostgreSQL expression. What the grammar means is written in mappings/row-filter.ts; this file says it
// in SQL, with operators and types named in full, so that neither search_path nor a user's own operators change it.
import { assert } from "../../engine/model/assert.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { ColumnType } from "../../engine/model/table.ts";
import { quoteIdentifier, quoteLiteral } from "./quote.ts";

/** A column of the table that is filtered; CatalogColumn is one. */
export interface PredicateColumn {
  readonly name: string;
  readonly type: ColumnType;
}

export interface PredicateSql {
  /** One boolean expression, safe to join with AND. */
  readonly sql: string;
  /** Text values of its parameters, in order. */
  readonly parameters: string[];
}

/**
 * The filter with parameters `$first`, `$first + 1` … One parameter a constant, also for a list of any length. Null: TRUE.
 * Columns are named without their table.
 */
export function predicateWithParameters(predicate: Predicate | null, columns: readonly PredicateColumn[], first = 1): PredicateSql {
  const parameters: string[] = [];
  const sql = writePredicate(predicate, columns, (text) => {
    parameters.push(text);
    return `$${first + parameters.length - 1}`;
  });
  return { sql, parameters };
}

/** The filter with its constants as literals, for statements that take no parameters, such as COPY (SELECT …) and DDL. */
export function predicateWithLiterals(predicate: Predicate | null, columns: readonly PredicateColumn[]): string {
  return writePredicate(predicate, columns, quoteLiteral);
}

/** Makes a constant's text part of the statement: as a literal or as a parameter. */
type Bind = (text: string) => string;

const operators = { eq: "=", ne: "<>", lt: "<", lte: "<=", gt: ">", gte: ">=" } as const;

function writePredicate(predicate: Predicate | null, columns: readonly PredicateColumn[], bind: Bind): string {
  if (predicate === null) return "TRUE";
  const join = (parts: readonly Predicate[], word: string, empty: string): string =>
    parts.length === 0 ? empty : `(${parts.map((part) => writePredicate(part, columns, bind)).join(` ${word} `)})`;
  switch (predicate.op) {
    case "all":
      return join(predicate.of, "AND", "TRUE");
    case "any":
      return join(predicate.of, "OR", "FALSE");
    case "not":
      return `(NOT ${writePredicate(predicate.of, columns, bind)})`;
    default:
      return writeComparison(predicate, columnOf(predicate.column, columns), bind);
  }
}

function writeComparison(node: Exclude<Predicate, { op: "all" | "any" | "not" }>, column: PredicateColumn, bind: Bind): string {
  const { type } = column;
  const name = quoteIdentifier(column.name);
  switch (node.op) {
    case "is_null": {
      // `row IS NULL` is true for a row of nulls; this form asks for the value itself.
      const test = type.category === "other" ? "IS NOT DISTINCT FROM NULL" : "IS NULL";
      return node.value ? `(${name} ${test})` : `(NOT ${name} ${test})`;
    }
    case "starts_with":
      return `pg_catalog.starts_with(${name}, ${bind(node.value)}::pg_catalog.text)`;
    case "in":
      return `(${comparable(name, type)} OPERATOR(pg_catalog.=) ANY (${bind(arrayText(node.values))}${cast(type, "[]")}))`;
    case "not_in":
      return `(${comparable(name, type)} OPERATOR(pg_catalog.<>) ALL (${bind(arrayText(node.values))}${cast(type, "[]")}))`;
    default: {
      const left = node.op === "eq" || node.op === "ne" ? comparable(name, type) : ordered(name, type);
      return `(${left} OPERATOR(pg_catalog.${operators[node.op]}) ${bind(node.value)}${cast(type, "")})`;
    }
  }
}

/** Enum operators do not look through domains. */
function comparable(name: string, type: ColumnType): string {
  return isEnumDomain(type) ? `${name}::pg_catalog.text` : name;
}

/** Only columns that order by bytes may be ordered, so naming that order changes nothing, and makes sure. */
function ordered(name: string, type: ColumnType): string {
  return type.category === "text" || type.category === "padded" ? `${name} COLLATE pg_catalog."C"` : name;
}

/**
 * Constants take the type without its modifier, which would round or cut them, and without a domain's checks, which would
 * refuse them. A constant beside an enum takes the enum's type by itself; naming it would need USAGE on its schema.
 */
function cast(type: ColumnType, suffix: "" | "[]"): string {
  if (isEnumDomain(type)) return `::pg_catalog.text${suffix}`;
  return type.category === "enum" ? "" : `::${type.bare}${suffix}`;
}

function isEnumDomain(type: ColumnType): boolean {
  return type.category === "enum" && type.kind === "domain";
}

/** PostgreSQL's text form of an array, every element quoted. */
function arrayText(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

function columnOf(name: string, columns: readonly PredicateColumn[]): PredicateColumn {
  const column = columns.find((candidate) => candidate.name === name);
  assert(column, "a filter names columns of its table");
  return column;
}
