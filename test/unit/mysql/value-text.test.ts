import { describe, expect, test } from "vitest";
import { doubleText, floatText } from "../../../connectors/float-text.ts";
import { bitText, trimFraction } from "../../../connectors/mysql/value-text.ts";

describe("floating-point numbers are written as PostgreSQL prints them", () => {
  // Taken from PostgreSQL 18: SELECT x::float8, x::float4.
  test.each([
    [0.1, "0.1", "0.1"],
    [1, "1", "1"],
    [-0, "-0", "-0"],
    [100, "100", "100"],
    [0.0001, "0.0001", "0.0001"],
    [0.00001, "1e-05", "1e-05"],
    [-2.5e-7, "-2.5e-07", "-2.5e-07"],
    [123456, "123456", "123456"],
    [1234567, "1234567", "1.234567e+06"],
    [16777216, "16777216", "1.6777216e+07"],
    [100_000_000_000_000, "100000000000000", "1e+14"],
    [1e15, "1e+15", "1e+15"],
    [1e20, "1e+20", "1e+20"],
    [12345678901234.56, "12345678901234.56", "1.2345679e+13"],
    [0.30000000000000004, "0.30000000000000004", "0.3"],
  ])("%d", (value, asDouble, asFloat) => {
    expect(doubleText(value)).toBe(asDouble);
    expect(floatText(value)).toBe(asFloat);
  });

  test("at the ends of their ranges", () => {
    expect(doubleText(Number.MAX_VALUE)).toBe("1.7976931348623157e+308");
    expect(doubleText(Number.MIN_VALUE)).toBe("5e-324");
    expect(floatText(3.4028234663852886e38)).toBe("3.4028235e+38");
    expect(floatText(1.401298464324817e-45)).toBe("1e-45");
    expect(floatText(-1.1754943508222875e-38)).toBe("-1.1754944e-38");
  });

  test("print as PostgreSQL does where JavaScript would print the middle between two of them, or the odd one of two that are as near", () => {
    expect(doubleText(1e23)).toBe("9.999999999999999e+22");
    expect(doubleText(-(2 ** 50 + 0.25))).toBe("-1.1258999068426242e+15");
    expect(floatText(33_554_448)).toBe("3.3554448e+07");
    expect(floatText(2 ** 21 + 0.25)).toBe("2.0971522e+06");
  });
});

test("bits are written as as many digits as the column has", () => {
  expect(bitText(Buffer.from("0201", "hex"), 10)).toBe("1000000001");
  expect(bitText(Buffer.from("00", "hex"), 1)).toBe("0");
  expect(bitText(Buffer.from("ffffffffffffffff", "hex"), 64)).toBe("1".repeat(64));
});

test("fractions lose their trailing zeros and nothing else", () => {
  expect(["12:00:00.250000", "12:00:00.000000", "12:00:00", "12:10:10.1"].map(trimFraction)).toEqual([
    "12:00:00.25",
    "12:00:00",
    "12:00:00",
    "12:10:10.1",
  ]);
});
