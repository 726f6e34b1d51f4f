import { kindOf, type ConfigNode, type MapEntry, type MapNode, type Place, type ScalarNode } from "./config-node.ts";
import { parseName } from "./names.ts";
import type { Report } from "./report.ts";
import type { WhereClause, WhereValue } from "./where-clause.ts";

// Limits of one filter. A list of every commune of the country has 3,321 entries.
const levelsMax = 16;
const conditionsMax = 1000;
const valuesMax = 10_000;
const literalBytesMax = 4096;

const combiners = ["all", "any", "not"] as const;
const comparisons = ["eq", "ne", "lt", "lte", "gt", "gte", "starts_with"] as const;
const operators = [...comparisons, "in", "not_in", "is_null"] as const;

/** A parameter's name, in a filter (`$name`) and under `parameters:`. */
export const parameterName = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/**
 * Reads a filter. Several conditions in one mapping are ANDed; a column with a plain value instead of operators means eq.
 * Literals keep the text that is written. A text that begins with `$` is a parameter, with `$$` it is itself less one
 * `$`. Mistakes go into the report; the result is null when there are any.
 */
export function parseWhere(node: ConfigNode, report: Report): WhereClause | null {
  return new WhereParser(report).clause(node, 1);
}

/** Returns null for what it has reported; callers drop nulls, so that one mistake does not hide the next. */
class WhereParser {
  readonly #report: Report;
  #conditions = 0;
  #values = 0;
  #limitReported = false;

  constructor(report: Report) {
    this.#report = report;
  }

  /** A mapping of columns and all, any, not. */
  clause(node: ConfigNode, level: number): WhereClause | null {
    if (level > levelsMax) return this.#limit(node, `conditions are nested more than ${levelsMax} levels deep`);
    if (node.kind !== "map") return this.#malformed(node, `a mapping from columns to conditions is expected, ${kindOf(node)} is written`);
    if (node.entries.size === 0) {
      return this.#malformed(node, "the condition is empty", "Write a condition, or remove the key to share every row");
    }
    const parts = [...node.entries.values()].map((entry) => this.#entry(entry, level));
    return join(parts.flat(), node);
  }

  #entry(entry: MapEntry, level: number): (WhereClause | null)[] {
    const combiner = combiners.find((word) => word === entry.key);
    if (combiner === undefined) return this.#column(entry);
    if (++this.#conditions > conditionsMax) return [this.#limit(entry, `the filter has more than ${conditionsMax} conditions`)];
    if (combiner === "not") {
      const negated = this.clause(entry.node, level + 1);
      return [negated === null ? null : { op: "not", of: negated, location: entry.location }];
    }
    if (entry.node.kind !== "list" || entry.node.items.length === 0) {
      return [
        this.#malformed(entry.node, `\`${combiner}\` takes a list of conditions`, `Write ${combiner}: [{ column: { eq: value } }, …]`),
      ];
    }
    const of = entry.node.items.map((item) => this.clause(item, level + 1));
    const complete = of.filter((clause) => clause !== null);
    return [complete.length === of.length ? { op: combiner, of: complete, location: entry.location } : null];
  }

  /** `column: value` or `column: { operator: value, … }`. */
  #column(entry: MapEntry): (WhereClause | null)[] {
    this.#report.take(parseName(entry.key), entry);
    const { node } = entry;
    if (node.kind === "map") {
      if (node.entries.size === 0) return [this.#malformed(node, "the column has no condition")];
      return [...node.entries.values()].map((operation) => this.#condition(entry.key, operation));
    }
    if (node.kind === "list") {
      return [this.#malformed(node, "a list stands without an operator", "Write { in: […] }")];
    }
    return [this.#condition(entry.key, { ...entry, key: "eq" })];
  }

  #condition(column: string, { key, node, location, path }: MapEntry): WhereClause | null {
    if (++this.#conditions > conditionsMax) {
      return this.#limit({ path, location }, `the filter has more than ${conditionsMax} conditions`);
    }
    const operator = operators.find((known) => known === key);
    if (operator === undefined) {
      return this.#malformed({ path, location }, "the operator does not exist");
    }
    if (operator === "is_null") {
      if (node.kind === "scalar" && typeof node.value === "boolean") return { op: operator, column, value: node.value, location };
      return this.#malformed(node, "`is_null` takes true or false", "Write is_null: true or is_null: false, without quotes");
    }
    if (operator === "in" || operator === "not_in") {
      const values = this.#list(node, operator);
      return values === null ? null : { op: operator, column, values, location };
    }
    if (node.kind !== "scalar") {
      const remedy = operator === "eq" ? "Write `in:` for a list" : undefined;
      return this.#malformed(node, `\`${operator}\` takes one value, ${kindOf(node)} is written`, remedy);
    }
    const value = this.#value(node);
    return value === null ? null : { op: operator, column, value, location };
  }

  /** A list of values, or one parameter for the whole list. */
  #list(node: ConfigNode, operator: string): readonly WhereValue[] | null {
    if (node.kind === "scalar") {
      const value = this.#value(node);
      if (value === null || typeof value !== "string") return value === null ? null : [value];
      return this.#malformed(
        node,
        `\`${operator}\` takes a list or a parameter`,
        `Write ${operator}: [value, …] or ${operator}: $parameter`,
      );
    }
    if (node.kind === "map" || node.items.length === 0) {
      const cause = node.kind === "map" ? `\`${operator}\` takes a list` : `the list of \`${operator}\` is empty`;
      return this.#malformed(node, cause, "Name at least one value");
    }
    const values = node.items.map((item) => {
      if (item.kind === "scalar") return this.#value(item);
      return this.#malformed(item, `the list of \`${operator}\` holds ${kindOf(item)}`, "Write plain values");
    });
    const complete = values.filter((value) => value !== null);
    return complete.length === values.length ? complete : null;
  }

  #value(node: ScalarNode): WhereValue | null {
    if (++this.#values > valuesMax) return this.#limit(node, `the filter has more than ${valuesMax} values`);
    const literal = readLiteral(node, this.#report);
    if (literal === null || !literal.startsWith("$") || typeof node.value !== "string") return literal;
    if (literal.startsWith("$$")) return literal.slice(1);
    const parameter = literal.slice(1);
    if (parameterName.test(parameter)) return { parameter };
    return this.#malformed(
      node,
      "the name of a parameter is malformed",
      "Write $name with letters, digits and _; a literal $ is written $$",
    );
  }

  #malformed(place: Place, cause: string, remedy?: string): null {
    this.#report.error("DB-CFG-050", place, remedy === undefined ? { cause } : { cause, remedy });
    return null;
  }

  #limit(place: Place, cause: string): null {
    if (!this.#limitReported) this.#report.error("DB-CFG-052", place, { cause });
    this.#limitReported = true;
    return null;
  }
}

/** A literal's text as it is written; null, and reported, when it is NULL or cannot be a value of a database. */
export function readLiteral(node: ScalarNode, report: Report): string | null {
  if (node.value === null) {
    report.error("DB-CFG-051", node);
    return null;
  }
  if (node.text.includes("\0") || Buffer.byteLength(node.text) > literalBytesMax) {
    report.error("DB-CFG-052", node, {
      cause: `a value holds a zero byte or more than ${literalBytesMax} bytes`,
      remedy: "Shorten the value",
    });
    return null;
  }
  return node.text;
}

/** ANDs the parts of one mapping; null when one of them is missing. */
function join(parts: readonly (WhereClause | null)[], map: MapNode): WhereClause | null {
  const complete = parts.filter((part) => part !== null);
  const [only] = complete;
  if (complete.length !== parts.length || only === undefined) return null;
  return complete.length === 1 ? only : { op: "all", of: complete, location: map.location };
}
