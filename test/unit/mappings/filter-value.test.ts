import { describe, expect, test } from "vitest";
import type { ValueCategory } from "../../../engine/model/table.ts";
import { literalKey } from "../../../mappings/filter-literal.ts";
import { valueKind } from "../../../mappings/filter-value.ts";
import { columnType } from "../../support/table-builders.ts";

function compare(category: ValueCategory, value: string, constant: string): number {
  const key = literalKey(columnType(category), constant);
  const kind = valueKind(category);
  if (key === null || kind === null) throw new Error("not comparable");
  // Adding 0 makes the two zeros one.
  return Math.sign(kind.comparator(key)(Buffer.from(value))) + 0;
}

function key(category: ValueCategory, value: string): string | null | undefined {
  return valueKind(category)?.key(Buffer.from(value), 1000);
}

function keyOfLiteral(category: ValueCategory, text: string): string | null {
  return literalKey(columnType(category), text);
}

/** Each list ascends strictly, in the form the server prints. */
const ascending: readonly (readonly [ValueCategory, readonly string[]])[] = [
  ["integer", ["-2147483648", "-10", "-9", "0", "9", "10", "2147483647"]],
  ["decimal", ["-Infinity", "-1000", "-2.5", "-2.49", "-0.01", "0.00", "0.009", "0.01", "9", "10.0", "Infinity", "NaN"]],
  ["boolean", ["f", "t"]],
  ["text", ["", " ", "A", "a", "a ", "ab", "b", "é", "đ", "\uffff", "💧"]],
  ["text", ["twenty-four characters a", "twenty-four characters ab", "twenty-four characters abc", "twenty-four characters b"]],
  ["padded", ["a     ", "ab    ", "a\u00a0    ", "b     "]],
  [
    "date",
    ["-infinity", "4714-11-24 BC", "0002-12-31 BC", "0001-01-01 BC", "0001-01-01", "1582-10-10", "9999-12-31", "10000-01-01", "infinity"],
  ],
  ["time", ["00:00:00", "00:00:00.000001", "23:59:59.999999", "24:00:00"]],
  [
    "timestamp",
    [
      "-infinity",
      "0044-03-15 10:00:00 BC",
      "1969-12-31 23:59:59.999999",
      "1970-01-01 00:00:00",
      "294276-12-31 23:59:59.999999",
      "infinity",
    ],
  ],
  ["uuid", ["00000000-0000-0000-0000-00000000000a", "0a000000-0000-0000-0000-000000000000", "f0000000-0000-0000-0000-000000000000"]],
];

describe.each(ascending)("%s", (category, values) => {
  test("orders values as the server does, and tells none apart from itself", () => {
    const spelt = values.map((value) => (category === "boolean" ? (value === "t" ? "true" : "false") : value));
    for (const [left, value] of values.entries()) {
      for (const [right, constant] of spelt.entries())
        expect(compare(category, value, constant), `${value} ? ${constant}`).toBe(Math.sign(left - right));
    }
    expect(new Set(values.map((value) => key(category, value))).size).toBe(values.length);
  });
});

test("equal numbers have equal keys, however they are written", () => {
  for (const text of ["1", "1.0", "1.000", "01", "+1", "00001.0"]) expect(key("decimal", text)).toBe("1");
  for (const text of ["0", "-0", "0.00", "-0.000", "000"]) expect(key("decimal", text)).toBe("0");
  expect(key("decimal", "-12.340")).toBe("-12.34");
  expect(key("decimal", ".5")).toBe("0.5");
});

test("a literal's key is that of the values equal to it", () => {
  expect(keyOfLiteral("decimal", "12.5e-1")).toBe(key("decimal", "1.25"));
  expect(keyOfLiteral("decimal", "1e3")).toBe(key("decimal", "1000.00"));
  expect(keyOfLiteral("decimal", "5e-4")).toBe(key("decimal", "0.0005"));
  expect(keyOfLiteral("decimal", "inf")).toBe(key("decimal", "Infinity"));
  expect(keyOfLiteral("integer", "+0042")).toBe(key("integer", "42"));
  expect(keyOfLiteral("padded", "ab  ")).toBe(key("padded", "ab    "));
  expect(keyOfLiteral("instant", "2025-01-01 00:30:00+07")).toBe(key("instant", "2024-12-31 17:30:00+00"));
  expect(keyOfLiteral("instant", "2024-12-31T23:30:00-00:30")).toBe(key("instant", "2025-01-01 00:00:00+00"));
  expect(keyOfLiteral("timestamp", "2025-01-01")).toBe(key("timestamp", "2025-01-01 00:00:00"));
  expect(keyOfLiteral("time", "24:00")).toBe(key("time", "24:00:00"));
  expect(keyOfLiteral("uuid", "0190B5A87F3E7C1A9D7E1F2A3B4C5D6E")).toBe(key("uuid", "0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e"));
  expect(keyOfLiteral("boolean", "YES")).toBe(key("boolean", "t"));
});

test("numbers of 131,072 digits compare exactly", () => {
  const digits = `9${"0".repeat(131_070)}`;
  expect(compare("decimal", `${digits}1.5`, `${digits}1.50`)).toBe(0);
  expect(compare("decimal", `${digits}1.5`, `${digits}2`)).toBe(-1);
  expect(compare("decimal", `-${digits}1`, `-${digits}2`)).toBe(1);
  expect(literalKey(columnType("decimal"), "1e131071")).toHaveLength(131_072);
});

test("a long text that is looked up among short ones is not copied into a key", () => {
  const long = Buffer.alloc(1_000_000, "a");
  expect(valueKind("text")?.key(long, 3)).toHaveLength(1);
  expect(valueKind("text")?.key(Buffer.from("Ā"), 1)).not.toBe(valueKind("text")?.key(Buffer.from("Ā"), 2));
  expect(valueKind("padded")?.key(Buffer.from(`ab${" ".repeat(100)}`), 2)).toBe("ab");
});

test("bytes that are no value of the type have no key and no order", () => {
  const strange: readonly (readonly [ValueCategory, readonly string[]])[] = [
    ["integer", ["", "-", "abc", "1e5", "12 ", "toString"]],
    ["decimal", ["", ".", "-.", "1.2.3", "infinity", "$1.00", "1,5"]],
    ["boolean", ["", "true", "2"]],
    ["date", ["", "2024", "2024-01", "01/02/2024", "2024-01-01 AD", "2024-01-01 10", "now"]],
    ["time", ["", "10", "10:00:00+07", "10:00:00.1234567"]],
    ["timestamp", ["", "2024-01-01 10:00:00 ", "2024-01-01 10:00:00.0000001"]],
    ["uuid", ["", "0190b5a8"]],
  ];
  const constants: Partial<Record<ValueCategory, string>> = {
    boolean: "true",
    date: "2024-01-01",
    time: "10:00",
    timestamp: "2024-01-01",
    uuid: "0".repeat(32),
  };
  for (const [category, values] of strange) {
    for (const value of values) {
      expect(key(category, value), `${category} ${value}`).toBeNull();
      expect(compare(category, value, constants[category] ?? "1"), `${category} ${value}`).toBeNaN();
    }
  }
});

test("what cannot be compared exactly has no kind", () => {
  for (const category of ["float", "bytes", "other"] as const) expect(valueKind(category)).toBeNull();
});
