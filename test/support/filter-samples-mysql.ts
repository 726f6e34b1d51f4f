// Columns of every kind a filter may name on MySQL and MariaDB, with values that are likely to be confused.
import fc from "fast-check";
import { bytewiseCollation, testedFlavour } from "./mysql-server.ts";
import { sampleColumns, type SampleColumn } from "./filter-samples.ts";

/** `values` are constants, which may lie beyond what the column holds, if only its type has them; `stored` is what its rows hold, as SQL takes it. */
export interface MysqlSample extends SampleColumn {
  readonly stored: fc.Arbitrary<string>;
  /** A stored value as a constant; null when none can be written for it. By default the same text. */
  readonly constant?: (stored: string) => string | null;
}

const constantsOf = (name: string): fc.Arbitrary<string> => {
  const column = sampleColumns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new Error(`there is no sample column ${name}`);
  return column.values;
};

const int64 = constantsOf("big");
const numbers = constantsOf("amount");
const dates = constantsOf("born");
const timestamps = constantsOf("stamp");
const instants = constantsOf("moment");
const words = constantsOf("name");

const between = (low: bigint, high: bigint): fc.Arbitrary<string> =>
  fc.oneof(fc.constantFrom(low, high, 0n, 1n, 9n, 10n), fc.bigInt({ min: low, max: high })).map(String);

const pad = (value: number, width: number): string => String(value).padStart(width, "0");

const realDates: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(fc.integer({ min: 1890, max: 2100 }), fc.integer({ min: 1, max: 9999 })),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 28 }),
  )
  .map(([year, month, day]) => `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`);
const storedDates = fc.oneof(
  { weight: 3, arbitrary: realDates },
  fc.constantFrom(
    "0000-00-00",
    "2024-00-00",
    "2024-05-00",
    "2024-00-15",
    "0000-01-01",
    "0000-02-29",
    "0001-01-01",
    "9999-12-31",
    "2024-04-30",
    "2024-05-01",
  ),
);
const clocks = fc.constantFrom("00:00:00", "23:59:59.999999", "12:00:00.5", "07:00:00.000001", "06:59:59");
const storedTimestamps = fc.tuple(storedDates, clocks).map(([date, clock]) => `${date} ${clock}`);
const storedInstants = fc.oneof(
  fc.constantFrom("0000-00-00 00:00:00", "1970-01-01 00:00:01", "2038-01-19 03:14:07.999999", "2025-01-01 00:00:00", "2024-12-31 16:30:00"),
  fc.integer({ min: 1, max: 2_147_483_647 }).map((seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")),
);
/** Dates that no calendar has cannot be written as constants. */
const ifReal = (stored: string): string | null => (/^0000|-00/.test(stored) ? null : stored);

const fitting = (characters: number): fc.Arbitrary<string> => words.map((word) => Array.from(word).slice(0, characters).join(""));
const latin = (values: fc.Arbitrary<string>): fc.Arbitrary<string> => values.filter((value) => /^[\0-\xff]*$/.test(value));
const withoutEmoji = (values: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  values.filter((value) => !/[\u{10000}-\u{10ffff}]/u.test(value));
const uuids = fc.uuid({ version: [1, 4, 7] });
const labels = ["đỏ", "xanh", "Xanh lá", 'a"b', "a\\b", "a,b", "it's", "2", "1"];

const decimal = (whole: number, scale: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom("", "-"),
      fc.string({ unit: fc.constantFrom(..."01259".split("")), maxLength: whole }),
      fc.string({ unit: fc.constantFrom(..."0159".split("")), maxLength: scale }),
    )
    .map(([sign, integer, fraction]) => `${sign}0${integer}${fraction === "" ? "" : `.${fraction}`}`);

export const mysqlSamples: readonly MysqlSample[] = [
  { name: "tiny", declaration: "tinyint(1)", values: between(-128n, 127n), stored: between(-128n, 127n), ordered: true },
  { name: "small", declaration: "smallint unsigned", values: between(0n, 65_535n), stored: between(0n, 65_535n), ordered: true },
  {
    name: "filled",
    declaration: "int(8) zerofill",
    values: between(0n, 4_294_967_295n),
    stored: between(0n, 4_294_967_295n),
    ordered: true,
  },
  { name: "big", declaration: "bigint", values: int64, stored: int64, ordered: true },
  {
    name: "unsigned",
    declaration: "bigint unsigned",
    values: between(0n, 2n ** 64n - 1n),
    stored: between(0n, 2n ** 64n - 1n),
    ordered: true,
  },
  {
    name: "year",
    declaration: "year",
    values: between(0n, 2155n),
    stored: fc.constantFrom("0", "1901", "1970", "2000", "2155"),
    ordered: true,
  },
  { name: "price", declaration: "decimal(12,2)", values: fc.oneof(numbers, decimal(11, 4)), stored: decimal(10, 2), ordered: true },
  { name: "wide", declaration: "decimal(65,30)", values: numbers, stored: decimal(34, 30), ordered: true },
  {
    name: "whole",
    declaration: "decimal(10,0) unsigned",
    values: fc.oneof(numbers, decimal(10, 2)),
    stored: between(0n, 9_999_999_999n),
    ordered: true,
  },
  { name: "bin", declaration: "varchar(60) COLLATE utf8mb4_bin", values: words, stored: words, ordered: true, prefixes: true },
  { name: "Tên Việt", declaration: `text COLLATE ${bytewiseCollation}`, values: words, stored: words, ordered: true, prefixes: true },
  { name: "coarse", declaration: "varchar(60) COLLATE utf8mb4_general_ci", values: words, stored: words, prefixes: true },
  { name: "accents", declaration: "varchar(60) COLLATE utf8mb4_unicode_ci", values: words, stored: words, prefixes: true },
  {
    name: "mb3",
    declaration: "varchar(60) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin",
    values: words,
    stored: withoutEmoji(words),
    ordered: true,
    prefixes: true,
  },
  { name: "latin", declaration: "varchar(60) CHARACTER SET latin1", values: words, stored: latin(words), prefixes: true },
  {
    name: "char",
    declaration: "char(6) COLLATE utf8mb4_bin",
    values: fitting(6),
    stored: fitting(6),
    constant: (stored) => stored.replace(/ +$/, ""),
    ordered: true,
    prefixes: true,
  },
  { name: "born", declaration: "date", values: dates, stored: storedDates, constant: ifReal, ordered: true },
  { name: "stamp", declaration: "datetime(6)", values: timestamps, stored: storedTimestamps, constant: ifReal, ordered: true },
  {
    name: "second",
    declaration: "datetime",
    values: timestamps,
    stored: storedTimestamps.map((text) => text.slice(0, 19)),
    constant: ifReal,
    ordered: true,
  },
  {
    name: "moment",
    declaration: "timestamp(6)",
    values: instants,
    stored: storedInstants,
    constant: (stored) => (ifReal(stored) === null ? null : `${stored}Z`),
    spellings: (value) => [value.replace("Z", "+00:00")],
    ordered: true,
  },
  {
    name: "ref",
    declaration: testedFlavour === "mariadb" ? "uuid" : "char(36) CHARACTER SET ascii COLLATE ascii_bin",
    values: uuids,
    stored: uuids,
    spellings: (value) => [value.toUpperCase(), value.replaceAll("-", "")],
    ordered: true,
  },
  {
    name: "colour",
    declaration: `enum(${labels.map((label) => `'${label.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`).join(",")})`,
    values: fc.constantFrom(...labels),
    stored: fc.constantFrom(...labels, ""),
    constant: (stored) => (stored === "" ? null : stored),
  },
];

/** Columns that only `is_null` may name. */
export const mysqlOpaque: readonly MysqlSample[] = [
  { name: "ratio", declaration: "double", values: fc.constant("1.5"), stored: fc.constant("1.5") },
  { name: "photo", declaration: "blob", values: fc.constant("a"), stored: fc.constant("a") },
  { name: "document", declaration: "json", values: fc.constant("{}"), stored: fc.constantFrom("{}", "null") },
  { name: "clock", declaration: "time", values: fc.constant("12:00:00"), stored: fc.constantFrom("-01:00:00", "12:00:00") },
  { name: "flags", declaration: "bit(3)", values: fc.constant("1"), stored: fc.constant("1") },
  { name: "tags", declaration: "set('a','b')", values: fc.constant("a"), stored: fc.constant("a") },
];
