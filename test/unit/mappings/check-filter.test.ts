import { expect, test } from "vitest";
import type { Predicate } from "../../../engine/model/predicate.ts";
import type { ValueCategory } from "../../../engine/model/table.ts";
import { checkFilter } from "../../../mappings/check-filter.ts";
import { mysqlType } from "../../support/family-types.ts";
import { catalogTable, column, columnType } from "../../support/table-builders.ts";

const categories: readonly ValueCategory[] = [
  "integer",
  "decimal",
  "float",
  "boolean",
  "text",
  "padded",
  "date",
  "time",
  "timestamp",
  "instant",
  "uuid",
  "enum",
  "bytes",
  "other",
];

const mysqlIntegers = ["tinyint(4)", "smallint unsigned", "mediumint", "int(10) unsigned zerofill", "bigint(20) unsigned", "year(4)"];

const table = catalogTable([
  ...mysqlIntegers.map((declaration) => column(declaration, "integer", { type: mysqlType(declaration) })),
  ...categories.map((category) => column(category, category)),
  column("Mixed", "text"),
  column("small", "integer", { type: columnType("integer", { bare: "pg_catalog.int2", declaration: "smallint" }) }),
  column("big", "integer", { type: columnType("integer", { bare: "pg_catalog.int8", declaration: "bigint" }) }),
  column("vietnamese", "text", { bytewiseCollation: false }),
  column("vietnamese_code", "padded", { bytewiseCollation: false }),
  column("citext", "text", { deterministic: false }),
  column("computed", "integer", { generated: true }),
  column("computed and publishable", "integer", { generated: true, publishable: true }),
  column("computed and in every row event", "integer", { generated: true, publishable: true, type: mysqlType("int(11)") }),
]);

function codes(predicate: Predicate): string[] {
  return checkFilter(predicate, table, "population").map((mistake) => mistake.code);
}

const good: Readonly<Partial<Record<string, readonly string[]>>> = {
  integer: ["0", "-2147483648", "+2147483647", "007"],
  small: ["-32768", "32767"],
  big: ["-9223372036854775808", "9223372036854775807"],
  "tinyint(4)": ["-128", "127"],
  "smallint unsigned": ["0", "65535"],
  mediumint: ["-8388608", "8388607"],
  "int(10) unsigned zerofill": ["4294967295"],
  "bigint(20) unsigned": ["18446744073709551615"],
  "year(4)": ["0", "2155"],
  decimal: ["1", "-1.50", ".5", "5.", "1e3", "1E-5", "NaN", "-Infinity", "inf", "1e131071", "1e-16383"],
  boolean: ["true", "False", "t", "n", "ON", "0"],
  text: ["", "Hà Nội", "it's", "💧"],
  padded: ["ab", "ab   "],
  date: ["2024-02-29", "2000-02-29", "0001-02-29 BC", "4714-11-24 BC", "5874897-12-31", "10000-01-01", "infinity", "-Infinity"],
  time: ["00:00", "23:59:59.999999", "24:00:00", "24:00:00.000"],
  timestamp: [
    "2024-01-01",
    "2024-01-01 10:00",
    "2024-01-01T10:00:00.5",
    "0044-03-15 10:00:00 BC",
    "294276-12-31 23:59:59.999999",
    "infinity",
  ],
  instant: ["2024-01-01 10:00+07", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00.123456-05:30", "-infinity"],
  uuid: ["0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e", "0190B5A87F3E7C1A9D7E1F2A3B4C5D6E"],
  enum: ["red", "green"],
};

const bad: Readonly<Partial<Record<string, readonly string[]>>> = {
  integer: ["", "1.0", "1e3", "2147483648", "-2147483649", "0x1f", "1_000", " 1", "٣", "9".repeat(1000)],
  small: ["32768"],
  big: ["9223372036854775808"],
  "tinyint(4)": ["128", "-129"],
  "smallint unsigned": ["-1", "65536"],
  mediumint: ["8388608"],
  "int(10) unsigned zerofill": ["-1", "4294967296"],
  "bigint(20) unsigned": ["-1", "18446744073709551616"],
  "year(4)": ["-1", "2156"],
  decimal: ["", ".", "1,5", "1e", "--1", "1e131072", "1e-16384", "1e99999999", "9".repeat(200_000), `0.${"0".repeat(16_383)}1`],
  boolean: ["", "2", "tr", "đúng"],
  text: ["a\0b", "\ud800"],
  padded: ["a\0"],
  date: [
    "2024-2-9",
    "2023-02-29",
    "1900-02-29",
    "2024-13-01",
    "2024-00-10",
    "0000-01-01",
    "24-01-01",
    "2024-01-01 10:00",
    "01/02/2024",
    "today",
  ],
  time: ["24:00:01", "25:00", "10:60", "10:00:60", "10", "10:00:00.1234567", "10:00+07"],
  timestamp: ["2024-01-01 10:00+07", "2024-01-01 24:00:00", "2024-01-01 10:00:60", "294277-01-01", "now", "2024-01-01  10:00"],
  instant: ["2024-01-01", "2024-01-01 10:00", "2024-01-01 10:00+16", "2024-01-01 10:00 Asia/Ho_Chi_Minh", "4714-11-24 00:00:00+07 BC"],
  uuid: ["", "0190b5a8", "{0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e}", "g190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e"],
};

test.each(Object.entries(good))("%s: constants that can be read are accepted", (name, values) => {
  for (const value of values ?? []) expect(codes({ op: "eq", column: name, value }), value).toEqual([]);
  expect(codes({ op: "in", column: name, values: values ?? [] })).toEqual([]);
});

test.each(Object.entries(bad))("%s: constants that servers would refuse or read differently are refused", (name, values) => {
  for (const value of values ?? []) expect(codes({ op: "eq", column: name, value }), value.slice(0, 50)).toEqual(["DB-MAP-003"]);
  expect(codes({ op: "not_in", column: name, values: values ?? [] })).toHaveLength(values?.length ?? 0);
});

test("a column that is not there is named, with the spelling that is", () => {
  const [mistake] = checkFilter({ op: "eq", column: "mixed", value: "x" }, table, "population");
  expect(mistake).toMatchObject({
    code: "DB-MAP-001",
    subject: "population",
    column: "mixed",
    remedy: 'Write "Mixed", as the source has it',
  });
  expect(codes({ op: "is_null", column: "nobody", value: true })).toEqual(["DB-MAP-001"]);
});

test("types without exact comparison can only be asked for NULL", () => {
  for (const name of ["float", "bytes", "other"]) {
    expect(codes({ op: "eq", column: name, value: "1" })).toEqual(["DB-MAP-002"]);
    expect(codes({ op: "in", column: name, values: ["1"] })).toEqual(["DB-MAP-002"]);
  }
  for (const name of categories) expect(codes({ op: "is_null", column: name, value: true })).toEqual([]);
});

test("text is ordered only where the collation is the order of bytes", () => {
  for (const op of ["lt", "lte", "gt", "gte"] as const) {
    expect(codes({ op, column: "text", value: "a" })).toEqual([]);
    expect(codes({ op, column: "padded", value: "a" })).toEqual([]);
    expect(codes({ op, column: "vietnamese", value: "a" })).toEqual(["DB-MAP-005"]);
    expect(codes({ op, column: "vietnamese_code", value: "a" })).toEqual(["DB-MAP-005"]);
  }
  expect(codes({ op: "eq", column: "vietnamese", value: "a" })).toEqual([]);
  expect(codes({ op: "starts_with", column: "vietnamese", value: "a" })).toEqual([]);
});

test("text whose equality is not that of bytes is refused", () => {
  for (const op of ["eq", "ne", "lt", "starts_with"] as const) expect(codes({ op, column: "citext", value: "a" })).toEqual(["DB-MAP-006"]);
  expect(codes({ op: "is_null", column: "citext", value: false })).toEqual([]);
});

test("enums have equality and no order, and only their own labels", () => {
  expect(codes({ op: "ne", column: "enum", value: "red" })).toEqual([]);
  expect(codes({ op: "in", column: "enum", values: ["red", "Red", "blue"] })).toEqual(["DB-MAP-007", "DB-MAP-007"]);
  for (const op of ["lt", "gte", "starts_with"] as const) expect(codes({ op, column: "enum", value: "red" })).toEqual(["DB-MAP-004"]);
  const domain = column("shade", "enum", { type: columnType("enum", { kind: "domain" }) });
  expect(checkFilter({ op: "eq", column: "shade", value: "blue" }, catalogTable([domain]), "s").map(({ code }) => code)).toEqual([
    "DB-MAP-007",
  ]);
});

test("starts_with is for text", () => {
  for (const name of ["text", "padded"]) expect(codes({ op: "starts_with", column: name, value: "a" })).toEqual([]);
  for (const name of ["integer", "decimal", "boolean", "date", "uuid", "instant"]) {
    expect(codes({ op: "starts_with", column: name, value: "1" })).toEqual(["DB-MAP-004"]);
  }
});

test("a generated column is refused: the stream may not carry it", () => {
  expect(codes({ op: "eq", column: "computed", value: "1" })).toEqual(["DB-MAP-008"]);
  expect(codes({ op: "eq", column: "computed and publishable", value: "1" })).toEqual(["DB-MAP-008"]);
  expect(codes({ op: "eq", column: "computed and in every row event", value: "1" })).toEqual([]);
});

test("all mistakes are told at once, in the order in which they are written", () => {
  const predicate: Predicate = {
    op: "all",
    of: [
      { op: "eq", column: "nobody", value: "1" },
      {
        op: "not",
        of: {
          op: "any",
          of: [
            { op: "lt", column: "enum", value: "red" },
            { op: "in", column: "integer", values: ["x", "1", "y"] },
          ],
        },
      },
    ],
  };
  const mistakes = checkFilter(predicate, table, "population");
  expect(mistakes.map(({ code }) => code)).toEqual(["DB-MAP-001", "DB-MAP-004", "DB-MAP-003", "DB-MAP-003"]);
  expect(mistakes[3]?.cause).toBe('value 3 of in on "integer" (integer) cannot be read as a value of that type');
  expect(mistakes[3]?.remedy).toBe("Write a whole number from -2147483648 to 2147483647");
});

test("no message repeats a filter's value: it may be a person's", () => {
  const secret = "079199000001x";
  const columns = [...categories, "citext", "vietnamese", "computed"];
  const mistakes = columns.flatMap((name) => checkFilter({ op: "lt", column: name, value: secret }, table, "population"));
  expect(mistakes.length).toBeGreaterThan(10);
  for (const { cause, remedy } of mistakes) expect(`${cause} ${remedy}`).not.toContain(secret);
});
