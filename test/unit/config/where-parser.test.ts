import { expect, test } from "vitest";
import { bindParameters } from "../../../engine/config/bind-parameters.ts";
import { Report } from "../../../engine/config/report.ts";
import { parameterUses, type WhereClause } from "../../../engine/config/where-clause.ts";
import { parseWhere } from "../../../engine/config/where-parser.ts";
import { readYaml } from "../../../engine/config/yaml-tree.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";

/** The clause that YAML text means, and the codes of what is wrong with it. */
function parse(yaml: string): { clause: WhereClause | null; codes: string[] } {
  const report = new Report();
  const node = readYaml(yaml, "where.yaml", report);
  const clause = node === null ? null : parseWhere(node, report);
  return { clause, codes: report.findings().map(({ code }) => code) };
}

/** The predicate that YAML text means with the given parameters. */
function bind(yaml: string, parameters: Record<string, readonly string[]> = {}): Predicate {
  const { clause, codes } = parse(yaml);
  expect(codes).toEqual([]);
  if (clause === null) throw new Error("the filter was not read");
  return bindParameters(clause, new Map(Object.entries(parameters)));
}

test("a column with operators is a comparison each, ANDed", () => {
  expect(bind("{ age: { gte: 18, lt: 65 }, province_code: { eq: '79' } }")).toEqual({
    op: "all",
    of: [
      { op: "gte", column: "age", value: "18" },
      { op: "lt", column: "age", value: "65" },
      { op: "eq", column: "province_code", value: "79" },
    ],
  });
});

test("a plain value in place of operators means eq", () => {
  expect(bind("province_code: '79'")).toEqual({ op: "eq", column: "province_code", value: "79" });
  expect(bind("active: true")).toEqual({ op: "eq", column: "active", value: "true" });
});

test("every operator of the grammar is read", () => {
  expect(bind("{ a: { ne: x, lte: y, gt: z, starts_with: w }, b: { is_null: false, not_in: [p, q] } }")).toEqual({
    op: "all",
    of: [
      { op: "ne", column: "a", value: "x" },
      { op: "lte", column: "a", value: "y" },
      { op: "gt", column: "a", value: "z" },
      { op: "starts_with", column: "a", value: "w" },
      { op: "is_null", column: "b", value: false },
      { op: "not_in", column: "b", values: ["p", "q"] },
    ],
  });
});

test("all, any and not combine conditions beside columns", () => {
  expect(bind("{ a: 1, any: [ { b: 2 }, { c: 3, d: 4 } ], not: { all: [ { e: 5 } ] } }")).toEqual({
    op: "all",
    of: [
      { op: "eq", column: "a", value: "1" },
      {
        op: "any",
        of: [
          { op: "eq", column: "b", value: "2" },
          {
            op: "all",
            of: [
              { op: "eq", column: "c", value: "3" },
              { op: "eq", column: "d", value: "4" },
            ],
          },
        ],
      },
      { op: "not", of: { op: "all", of: [{ op: "eq", column: "e", value: "5" }] } },
    ],
  });
});

test.each(["1.10", "079", "1e3", "12345678901234567890123", "-0", "0x1F", "True", ".5", "+7", "0.1000"])(
  "the literal %s keeps the text that is written",
  (literal) => {
    expect(bind(`c: { eq: ${literal} }`)).toEqual({ op: "eq", column: "c", value: literal });
    expect(bind(`c: { in: [${literal}, '${literal}'] }`)).toEqual({ op: "in", column: "c", values: [literal] });
  },
);

test.each([
  [`"79"`, "79"],
  ["'it''s'", "it's"],
  [`"a\\tb"`, "a\tb"],
  [`""`, ""],
  [`" x "`, " x "],
  [`"null"`, "null"],
  ["Thừa Thiên Huế", "Thừa Thiên Huế"],
  ["'$$x'", "$x"],
  ["$$$x", "$$x"],
  ["2026-01-01", "2026-01-01"],
])("the literal %s is the text %j", (literal, value) => {
  expect(bind(`c: { eq: ${literal} }`)).toEqual({ op: "eq", column: "c", value });
});

test("columns are taken literally", () => {
  expect(bind(`{ "Mã tỉnh": 1 }`)).toEqual({ op: "eq", column: "Mã tỉnh", value: "1" });
  expect(bind(`{ "a.b": 1 }`)).toEqual({ op: "eq", column: "a.b", value: "1" });
  expect(bind(`{ constructor: 1 }`)).toEqual({ op: "eq", column: "constructor", value: "1" });
  expect(bind(`{ null: 1 }`)).toEqual({ op: "eq", column: "null", value: "1" });
  expect(bind(`{ 1.10: 1 }`)).toEqual({ op: "eq", column: "1.10", value: "1" });
});

test("a parameter stands for all its values in a list, each once, and for its only value elsewhere", () => {
  const provinces = ["79", "46", "79"];
  expect(bind("c: { in: $p }", { p: provinces })).toEqual({ op: "in", column: "c", values: ["79", "46"] });
  expect(bind("c: { not_in: ['01', $p, '46'] }", { p: provinces })).toEqual({ op: "not_in", column: "c", values: ["01", "79", "46"] });
  expect(bind("c: $p", { p: ["79"] })).toEqual({ op: "eq", column: "c", value: "79" });
  expect(bind("c: { starts_with: '$p' }", { p: ["79"] })).toEqual({ op: "starts_with", column: "c", value: "79" });
});

test("a parameter's value is never read as a parameter again", () => {
  expect(bind("c: { in: $p }", { p: ["$q", "$$r"] })).toEqual({ op: "in", column: "c", values: ["$q", "$$r"] });
});

test.each([
  ["c: { in: $p }", {}, "DB-CFG-053"],
  ["c: { in: $p }", { p: [] }, "DB-CFG-055"],
  ["c: $p", { p: [] }, "DB-CFG-055"],
  ["c: $p", { p: ["1", "2"] }, "DB-CFG-055"],
])("binding %s with %j is refused, naming where it is written", (yaml, parameters, code) => {
  const clause = parse(yaml).clause as WhereClause;
  const attempt = (): Predicate => bindParameters(clause, new Map(Object.entries(parameters)));
  expect(attempt).toThrow(ReplicationError);
  expect(attempt).toThrow(new RegExp(`^${code}: where\\.yaml:1:\\d+: `));
});

test("which parameters a filter uses, and whether it needs a single value, can be asked", () => {
  const { clause } = parse(
    "{ a: { in: [$p, x] }, any: [ { not: { c: { not_in: $q } } }, { b: $q }, { c: { in: $q } }, { d: { is_null: true } } ] }",
  );
  const uses = [...parameterUses(clause as WhereClause).values()].map(({ parameter, single }) => [parameter, single]);
  expect(uses).toEqual([
    ["p", false],
    ["q", true],
  ]);
});

test.each([
  ["[a]", "DB-CFG-050"],
  ["{}", "DB-CFG-050"],
  ["c: {}", "DB-CFG-050"],
  ["c: { eq: [1] }", "DB-CFG-050"],
  ["c: { lt: { eq: 1 } }", "DB-CFG-050"],
  ["c: { in: '79' }", "DB-CFG-050"],
  ["c: { in: {} }", "DB-CFG-050"],
  ["c: { in: [[1]] }", "DB-CFG-050"],
  ["c: { is_null: 1 }", "DB-CFG-050"],
  ["c: { EQ: 1 }", "DB-CFG-050"],
  ["c: { eq: $ }", "DB-CFG-050"],
  ["c: { eq: $1 }", "DB-CFG-050"],
  ["all: { c: 1 }", "DB-CFG-050"],
  ["all: 1", "DB-CFG-050"],
  ["not: [{ c: 1 }]", "DB-CFG-050"],
  ["c:", "DB-CFG-051"],
  ["c: { in: ~ }", "DB-CFG-051"],
  ["c: { starts_with: }", "DB-CFG-051"],
  [`{ "": 1 }`, "DB-CFG-041"],
  [`c: "a\\0b"`, "DB-CFG-052"],
  [`c: "${"x".repeat(4097)}"`, "DB-CFG-052"],
])("%s is refused", (yaml, code) => {
  expect(parse(yaml)).toEqual({ clause: yaml === `{ "": 1 }` ? expect.anything() : null, codes: [code] });
});

function levels(count: number): string {
  return `${"{ not: ".repeat(count - 1)}{ c: 1 }${" }".repeat(count - 1)}`;
}

function conditions(count: number): string {
  return `any: [${Array.from({ length: count - 1 }, () => "{ c: 1 }").join(", ")}]`;
}

function values(count: number): string {
  return `c: { in: [${Array.from({ length: count }, (_, value) => value).join(", ")}] }`;
}

test("the limits of a filter are what it may just have, and one more is refused once", () => {
  for (const [text, limit] of [
    [levels, 16],
    [conditions, 1000],
    [values, 10_000],
  ] as const) {
    expect(parse(text(limit)).codes).toEqual([]);
    expect(parse(text(limit + 1)).codes).toEqual(["DB-CFG-052"]);
    expect(parse(text(limit + 5)).codes.length).toBe(1);
  }
});

test("several mistakes in one filter are told at once", () => {
  expect(parse("{ a: null, b: { like: x }, any: [ { c: { in: [] } }, { d: 1 } ] }").codes).toEqual([
    "DB-CFG-051",
    "DB-CFG-050",
    "DB-CFG-050",
  ]);
});
