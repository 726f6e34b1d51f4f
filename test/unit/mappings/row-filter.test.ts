import { describe, expect, test } from "vitest";
import type { Predicate } from "../../../engine/model/predicate.ts";
import { ABSENT, UNCHANGED } from "../../../engine/model/row.ts";
import { compileFilter, UNKNOWN, type Verdict } from "../../../mappings/row-filter.ts";
import { column, row } from "../../support/table-builders.ts";

const columns = [column("province", "text"), column("age", "integer"), column("code", "padded"), column("document", "other")];

type Value = string | null | 0 | 1;

function verdict(predicate: Predicate | null, province: Value, age: Value = "30", code: Value = "ab    ", document: Value = "{}"): Verdict {
  return compileFilter(predicate, columns).evaluate(row(province, age, code, document));
}

const inHanoi: Predicate = { op: "eq", column: "province", value: "01" };
const adult: Predicate = { op: "gte", column: "age", value: "18" };

const among = (op: "in" | "not_in", values: readonly string[]): Predicate => ({ op, column: "province", values });
const prefix = (value: string): Predicate => ({ op: "starts_with", column: "code", value });

test("no filter is true for every row", () => {
  expect(verdict(null, ABSENT, null)).toBe(true);
});

test("a comparison with NULL is NULL, also negated and in lists", () => {
  expect(verdict(inHanoi, null)).toBeNull();
  expect(verdict({ op: "not", of: inHanoi }, null)).toBeNull();
  expect(verdict({ op: "ne", column: "province", value: "01" }, null)).toBeNull();
  expect(verdict({ op: "not_in", column: "province", values: ["01", "79"] }, null)).toBeNull();
  expect(verdict({ op: "starts_with", column: "province", value: "" }, null)).toBeNull();
});

test("is_null is never NULL", () => {
  expect(verdict({ op: "is_null", column: "province", value: true }, null)).toBe(true);
  expect(verdict({ op: "is_null", column: "province", value: false }, null)).toBe(false);
  expect(verdict({ op: "is_null", column: "document", value: false }, "01")).toBe(true);
});

test("lists of none, one and many", () => {
  for (const province of ["01", null, UNCHANGED] as const) {
    expect(verdict(among("in", []), province)).toBe(false);
    expect(verdict(among("not_in", []), province)).toBe(true);
  }
  for (const values of [["01"], ["79", "01", "1"]]) {
    expect(verdict(among("in", values), "01")).toBe(true);
    expect(verdict(among("in", values), "010")).toBe(false);
    expect(verdict(among("not_in", values), "01")).toBe(false);
    expect(verdict(among("not_in", values), "48")).toBe(true);
  }
});

test("all of nothing is true, any of nothing is false", () => {
  expect(verdict({ op: "all", of: [] }, null)).toBe(true);
  expect(verdict({ op: "any", of: [] }, null)).toBe(false);
});

test("a prefix is compared with a char(n) value without its trailing blanks, its own blanks count", () => {
  expect(verdict(prefix("ab"), "01", "30", "ab    ")).toBe(true);
  expect(verdict(prefix("ab "), "01", "30", "ab    ")).toBe(false);
  expect(verdict(prefix("ab "), "01", "30", "ab c  ")).toBe(true);
  expect(verdict(prefix(""), "01", "30", "      ")).toBe(true);
});

describe("a column that the image does not hold", () => {
  test.each([ABSENT, UNCHANGED] as const)("leaves the verdict open only where the outcome hangs on it (%s)", (missing) => {
    const both: Predicate = { op: "all", of: [inHanoi, adult] };
    const either: Predicate = { op: "any", of: [inHanoi, adult] };
    expect(verdict(inHanoi, missing)).toBe(UNKNOWN);
    expect(verdict({ op: "not", of: inHanoi }, missing)).toBe(UNKNOWN);
    expect(verdict({ op: "is_null", column: "province", value: true }, missing)).toBe(UNKNOWN);
    expect(verdict(both, missing, "30")).toBe(UNKNOWN);
    expect(verdict(both, missing, "10")).toBe(false);
    expect(verdict(either, missing, "30")).toBe(true);
    expect(verdict(either, missing, "10")).toBe(UNKNOWN);
  });

  test("beside a NULL that keeps the filter from being true, the row is out whatever it holds", () => {
    expect(verdict({ op: "all", of: [inHanoi, adult] }, UNCHANGED, null)).toBe(false);
    expect(verdict({ op: "all", of: [adult, inHanoi] }, UNCHANGED, null)).toBe(false);
    // Not so under a negation: NOT (false AND NULL) is true.
    expect(verdict({ op: "not", of: { op: "all", of: [inHanoi, adult] } }, UNCHANGED, null)).toBe(UNKNOWN);
  });

  test("an image that is shorter than its table lacks the rest", () => {
    expect(compileFilter(adult, columns).evaluate(row("01"))).toBe(UNKNOWN);
  });
});

test("bytes that are no value of the column's type leave the verdict open: the source is asked", () => {
  expect(verdict(adult, "01", "thirty")).toBe(UNKNOWN);
  expect(verdict({ op: "in", column: "age", values: ["1", "2"] }, "01", "")).toBe(UNKNOWN);
  expect(verdict({ op: "all", of: [adult, inHanoi] }, "79", "thirty")).toBe(false);
});

test("columns are found by name in the order of the image", () => {
  const filter = compileFilter(adult, [null, column("age", "integer")]);
  expect(filter.evaluate(row("x", "18"))).toBe(true);
  expect(filter.evaluate(row("x", "17"))).toBe(false);
});

test("a filter that was not checked is a defect, not a wrong answer", () => {
  expect(() => compileFilter({ op: "eq", column: "nobody", value: "1" }, columns)).toThrow("names columns of its table");
  expect(() => compileFilter({ op: "eq", column: "age", value: "x" }, columns)).toThrow("were checked");
  expect(() => compileFilter({ op: "eq", column: "document", value: "{}" }, columns)).toThrow("can be compared");
});
