import { describe, expect, test } from "vitest";
import { encoderOf } from "../../../connectors/mysql/apply/encode-value.ts";
import type { ColumnType } from "../../../engine/model/table.ts";
import { mysqlType, postgresType } from "../../support/family-types.ts";

/** Bytes as `x` and hexadecimal digits. */
function encode(source: ColumnType, declaration: string, text: string, lossAccepted = false): string {
  const encoded = encoderOf(source, { declaration, lossAccepted })(Buffer.from(text, "utf8"));
  return typeof encoded === "string" ? encoded : `x${encoded.toString("hex")}`;
}

function refusal(source: ColumnType, declaration: string, text: string): unknown {
  try {
    encode(source, declaration, text);
    return null;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

const text = postgresType("text");
const varchar = (length: number): ColumnType => postgresType("varchar", `character varying(${length})`);
const timestamp = postgresType("timestamp");
const instant = postgresType("timestamptz");
const numeric = postgresType("numeric");
const real = postgresType("float4");

describe("a value of PostgreSQL for a column of MySQL", () => {
  test.each<[ColumnType, string, string, string]>([
    [postgresType("int8"), "bigint", "-9223372036854775808", "-9223372036854775808"],
    [postgresType("bool"), "tinyint(1)", "t", "1"],
    [postgresType("bool"), "tinyint(1)", "f", "0"],
    [postgresType("bool"), "bit(1)", "t", "x01"],
    [numeric, "int", "12.00", "12"],
    [numeric, "bigint", "9223372036854775807.0", "9223372036854775807"],
    [numeric, "bigint unsigned", "18446744073709551615", "18446744073709551615"],
    [numeric, "decimal(5,2)", "-0999.99", "-0999.99"],
    [postgresType("interval"), "time", "-838:59:59", "-838:59:59"],
    [numeric, "decimal(65,30)", "-0.50", "-0.50"],
    [numeric, "decimal(4,2)", "1.5000", "1.5"],
    [numeric, "decimal(4,0)", "15.0", "15"],
    [numeric, "double", "12.50", "12.5"],
    [real, "float", "3.4028235e+38", "3.4028234663852886e+38"],
    [real, "float", "1e-45", "1.401298464324817e-45"],
    [real, "double", "0.1", "0.10000000149011612"],
    [postgresType("float8"), "double", "5e-324", "5e-324"],
    [postgresType("float8"), "float", "0.5", "0.5"],
    [text, "longtext", "Nguyễn 👩‍👩‍👧  ", "Nguyễn 👩‍👩‍👧  "],
    [text, "longtext", "a\0b\\", "a\0b\\"],
    [varchar(4), "varchar(4)", "Đ   ", "Đ   "],
    [postgresType("bpchar", "character(6)"), "char(6)", "Đa    ", "Đa"],
    [postgresType("bytea"), "longblob", "\\x00ff5c", "x00ff5c"],
    [postgresType("bytea"), "longblob", "\\x", "x"],
    [text, "longblob", "\\x00", "x5c783030"],
    [postgresType("uuid"), "char(36)", "0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e", "0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e"],
    [postgresType("uuid"), "binary(16)", "0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e", "x0190b5a87f3e7c1a9d7e1f2a3b4c5d6e"],
    [postgresType("date"), "date", "0001-01-01", "0001-01-01"],
    [timestamp, "datetime(6)", "2026-01-02 03:04:05.678901", "2026-01-02 03:04:05.678901"],
    [timestamp, "datetime", "2026-01-02 03:04:05", "2026-01-02 03:04:05"],
    [timestamp, "date", "2026-01-02 00:00:00", "2026-01-02"],
    [instant, "datetime(6)", "2026-01-02 03:04:05.5+00", "2026-01-02 03:04:05.5"],
    [instant, "timestamp(1)", "2026-01-02 03:04:05.5+00", "2026-01-02 03:04:05.5"],
    [postgresType("time"), "time(6)", "24:00:00", "24:00:00"],
    [postgresType("bit", "bit(5)"), "bit(5)", "10101", "x15"],
    [postgresType("bit", "bit(64)"), "bit(64)", "1".repeat(64), "xffffffffffffffff"],
    [postgresType("bit", "bit(9)"), "bit(9)", "000000001", "x0001"],
    [postgresType("interval"), "varchar(128)", "1 year -1 days", "1 year -1 days"],
    [postgresType("jsonb"), "json", '{"a": 1.10}', '{"a": 1.10}'],
  ])("$0.declaration into $1: $2", (source, declaration, value, encoded) => {
    expect(encode(source, declaration, value)).toBe(encoded);
  });

  test.each<[ColumnType, string, string, string]>([
    [numeric, "decimal(65,30)", "NaN", "DB-ROW-010"],
    [numeric, "decimal(5,2)", "1000.00", "DB-ROW-010"],
    [numeric, "bigint", "9223372036854775808", "DB-ROW-010"],
    [numeric, "int", "18446744073709551615", "DB-ROW-010"],
    [numeric, "bigint unsigned", "-1", "DB-ROW-010"],
    [numeric, "double", "1".padEnd(400, "0"), "DB-ROW-010"],
    [postgresType("float8"), "float", "1e+39", "DB-ROW-010"],
    [postgresType("interval"), "time", "900:00:00", "DB-ROW-010"],
    [numeric, "decimal(65,30)", "-Infinity", "DB-ROW-010"],
    [numeric, "decimal(65,30)", `0.${"0".repeat(30)}1`, "DB-ROW-011"],
    [numeric, "decimal(4,2)", "1.005", "DB-ROW-011"],
    [numeric, "int", "1.5", "DB-ROW-011"],
    [numeric, "double", "0.12345678901234567", "DB-ROW-011"],
    [postgresType("float8"), "double", "NaN", "DB-ROW-010"],
    [postgresType("float8"), "double", "-Infinity", "DB-ROW-010"],
    [postgresType("float8"), "float", "0.1", "DB-ROW-011"],
    [varchar(9), "varchar(3)", "abc ", "DB-ROW-011"],
    [text, "char(9)", "abc ", "DB-ROW-011"],
    [text, "tinytext", `${"x".repeat(255)} `, "DB-ROW-011"],
    [postgresType("bytea"), "binary(4)", "\\x00", "DB-ROW-011"],
    [postgresType("date"), "date", "infinity", "DB-ROW-010"],
    [postgresType("date"), "date", "0044-03-15 BC", "DB-ROW-010"],
    [postgresType("date"), "date", "10000-01-01", "DB-ROW-010"],
    [timestamp, "datetime(6)", "-infinity", "DB-ROW-010"],
    [timestamp, "datetime(6)", "0001-01-01 00:00:00 BC", "DB-ROW-010"],
    [instant, "datetime(6)", "0001-01-01 00:00:00+00 BC", "DB-ROW-010"],
    [instant, "datetime(6)", "294276-12-31 23:59:59.999999+00", "DB-ROW-010"],
    [timestamp, "datetime(3)", "2026-01-02 03:04:05.6789", "DB-ROW-011"],
    [timestamp, "date", "2026-01-02 00:00:00.000001", "DB-ROW-011"],
    [postgresType("time"), "time", "08:05:00.5", "DB-ROW-011"],
    [postgresType("interval"), "time", "1 day 02:00:00", "DB-ROW-010"],
    [postgresType("bit", "bit(3)"), "bit(5)", "101", "DB-ROW-011"],
    [postgresType("int4[]"), "longtext", "[0:1]={7,8}", "DB-ROW-010"],
  ])("$0.declaration into $1: $2 is refused", (source, declaration, value, code) => {
    expect(refusal(source, declaration, value)).toBe(code);
  });

  test.each<[ColumnType, string, string, string]>([
    [numeric, "decimal(4,2)", "1.005", "1.005"],
    [numeric, "int", "1.5", "1.5"],
    [postgresType("float8"), "float", "0.1", "0.10000000149011612"],
    [timestamp, "datetime(3)", "2026-01-02 03:04:05.6789", "2026-01-02 03:04:05.678"],
    [timestamp, "datetime", "2026-01-02 03:04:05.9", "2026-01-02 03:04:05"],
    [timestamp, "date", "2026-01-02 23:59:59", "2026-01-02"],
    [postgresType("time"), "time", "08:05:00.9", "08:05:00"],
    [postgresType("int4[]"), "longtext", "[0:1]={7,8}", "[7,8]"],
  ])("$0.declaration into $1: $2 loses what the mapping lets it lose", (source, declaration, value, encoded) => {
    expect(encode(source, declaration, value, true)).toBe(encoded);
  });

  test("is told by its column, never by itself", () => {
    const encoder = encoderOf(postgresType("date"), { declaration: "date", subject: "population.citizen.born" });
    expect(() => encoder(Buffer.from("infinity"))).toThrow(/^DB-ROW-010: population\.citizen\.born: (?!.*infinity)/);
  });
});

describe("an array as JSON", () => {
  test.each([
    ["int4[]", "{}", "[]"],
    ["int4[]", "{1,NULL,-3}", "[1,null,-3]"],
    ["int8[]", "{9223372036854775807}", "[9223372036854775807]"],
    ["int4[]", "{{1,2},{3,NULL}}", "[[1,2],[3,null]]"],
    ["numeric[]", "{NaN,Infinity,-Infinity,1.10}", '["NaN","Infinity","-Infinity",1.10]'],
    ["float8[]", "{1e+20,-0}", "[1e+20,-0]"],
    ["bool[]", "{t,f,NULL}", "[true,false,null]"],
    ["text[]", `{"",null,"NULL",NULL,"a\\"b\\\\c","x,y","{}"," "}`, '["","null","NULL",null,"a\\"b\\\\c","x,y","{}"," "]'],
    ["text[]", '{Nguyễn,"\t\n"}', '["Nguyễn","\\t\\n"]'],
    ["jsonb[]", `{"{\\"a\\": 1}","null",NULL}`, '["{\\"a\\": 1}","null",null]'],
    ["bytea[]", `{"\\\\x00",NULL,"\\\\x"}`, '["\\\\x00",null,"\\\\x"]'],
    ["box[]", "{(1,1),(0,0);(2,2),(1,1)}", '["(1,1),(0,0)","(2,2),(1,1)"]'],
    ["date[]", '{infinity,"0044-03-15 BC"}', '["infinity","0044-03-15 BC"]'],
  ])("%s %s", (name, value, expected) => {
    const encoded = encode(postgresType(name), "longtext", value);
    expect(encoded).toBe(expected);
    expect(() => JSON.parse(encoded) as unknown).not.toThrow();
  });
});

describe("a value of MySQL for a column of its own type", () => {
  test.each<[string, string, string]>([
    ["year", "0", "0000"],
    ["year", "1901", "1901"],
    ["float", "0.1", "0.10000000149011612"],
    ["timestamp(6)", "0000-00-00 00:00:00+00", "0000-00-00 00:00:00"],
    ["timestamp(6)", "2024-02-29 13:05:00.25+00", "2024-02-29 13:05:00.25"],
    ["date", "2024-00-15", "2024-00-15"],
    ["time(6)", "-838:59:59.999999", "-838:59:59.999999"],
    ["enum('a','b')", "a", "a"],
    ["set('a','b')", "a,b", "a,b"],
    ["binary(4)", "\\x01000000", "x01000000"],
    ["geometry", "\\xe6100000", "xe6100000"],
    ["varchar(5)", "\\x00", "\\x00"],
    ["inet6", "::1", "::1"],
    ["bigint unsigned", "18446744073709551615", "18446744073709551615"],
    ["bit(5)", "10101", "x15"],
  ])("%s: %s", (declaration, value, encoded) => {
    expect(encode(mysqlType(declaration), declaration, value)).toBe(encoded);
  });
});
