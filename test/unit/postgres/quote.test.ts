import { expect, test } from "vitest";
import { quoteIdentifier, quoteIdentifiers, quoteLiteral, quoteTable } from "../../../connectors/postgres/quote.ts";

test("identifiers keep every character and cannot end their own quotes", () => {
  expect(quoteIdentifier("citizen")).toBe('"citizen"');
  expect(quoteIdentifier("Dân Cư")).toBe('"Dân Cư"');
  expect(quoteIdentifier('a"; DROP TABLE x; --')).toBe('"a""; DROP TABLE x; --"');
  expect(quoteIdentifiers(["a", 'b"'])).toBe('"a", "b"""');
  expect(quoteTable({ schema: "a.b", name: "c" })).toBe('"a.b"."c"');
});

test("literals mean the same whether backslashes escape or not", () => {
  expect(quoteLiteral("it's")).toBe("'it''s'");
  expect(quoteLiteral("a\\' OR 1=1")).toBe(" E'a\\\\'' OR 1=1'");
  expect(quoteLiteral("")).toBe("''");
});

test("NUL and empty names are refused", () => {
  expect(() => quoteIdentifier("a\0")).toThrow("NUL");
  expect(() => quoteLiteral("a\0")).toThrow("NUL");
  expect(() => quoteIdentifier("")).toThrow("at least one character");
});
