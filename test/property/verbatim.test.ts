// What goes into a packet as it came is, byte for byte, what the encoder would have made of it.
import fc from "fast-check";
import { expect, test } from "vitest";
import { encoderOf } from "../../connectors/mysql/apply/encode-value.ts";
import { verbatimOf } from "../../connectors/mysql/apply/verbatim.ts";
import type { ColumnType } from "../../engine/model/table.ts";
import { mysqlType, postgresType } from "../support/family-types.ts";

/** What the bytes between are bound as without the encoder; null: they have to be encoded. */
function asItCame(source: ColumnType, declaration: string, text: string): string | null {
  const bytes = Buffer.from(`9${text}9`, "utf8");
  const end = verbatimOf(source, declaration)(bytes, 1, bytes.length - 1);
  return end < 0 ? null : bytes.toString("utf8", 1, end);
}

const sources = [
  ..."int8 numeric float8 bool text bpchar date timestamp timestamptz uuid bytea".split(" ").map((name) => postgresType(name)),
  postgresType("int4[]", "integer[]"),
  ..."bigint decimal(10,2) varchar(20) datetime(6) timestamp(3) year bit(8) varbinary(9) enum('a','b')"
    .split(" ")
    .map((name) => mysqlType(name)),
];
const declarations =
  `tinyint(1), smallint, int unsigned, int(5) unsigned zerofill, bigint, bigint unsigned, decimal, decimal(5), decimal(5,2),
 decimal(2,2), decimal(65,30), float, double, char(3), varchar(8), text, longtext, date, datetime, datetime(3), timestamp(6), time(2), year,
 bit(8), binary(4), varbinary(9), enum('a','b'), set('a','b'), json, uuid, inet6`.split(/,\s+/);

const digits = fc.stringMatching(/^\d{0,21}$/);
const day = fc.stringMatching(/^[0-9]{4,5}-[0-9]{2}-[0-9]{2}$/);
const time = fc.stringMatching(/^[ T]?[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{0,7})?(\+00|\+07)?$/);
const text = fc.oneof(
  fc.tuple(fc.constantFrom("", "-", "+"), digits, fc.constantFrom("", ".", "e", " BC"), digits).map((parts) => parts.join("")),
  fc.tuple(day, fc.constantFrom("", " ", " BC"), fc.option(time)).map((parts) => parts.join("")),
  fc.string({ unit: "grapheme", maxLength: 10 }),
  fc.constantFrom("", " ", "a ", "t", "f", "infinity", "NaN", "{1,2}", "\\x00ff", "'; --", "a\\"),
);

test("for any type and any text", () => {
  fc.assert(
    fc.property(fc.constantFrom(...sources), fc.constantFrom(...declarations), text, (source, declaration, value) => {
      const taken = asItCame(source, declaration, value);
      if (taken !== null) expect(String(encoderOf(source, { declaration })(Buffer.from(value, "utf8")))).toBe(taken);
    }),
    { numRuns: 20_000 },
  );
});

test.each([
  ["int8", "bigint", "-123456789012345678", "-123456789012345678"],
  ["numeric", "decimal(12,2)", "-1234567890.12", "-1234567890.12"],
  ["numeric", "decimal(12,2)", "12", "12"],
  ["text", "varchar(80)", "Nguyễn Văn An", "Nguyễn Văn An"],
  ["text", "longtext", "", ""],
  ["date", "date", "2024-02-29", "2024-02-29"],
  ["timestamp", "datetime(6)", "2024-02-29 13:05:00.25", "2024-02-29 13:05:00.25"],
  ["timestamptz", "timestamp(6)", "2024-02-29 13:05:00.25+00", "2024-02-29 13:05:00.25"],
  ["timestamptz", "datetime", "2024-02-29 13:05:00+00", "2024-02-29 13:05:00"],
  ["uuid", "uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"],
])("%s in %s needs no encoder for %s", (source, declaration, value, taken) => {
  expect(asItCame(postgresType(source), declaration, value)).toBe(taken);
});

test.each([
  ["int8", "bigint", "9223372036854775807"],
  ["int8", "bigint unsigned", "-1"],
  ["numeric", "decimal(5,2)", "1000"],
  ["numeric", "decimal(5,2)", "1.005"],
  ["text", "varchar(80)", "blank "],
  ["bpchar", "varchar(80)", "padded"],
  ["date", "date", "infinity"],
  ["timestamp", "datetime(1)", "2024-02-29 13:05:00.25"],
  ["bool", "tinyint(1)", "t"],
])("%s in %s is left to the encoder for %s", (source, declaration, value) => {
  expect(asItCame(postgresType(source), declaration, value)).toBeNull();
});
