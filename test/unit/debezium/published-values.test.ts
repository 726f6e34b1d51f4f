// Values from the text that PostgreSQL prints to Debezium's forms of them. Expected values were worked out from Debezium's and
// Kafka Connect's documentation, not from this code.
import { describe, expect, test } from "vitest";
import { arrayElements } from "../../../connectors/debezium/publish/array-elements.ts";
import { publishedType } from "../../../connectors/debezium/publish/column-type.ts";
import { fieldCodec } from "../../../connectors/debezium/publish/field-codec.ts";
import { columnType } from "../../support/table-builders.ts";

function codec(declaration: string) {
  const mapping = { source: "c", target: "c", sourceType: columnType("text"), targetType: declaration, nullable: true };
  return fieldCodec(publishedType(mapping));
}

const base64 = (...bytes: readonly number[]): string => JSON.stringify(Buffer.from(bytes).toString("base64"));

test.each([
  ["smallint", "-32768", "-32768"],
  ["integer", "2147483647", "2147483647"],
  ["bigint", "-9223372036854775808", "-9223372036854775808"],
  ["bigint", "9007199254740993", "9007199254740993"],
  ["real", "1e+20", "1e+20"],
  ["double precision", "-0", "-0"],
  ["boolean", "t", "true"],
  ["text", 'a "b" \\ \n ễ 😀', '"a \\"b\\" \\\\ \\n ễ 😀"'],
  ["character varying(3)", "😀😀😀", '"😀😀😀"'],
  ["numeric(10,2)", "1.50", base64(0x00, 0x96)],
  ["numeric(10,2)", "-1.28", base64(0x80)],
  ["numeric(10,2)", "1.3", base64(0x00, 0x82)],
  ["numeric", "-123.4500", '{"scale":4,"value":' + base64(0xed, 0x29, 0xbc) + "}"],
  ["numeric", "0", '{"scale":0,"value":' + base64(0x00) + "}"],
  ["bytea", "\\x00ff", base64(0x00, 0xff)],
  ["date", "1970-01-01", "0"],
  ["date", "2024-02-29", "19782"],
  ["date", "1969-12-31", "-1"],
  ["date", "0001-01-01 BC", "-719528"],
  ["date", "5874897-12-31", "2145042905"],
  ["time without time zone", "23:59:59.000001", "86399000001"],
  ["time without time zone", "24:00:00", "86400000000"],
  ["time with time zone", "12:34:56.5+07", '"12:34:56.5+07"'],
  ["timestamp(6) without time zone", "1969-12-31 23:59:59.999999", "-1"],
  ["timestamp with time zone", "2024-02-29 23:59:59.000001+00", '"2024-02-29T23:59:59.000001Z"'],
  ["timestamp with time zone", "0044-03-15 12:00:00+00 BC", '"-0043-03-15T12:00:00Z"'],
  ["timestamp with time zone", "12024-01-01 00:00:00+00", '"+12024-01-01T00:00:00Z"'],
  ["interval", "1 year 2 mons -3 days +04:05:06.789", '"P1Y2M-3DT4H5M6.789S"'],
  ["interval(3)", "-838:59:59", '"P0Y0M0DT-838H-59M-59S"'],
  ["interval", "00:00:00", '"P0Y0M0DT0H0M0S"'],
  ["uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'],
  ["jsonb", '{"a": 1.10}', '"{\\"a\\": 1.10}"'],
  ["bit(10)", "1000000001", base64(0x01, 0x02)],
  ["inet", "::1/128", '"::1/128"'],
  ["integer[]", "{1,NULL,-3}", "[1,null,-3]"],
  ["text[]", '{a,"b, \\"c\\"","NULL",""}', '["a","b, \\"c\\"","NULL",""]'],
  ["text[]", "{}", "[]"],
] as const)("%s %s", (declaration, text, json) => {
  expect(codec(declaration).encode(text)).toBe(json);
});

test.each([
  ["bigint", "9223372036854775808"],
  ["real", "NaN"],
  ["double precision", "-Infinity"],
  ["numeric(10,2)", "NaN"],
  ["numeric(10,2)", "0.001"],
  ["numeric(4,2)", "100.00"],
  ["numeric", "Infinity"],
  ["date", "infinity"],
  ["date", "0000-00-00"],
  ["date", "2023-02-29"],
  ["timestamp without time zone", "-infinity"],
  // Microseconds since 1970 do not fit 64 bits there.
  ["timestamp without time zone", "294276-12-31 23:59:59.999999"],
  ["timestamp with time zone", "2024-00-10 00:00:00+00"],
  ["character varying(2)", "abc"],
  ["integer[]", "[0:1]={1,2}"],
  ["integer[]", "{{1,2},{3,4}}"],
] as const)("%s %s has no form and is refused", (declaration, text) => {
  expect(() => codec(declaration).encode(text)).toThrow(expect.objectContaining({ name: "ValueRefused" }));
});

describe("schemas", () => {
  test("name Debezium's types and the column's own", () => {
    expect(codec("numeric(10,2)").schema).toEqual({
      type: "bytes",
      name: "org.apache.kafka.connect.data.Decimal",
      version: 1,
      parameters: {
        scale: "2",
        "connect.decimal.precision": "10",
        "__debezium.source.column.type": "NUMERIC",
        "__debezium.source.column.length": "10",
        "__debezium.source.column.scale": "2",
      },
    });
    expect(codec("date[]").schema).toMatchObject({
      type: "array",
      items: { type: "int32", name: "io.debezium.time.Date", optional: true },
    });
  });

  test("of an enum tell its labels, of a domain what lies under it", () => {
    const mapping = { source: "c", target: "c", targetType: null, nullable: true };
    const colour = fieldCodec(publishedType({ ...mapping, sourceType: columnType("enum") })).schema;
    expect(colour).toMatchObject({ name: "io.debezium.data.Enum", parameters: { allowed: "red,green" } });
    const domain = columnType("integer", { kind: "domain", declaration: "kinds.age" });
    expect(fieldCodec(publishedType({ ...mapping, sourceType: domain })).schema).toMatchObject({ type: "int32" });
  });
});

test("an array that is cut off is refused", () => {
  expect(() => arrayElements('{"a')).toThrow();
  expect(() => arrayElements('{"a}')).toThrow();
  expect(() => arrayElements("{a,}")).toThrow();
});
