// MySQL's and MariaDB's types with the values that replicators are known to distort (reliability.md C2), and what each must be
// in PostgreSQL, written by hand.
import type { Flavour } from "../../connectors/mysql/mysql-client.ts";
import { testedFlavour } from "../support/mysql-server.ts";
import type { SampleRow } from "./sample-tables.ts";

/** The target has no such value: the row is set aside there. */
export const refused = Symbol("refused");

export interface Sample {
  /** SQL expression on the master. */
  readonly value: string;
  /** As the copy on PostgreSQL prints it. */
  readonly postgres: string | typeof refused;
}

/** How a column is read for the comparison of two sides of this family: as bytes wherever its text could hide something. */
export function printByBytes({ column, type }: SampleRow): string {
  if (type === "float" || type === "double") return `LOWER(HEX(ST_AsWKB(POINT(${column} + 0e0, 0))))`;
  if (/binary|blob|bit|point|geometry|vector/.test(type)) return `LOWER(HEX(${column}))`;
  return `LOWER(HEX(CONVERT(CAST(${column} AS CHAR) USING utf8mb4)))`;
}

const sample = (value: string, postgres: string | typeof refused): Sample => ({ value, postgres });
/** Values that are written the same in SQL and printed by PostgreSQL. */
const numbers = (...values: readonly string[]): readonly Sample[] => values.map((value) => sample(value, value));
const texts = (...values: readonly string[]): readonly Sample[] => values.map((value) => sample(quoteText(value), value));
/** Quoted texts whose printed form is the same. */
const written = (...values: readonly string[]): readonly Sample[] => values.map((value) => sample(`'${value}'`, value));

/** A text constant whatever the session's character set, by its bytes. */
function quoteText(text: string): string {
  return text === "" ? "''" : `_utf8mb4 X'${Buffer.from(text, "utf8").toString("hex")}'`;
}

const awkward = [
  "",
  "\\N",
  "\\.",
  "a\tb\nc\rd\be\\f\r\n",
  "\uFEFFđầu",
  "dòng\u2028mới",
  "👩‍👩‍👧‍👦 😀 𠀋",
  "Nguyễn Thị Hậu".normalize("NFC"),
  "Nguyễn Thị Hậu".normalize("NFD"),
  "NULL",
  " trước và sau ",
  "'\"`;--",
  "\u0001\u007f",
  "đ".repeat(20_000),
];
const members = Array.from({ length: 64 }, (_, index) => `m${index}`);

/** Where the two servers differ: MySQL brings JSON into an order of its own, and keeps the latitude second. */
const own: Readonly<Record<Flavour, Readonly<Record<string, readonly Sample[]>>>> = {
  mariadb: {
    json: written('{"b":1.10,  "a": 12345678901234567890, "a": 1e400}', "[]", "null", '{"k": "\\\\u0111"}', "1.0").map(
      ({ value, postgres }) => sample(value, typeof postgres === "string" ? postgres.replace("\\\\", "\\") : postgres),
    ),
    point: [sample("ST_GeomFromText('POINT(1 2)', 4326)", "\\xe61000000101000000000000000000f03f0000000000000040")],
    "time(6)": [...written("838:59:59.999999", "12:34:56.789012"), sample("'-00:00:00.5'", "-00:00:00.5")],
  },
  mysql: {
    json: [
      sample(`'{"b":1.10,  "a": 12345678901234567890, "a": 1e300}'`, '{"a": 1e300, "b": 1.1}'),
      ...written("[]", "null", "1.0"),
      sample(String.raw`'{"k": "\\u0111"}'`, '{"k": "đ"}'),
      sample("JSON_ARRAY(DATE'2024-02-29', 18446744073709551615, 1e15, 1e-7)", '["2024-02-29", 18446744073709551615, 1e15, 0.0000001]'),
    ],
    point: [sample("ST_GeomFromText('POINT(1 2)', 4326)", "\\xe610000001010000000000000000000040000000000000f03f")],
    "time(6)": [...written("838:59:58.999999", "12:34:56.789012"), sample("'-00:00:00.5'", "-00:00:00.5")],
  },
};

export const mysqlSamples: Readonly<Record<string, readonly Sample[]>> = {
  tinyint: numbers("-128", "127"),
  "tinyint(1)": numbers("0", "1", "2", "-1"),
  "tinyint unsigned": numbers("255"),
  "smallint unsigned": numbers("0", "65535"),
  mediumint: numbers("-8388608", "8388607"),
  "mediumint unsigned": numbers("16777215"),
  int: numbers("-2147483648", "2147483647"),
  "int unsigned": numbers("4294967295"),
  "int(6) zerofill": numbers("42"),
  bigint: numbers("-9223372036854775808", "9007199254740993", "9223372036854775807"),
  "bigint unsigned": numbers("9223372036854775808", "18446744073709551615"),
  "decimal(65,30)": [
    ...numbers("12345678901234567890123456789012345.123456789012345678901234567890"),
    ...numbers("-99999999999999999999999999999999999.999999999999999999999999999999"),
    sample("0", `0.${"0".repeat(30)}`),
  ],
  "decimal(10,2)": numbers("-0.50", "12345678.90"),
  "decimal(20,0) unsigned": numbers("99999999999999999999"),
  float: [
    sample("0.1", "0.1"),
    sample("16777216", "1.6777216e+07"),
    sample("3.4028234663852886e38", "3.4028235e+38"),
    sample("-1.1754943508222875e-38", "-1.1754944e-38"),
    sample("1.5", "1.5"),
  ],
  double: [
    sample("0.1", "0.1"),
    sample("0.30000000000000004", "0.30000000000000004"),
    sample("1.7976931348623157e308", "1.7976931348623157e+308"),
    sample("-2.2250738585072014e-308", "-2.2250738585072014e-308"),
    sample("5e-324", "5e-324"),
    sample("123456789", "123456789"),
  ],
  "bit(1)": [sample("b'1'", "1"), sample("b'0'", "0")],
  "bit(10)": [sample("b'1010101010'", "1010101010"), sample("b'1'", "0000000001")],
  "bit(64)": [sample("18446744073709551615", "1".repeat(64)), sample("9223372036854775809", `1${"0".repeat(62)}1`)],
  year: numbers("0", "1901", "2155"),
  date: written("2024-02-29", "1000-01-01", "9999-12-31", "1582-10-10"),
  datetime: written("2024-02-29 13:05:00", "1000-01-01 00:00:00"),
  "datetime(3)": [sample("'2024-02-29 13:05:00.250'", "2024-02-29 13:05:00.25")],
  "datetime(6)": written("9999-12-31 23:59:59.999999", "2024-03-31 02:30:00.000001"),
  "timestamp null": [sample("'2024-03-31 02:30:00'", "2024-03-31 02:30:00+00")],
  "timestamp(6) null": [
    sample("'1970-01-01 00:00:01.000001'", "1970-01-01 00:00:01.000001+00"),
    sample("'2038-01-19 03:14:07.999999'", "2038-01-19 03:14:07.999999+00"),
  ],
  time: written("23:59:59", "-838:59:59", "00:00:00"),
  "char(10)": [sample("'ab'", "ab"), sample("''", ""), sample("'Nguyễn'", "Nguyễn")],
  "varchar(20)": texts("ab  ", "", "Nguyễn".normalize("NFD")),
  "char(5) character set latin1": texts("é€ü"),
  "varchar(20) character set latin1": texts("Ünïcödé €"),
  "varchar(20) character set utf8mb3": texts("Nguyễn"),
  "varchar(20) character set ucs2": texts("Nguyễn"),
  "varchar(20) character set utf16": texts("Nguyễn 😀"),
  "varchar(20) character set gbk": texts("汉字 abc"),
  "text character set latin1": texts("Ünïcödé €"),
  tinytext: texts("ngắn"),
  longtext: texts(...awkward),
  "binary(4)": [sample("x'ab00'", "\\xab000000"), sample("x'00000000'", "\\x00000000"), sample("x'20202020'", "\\x20202020")],
  "binary(16)": [sample("x'0123456789abcdef0123456789abcd00'", "\\x0123456789abcdef0123456789abcd00")],
  "varbinary(10)": [sample("x'ab00'", "\\xab00"), sample("x'00'", "\\x00"), sample("x'20'", "\\x20")],
  longblob: [
    sample("x''", "\\x"),
    sample("x'00ff5c0a0d5c2e'", "\\x00ff5c0a0d5c2e"),
    sample("REPEAT(x'00ff0d', 30000)", `\\x${"00ff0d".repeat(30_000)}`),
  ],
  "enum('a,b','it''s','đỏ','')": [sample("'a,b'", "a,b"), sample("'it''s'", "it's"), sample("'đỏ'", "đỏ"), sample("''", "")],
  "set('x','đỏ','it''s')": [sample("'it''s,x'", "x,it's"), sample("'đỏ'", "đỏ"), sample("''", "")],
  [`set(${members.map((name) => `'${name}'`).join(",")})`]: [
    sample(`'${members.join(",")}'`, members.join(",")),
    sample("'m63,m0'", "m0,m63"),
    sample("'m32'", "m32"),
  ],
  ...own[testedFlavour],
  geometry: [
    sample("ST_GeomFromText('LINESTRING(0 0,1 1)')", `\\x00000000010200000002000000${"0".repeat(32)}${"000000000000f03f".repeat(2)}`),
  ],
};

/** MariaDB's own types, which its log shows as plain bytes. */
const mariaDbSamples: Readonly<Record<string, readonly Sample[]>> = {
  uuid: written("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"),
  inet6: written("2001:db8::1", "::ffff:1.2.3.4"),
  inet4: written("192.0.2.1", "0.0.0.0"),
};

/** Types of the server that is tested alone. */
export const ownSamples =
  testedFlavour === "mariadb" ? mariaDbSamples : { "vector(2)": [sample("X'0000803f00000040'", "\\x0000803f00000040")] };

/** Values that the other family does not have. */
export const mysqlOnlySamples: Readonly<Record<string, readonly Sample[]>> = {
  date: [sample("'0000-00-00'", refused), sample("'2024-00-15'", refused), sample("'2024-02-28'", "2024-02-28")],
  "datetime(6)": [sample("'0000-00-00 00:00:00'", refused)],
  "timestamp null": [sample("0", refused)],
  text: [sample("'a\\0b'", refused), sample("'ab'", "ab")],
  "varchar(10)": [sample("'\\0'", refused)],
};

/** A key type with a first, second and third value as SQL, and as PostgreSQL prints them. */
export interface KeySample {
  readonly type: string;
  readonly values: readonly [string, string, string];
  readonly postgres: readonly [string, string, string];
}

const key = (type: string, values: KeySample["values"], postgres: KeySample["postgres"]): KeySample => ({ type, values, postgres });
const keyTexts = (type: string, ...values: KeySample["values"]): KeySample => {
  return key(type, values.map(quoteText) as unknown as KeySample["values"], values);
};

const uuidKey = key(
  "uuid",
  ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'", "'00000000-0000-0000-0000-000000000000'"],
  ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12", "00000000-0000-0000-0000-000000000000"],
);

export const mysqlKeySamples: readonly KeySample[] = [
  key("bigint unsigned", ["18446744073709551615", "9223372036854775808", "0"], ["18446744073709551615", "9223372036854775808", "0"]),
  key("decimal(30,10)", ["-0.1", "12345678901234567890.5", "1"], ["-0.1000000000", "12345678901234567890.5000000000", "1.0000000000"]),
  keyTexts("varchar(40) collate utf8mb4_bin", "Nguyễn".normalize("NFC"), "NGUYỄN", "Nguyễn".normalize("NFD")),
  // Equal to each other under these collations: one key changes its writing.
  keyTexts("varchar(40) collate utf8mb4_general_ci", "Nguyễn", "b", "NGUYỄN"),
  keyTexts("varchar(40) collate utf8mb4_unicode_ci", "hoa", "😀", "HOÀ"),
  keyTexts("varchar(40) character set latin1", "é", "e€", "ü"),
  keyTexts("char(6) collate utf8mb4_bin", "ab", "Nguyễn", ""),
  key("binary(4)", ["x'ab000000'", "x'00000000'", "x'ab00ff00'"], ["\\xab000000", "\\x00000000", "\\xab00ff00"]),
  key("varbinary(9)", ["x'00'", "x'0000'", "x''"], ["\\x00", "\\x0000", "\\x"]),
  key("date", ["'2024-02-29'", "'1000-01-01'", "'9999-12-31'"], ["2024-02-29", "1000-01-01", "9999-12-31"]),
  key(
    "datetime(6)",
    ["'2026-01-02 03:04:05.678901'", "'1000-01-01'", "'2026-01-02 03:04:05.678902'"],
    ["2026-01-02 03:04:05.678901", "1000-01-01 00:00:00", "2026-01-02 03:04:05.678902"],
  ),
  key(
    "timestamp(6)",
    ["'2026-01-02 03:04:05.678901'", "'2000-01-01'", "'2026-01-02 03:04:05.678902'"],
    ["2026-01-02 03:04:05.678901+00", "2000-01-01 00:00:00+00", "2026-01-02 03:04:05.678902+00"],
  ),
  ...(testedFlavour === "mariadb" ? [uuidKey] : []),
];
