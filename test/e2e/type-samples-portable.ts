// PostgreSQL's types (reliability.md C1) and what each value must be in MySQL or MariaDB, written by hand.
import { refused } from "./type-samples-mysql.ts";

export interface PortableSample {
  /** SQL expression on the master. */
  readonly value: string;
  /** As MariaDB prints it under `printInMysql`. */
  readonly mysql: string | typeof refused;
}

const sample = (value: string, mysql: string | typeof refused): PortableSample => ({ value, mysql });
const written = (...values: readonly string[]): readonly PortableSample[] => values.map((value) => sample(`'${value}'`, value));

/** How a value of a PostgreSQL type is read from MariaDB, so that nothing of it is hidden: bytes and bits as hexadecimal digits. */
export function printInMysql(type: string, column: string): string {
  if (type === "bytea" || type.startsWith("bit(")) return `LOWER(HEX(${column}))`;
  if (type === "real" || type === "double precision") return `CAST(${column} + 0e0 AS CHAR)`;
  return `CAST(${column} AS CHAR)`;
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
  "\u0001\u007f",
  "đ".repeat(20_000),
];

export const portableSamples: Readonly<Record<string, readonly PortableSample[]>> = {
  boolean: [sample("true", "1"), sample("false", "0")],
  smallint: written("-32768", "32767"),
  integer: written("-2147483648", "2147483647"),
  bigint: written("-9223372036854775808", "9007199254740993", "9223372036854775807"),
  oid: written("4294967295", "0"),
  xid8: written("18446744073709551615"),
  numeric: [
    sample("1.10", `1.10${"0".repeat(28)}`),
    sample("'-0.50'", `-0.50${"0".repeat(28)}`),
    sample("12345678901234567890123456789012345.5", `12345678901234567890123456789012345.5${"0".repeat(29)}`),
  ],
  "numeric(10,2)": written("-12345678.90", "0.00"),
  "numeric(65,30)": [sample("'0.000000000000000000000000000001'", "0.000000000000000000000000000001")],
  real: [sample("0.1", "0.10000000149011612"), sample("'3.4028235e38'", "3.4028234663852886e38"), sample("16777216", "16777216")],
  "double precision": [
    sample("0.1", "0.1"),
    sample("0.30000000000000004", "0.30000000000000004"),
    sample("'1.7976931348623157e308'", "1.7976931348623157e308"),
    sample("5e-324", "5e-324"),
  ],
  money: [sample("'-92233720368547758.08'", "-$92,233,720,368,547,758.08")],
  text: awkward.map((text) => sample(`convert_from('\\x${Buffer.from(text, "utf8").toString("hex")}', 'UTF8')`, text)),
  "character varying(20)": [sample("'trailing  '", "trailing  "), sample("normalize('Nguyễn', NFD)", "Nguyễn".normalize("NFD"))],
  "character(6)": [sample("'ab'", "ab"), sample("''", ""), sample("'Nguyễn'", "Nguyễn")],
  bytea: [
    sample("''", ""),
    sample("'\\x00'", "00"),
    sample("'\\x00ff5c0a0d5c2e'", "00ff5c0a0d5c2e"),
    sample("decode(repeat('00ff0d', 30000), 'hex')", "00ff0d".repeat(30_000)),
  ],
  date: written("2024-02-29", "9999-12-31", "1582-10-10", "0001-01-01"),
  time: [sample("'24:00:00'", "24:00:00.000000"), sample("'23:59:59.999999'", "23:59:59.999999")],
  "time(3)": [sample("'12:34:56.789'", "12:34:56.789")],
  timetz: [sample("'24:00:00+15:59'", "24:00:00+15:59"), sample("'01:02:03.4-08'", "01:02:03.4-08")],
  timestamp: [
    sample("'2026-01-02 03:04:05.678901'", "2026-01-02 03:04:05.678901"),
    sample("'9999-12-31 23:59:59.999999'", "9999-12-31 23:59:59.999999"),
  ],
  "timestamp(0)": [sample("'2026-01-02 03:04:05'", "2026-01-02 03:04:05")],
  timestamptz: [
    sample("'2026-03-29 02:30:00.000001+07'", "2026-03-28 19:30:00.000001"),
    sample("'1900-01-01 00:00:00+00'", "1900-01-01 00:00:00.000000"),
  ],
  uuid: [sample("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")],
  inet: written("192.168.0.1/24", "::1"),
  cidr: [sample("'10.1.2/24'", "10.1.2.0/24")],
  macaddr: written("08:00:2b:01:02:03"),
  "bit(5)": [sample("B'10101'", "15"), sample("B'00000'", "0")],
  "bit(64)": [sample("B'1' || repeat('0', 62)::varbit || B'1'", "8000000000000001")],
  "bit varying": written("", "101"),
  json: written('{"b":1.10,  "a": 1e400, "a":12345678901234567890}', "null"),
  jsonb: [sample(`'{"b":1.10, "a": 12345678901234567890, "aa": 1e3}'`, '{"a": 12345678901234567890, "b": 1.10, "aa": 1000}')],
  xml: written('<a b="c">Việt</a>'),
  "integer[]": [sample("'{}'", "[]"), sample("'{1,NULL,3}'", "[1,null,3]"), sample("'{{1,2},{3,NULL}}'", "[[1,2],[3,null]]")],
  "text[]": [sample(`ARRAY['', 'null', 'NULL', NULL, 'a"b\\c', 'x,y', '{}']`, '["","null","NULL",null,"a\\"b\\\\c","x,y","{}"]')],
  "numeric[]": [sample("'{12345678901234567890.10,-1}'", "[12345678901234567890.10,-1]")],
  int4range: written("empty", "[1,5)", "(,)"),
  tsvector: [sample("'a fat:2A'", "'a' 'fat':2A")],
  point: [sample("'(0.1,2)'", "(0.1,2)")],
  pg_lsn: written("16/B374D848"),
  "kinds.colour": [sample("'đỏ'", "đỏ"), sample(`'màu ''lạ"'`, `màu 'lạ"`)],
  "kinds.code": written("ab"),
  "kinds.positive": written("7"),
};

/** Values that MySQL and MariaDB do not have. */
export const postgresOnlySamples: Readonly<Record<string, readonly PortableSample[]>> = {
  numeric: [
    sample("'NaN'", refused),
    sample("'Infinity'", refused),
    sample("1e-31", refused),
    sample("repeat('7', 40)::numeric", refused),
    sample("2.5", `2.5${"0".repeat(29)}`),
  ],
  "double precision": [sample("'NaN'", refused), sample("'-Infinity'", refused)],
  real: [sample("'Infinity'", refused)],
  date: [
    sample("'infinity'", refused),
    sample("'0044-03-15 BC'", refused),
    sample("'5874897-12-31'", refused),
    sample("'2024-02-28'", "2024-02-28"),
  ],
  timestamp: [
    sample("'-infinity'", refused),
    sample("'4713-01-01 00:00:00 BC'", refused),
    sample("'294276-12-31 23:59:59.999999'", refused),
  ],
  timestamptz: [sample("'infinity'", refused)],
  "integer[]": [sample("'[0:1]={7,8}'", refused)],
};

/** A key type with a first, second and third value as SQL, and as MariaDB prints them under `printInMysql`. */
export interface PortableKey {
  readonly type: string;
  readonly values: readonly [string, string, string];
  readonly mysql: readonly [string, string, string];
}

const key = (type: string, values: PortableKey["values"], mysql: PortableKey["mysql"]): PortableKey => ({ type, values, mysql });

export const portableKeys: readonly PortableKey[] = [
  key(
    "bigint",
    ["-9223372036854775808", "9007199254740993", "9007199254740992"],
    ["-9223372036854775808", "9007199254740993", "9007199254740992"],
  ),
  key("numeric(10,2)", ["'-0.10'", "'99999999.99'", "'0.10'"], ["-0.10", "99999999.99", "0.10"]),
  // Collations that fold case, accents or blanks would take these for one key.
  key(
    "text",
    ["normalize('Nguyễn', NFC)", "'NGUYỄN'", "normalize('Nguyễn', NFD)"],
    ["Nguyễn".normalize("NFC"), "NGUYỄN", "Nguyễn".normalize("NFD")],
  ),
  key("varchar(9)", ["'ab '", "'ab'", "'ab  '"], ["ab ", "ab", "ab  "]),
  key("character(6)", ["'ab'", "'Nguyễn'", "''"], ["ab", "Nguyễn", ""]),
  key("bytea", ["'\\x00'", "'\\x0000'", "''"], ["00", "0000", ""]),
  key("date", ["'2024-02-29'", "'0001-01-01'", "'9999-12-31'"], ["2024-02-29", "0001-01-01", "9999-12-31"]),
  key(
    "timestamptz",
    ["'2026-01-02 03:04:05.678901+00'", "'1900-01-01+00'", "'2026-01-02 03:04:05.678902+00'"],
    ["2026-01-02 03:04:05.678901", "1900-01-01 00:00:00.000000", "2026-01-02 03:04:05.678902"],
  ),
  key(
    "uuid",
    ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'", "'00000000-0000-0000-0000-000000000000'"],
    ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12", "00000000-0000-0000-0000-000000000000"],
  ),
  key("inet", ["'192.168.0.1/24'", "'192.168.0.1'", "'::1'"], ["192.168.0.1/24", "192.168.0.1", "::1"]),
  key("boolean", ["true", "false", "true"], ["1", "0", "1"]),
];
