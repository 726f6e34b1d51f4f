/**
 * Filters on row images. This page is the one definition of what the grammar means; each dialect's `predicate-sql.ts`
 * is written, and property-tested, to agree with it.
 *
 * - Logic is SQL's: a comparison with NULL is NULL; `all`, `any`, `not` are AND, OR, NOT of three values. `all` of
 *   nothing is true, `any` of nothing false. A row is in the copy only when its filter is true.
 * - `in` of nothing is false and `not_in` of nothing true, NULL or not; otherwise they are OR of `=` and AND of `<>`.
 * - `is_null` never answers NULL, and works on columns of every type. All else needs a type with exact comparison:
 *   integer, decimal  by value: 1.0 = 1.00; NaN equals itself and is greatest, after Infinity
 *   boolean           false before true
 *   text              by bytes of UTF-8; ordered only where the column's collation is the order of bytes
 *   padded, char(n)   as text, trailing blanks of value and constant left out
 *   date, timestamp, instant, time, uuid   in their natural order; -infinity first, infinity last; instants as UTC
 *   enum              equality of labels, no order
 * - `starts_with` compares bytes; blanks at the end of the prefix count, those at the end of a char(n) value are not there.
 * - A column that the row image does not hold (ABSENT, UNCHANGED), and bytes that are no value of the column's type, may
 *   stand for anything. The verdict is UNKNOWN only where the outcome hangs on them.
 */
import { assert } from "../engine/model/assert.ts";
import type { Predicate } from "../engine/model/predicate.ts";
import type { Row } from "../engine/model/row.ts";
import type { ColumnType } from "../engine/model/table.ts";
import { literalKey } from "./filter-literal.ts";
import { textKey, unpaddedLength, valueKind, type ValueKind } from "./filter-value.ts";

/** The image does not say whether the filter is true. */
export const UNKNOWN = "unknown";

/** SQL's three values and UNKNOWN. False also stands for "false or NULL, it is not known which". */
export type Verdict = boolean | null | typeof UNKNOWN;

/** A column as filters see it; CatalogColumn is one. */
export interface FilterColumn {
  readonly name: string;
  readonly type: ColumnType;
}

export interface RowFilter {
  evaluate(row: Row): Verdict;
}

/** The values that a part of the filter may still take: bits, so that what is unknown keeps what is known of it. */
type Outcomes = number;
type Node = (row: Row) => Outcomes;

const isTrue = 1;
const isFalse = 2;
const isNull = 4;
const anything = isTrue | isFalse | isNull;

/**
 * Compiles a filter that checkFilter has found nothing wrong with. `columns` are those of the row images, in their order;
 * null where the catalogue knows nothing of the column, so that no filter can name it. A null predicate is true.
 */
export function compileFilter(predicate: Predicate | null, columns: readonly (FilterColumn | null)[]): RowFilter {
  if (predicate === null) return { evaluate: () => true };
  const node = compileNode(predicate, columns);
  return { evaluate: (row) => verdictOf(node(row)) };
}

function verdictOf(outcomes: Outcomes): Verdict {
  if (outcomes === isTrue) return true;
  if (outcomes === isNull) return null;
  return (outcomes & isTrue) === 0 ? false : UNKNOWN;
}

function compileNode(predicate: Predicate, columns: readonly (FilterColumn | null)[]): Node {
  if (predicate.op === "all" || predicate.op === "any") {
    const parts = predicate.of.map((part) => compileNode(part, columns));
    return predicate.op === "all" ? fold(parts, conjunctions, isTrue, isFalse) : fold(parts, disjunctions, isFalse, isTrue);
  }
  if (predicate.op === "not") {
    const part = compileNode(predicate.of, columns);
    return (row) => negations[part(row)] ?? anything;
  }
  const position = columns.findIndex((column) => column?.name === predicate.column);
  const column = columns[position];
  assert(column, "a filter names columns of its table");
  if (predicate.op === "is_null") return nullTest(position, predicate.value);
  const kind = valueKind(column.type.category);
  assert(kind, "a filter compares columns that can be compared");
  if (predicate.op === "starts_with") return test(position, prefixTest(column.type, predicate.value));
  if ("value" in predicate) return test(position, orderTest(kind, keyOf(column.type, predicate.value), orderings[predicate.op]));
  return membershipTest(
    position,
    kind,
    predicate.values.map((value) => keyOf(column.type, value)),
    predicate.op === "in",
  );
}

function keyOf(type: ColumnType, value: string): string {
  const key = literalKey(type, value);
  assert(key !== null, "a filter's constants were checked against their columns");
  return key;
}

/** AND or OR of the parts from left to right, leaving as soon as one part decides. */
function fold(parts: readonly Node[], table: Uint8Array, neutral: Outcomes, decisive: Outcomes): Node {
  return (row) => {
    let outcomes = neutral;
    for (const part of parts) {
      const next = part(row);
      if (next === decisive) return decisive;
      outcomes = table[outcomes * 8 + next] ?? anything;
    }
    return outcomes;
  };
}

function nullTest(position: number, wanted: boolean): Node {
  const whenNull = wanted ? isTrue : isFalse;
  const otherwise = wanted ? isFalse : isTrue;
  return (row) => {
    const value = row[position];
    if (value === null) return whenNull;
    return typeof value === "object" ? otherwise : isTrue | isFalse;
  };
}

function test(position: number, holds: (value: Buffer) => Outcomes): Node {
  return (row) => {
    const value = row[position];
    if (value === null) return isNull;
    return typeof value === "object" ? holds(value) : anything;
  };
}

/** Outcome of a comparison when the value is less than the constant, equal to it, greater. */
type Ordering = readonly [Outcomes, Outcomes, Outcomes];

const orderings: Readonly<Record<"eq" | "ne" | "lt" | "lte" | "gt" | "gte", Ordering>> = {
  eq: [isFalse, isTrue, isFalse],
  ne: [isTrue, isFalse, isTrue],
  lt: [isTrue, isFalse, isFalse],
  lte: [isTrue, isTrue, isFalse],
  gt: [isFalse, isFalse, isTrue],
  gte: [isFalse, isTrue, isTrue],
};

function orderTest(kind: ValueKind, key: string, [less, equal, greater]: Ordering): (value: Buffer) => Outcomes {
  const compare = kind.comparator(key);
  return (value) => {
    const order = compare(value);
    return order < 0 ? less : order > 0 ? greater : order === 0 ? equal : anything;
  };
}

function membershipTest(position: number, kind: ValueKind, keys: readonly string[], positive: boolean): Node {
  const inside = positive ? isTrue : isFalse;
  const outside = positive ? isFalse : isTrue;
  const [only] = keys;
  if (only === undefined) return () => outside;
  if (keys.length === 1) return test(position, orderTest(kind, only, [outside, inside, outside]));
  const wanted = new Set(keys);
  const longest = longestKey(keys);
  return test(position, (value) => {
    const key = kind.key(value, longest);
    return key === null ? anything : wanted.has(key) ? inside : outside;
  });
}

/** Characters of the longest key: longer values need not be looked up. */
export function longestKey(keys: Iterable<string>): number {
  let longest = 0;
  for (const key of keys) longest = Math.max(longest, key.length);
  return longest;
}

function prefixTest(type: ColumnType, text: string): (value: Buffer) => Outcomes {
  const prefix = Buffer.from(textKey(text), "latin1");
  const length = type.category === "padded" ? unpaddedLength : (value: Buffer) => value.length;
  return (value) => (length(value) >= prefix.length && value.compare(prefix, 0, prefix.length, 0, prefix.length) === 0 ? isTrue : isFalse);
}

/** For each pair of outcome sets, the outcomes of all pairs of their members. */
function combine(both: (a: Outcomes, b: Outcomes) => Outcomes): Uint8Array {
  const values = [isTrue, isFalse, isNull];
  const table = new Uint8Array(64);
  for (let left = 0; left < 8; left += 1) {
    for (let right = 0; right < 8; right += 1) {
      for (const a of values)
        for (const b of values)
          if ((left & a) !== 0 && (right & b) !== 0) table[left * 8 + right] = (table[left * 8 + right] ?? 0) | both(a, b);
    }
  }
  return table;
}

const conjunctions = combine((a, b) => (a === isFalse || b === isFalse ? isFalse : a === isNull || b === isNull ? isNull : isTrue));
const disjunctions = combine((a, b) => (a === isTrue || b === isTrue ? isTrue : a === isNull || b === isNull ? isNull : isFalse));
const negations = Uint8Array.from(
  { length: 8 },
  (_, outcomes) => ((outcomes & isTrue) << 1) | ((outcomes & isFalse) >> 1) | (outcomes & isNull),
);
