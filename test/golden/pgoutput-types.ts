// Every built-in type with values that others are known to distort. What an ordinary session under dongbo's settings
// reads is the expectation; it is captured beside the bytes.
import type { Scenario } from "./pgoutput-scenarios.ts";

/** Column type and its values as SQL; a table row is made of the first values of all, another of the second and so on. */
const values: readonly (readonly [type: string, ...values: string[]])[] = [
  ["boolean", "true", "false"],
  ["smallint", "-32768", "32767"],
  ["integer", "-2147483648", "2147483647"],
  ["bigint", "-9223372036854775808", "9007199254740993", "9223372036854775807"],
  ["oid", "4294967295", "0"],
  ["xid8", "'18446744073709551615'", "'0'"],
  ["numeric", "'NaN'", "'Infinity'", "'-Infinity'", "0.000", "1e-40", "12345678901234567890123456789.0123456789"],
  ["numeric(10,2)", "-0.5", "99999999.99"],
  ["real", "'NaN'", "'-Infinity'", "3.4028235e38", "'-0'", "1e-45"],
  ["double precision", "'NaN'", "'Infinity'", "5e-324", "'-0'", "0.1", "1.7976931348623157e308"],
  ["money", "'-92233720368547758.08'", "'1234.5'"],
  ["text", "''", "E'tab\\t nl\\n cr\\r bs\\\\ \\\\N'", "'👩‍👩‍👧‍👦'"],
  ["varchar(20)", "'trailing  '", "'Nguyễn'"],
  ["char(5)", "'ab'", "''"],
  ['"char"', "'c'", "''"],
  ["name", "'pg_name'", "'Đường'"],
  ["bytea", "''", "'\\x00ff5c'"],
  ["date", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'5874897-12-31'", "'1582-10-10'"],
  ["time", "'24:00:00'", "'23:59:59.999999'"],
  ["timetz", "'23:59:59.999999-15:59'", "'00:00+07'"],
  ["timestamp", "'infinity'", "'0001-01-01 00:00:00 BC'", "'294276-12-31 23:59:59.999999'", "'2026-01-01 00:00:00.000001'"],
  ["timestamptz", "'-infinity'", "'2026-01-01 00:00:00.123456+07'", "'1900-01-01 00:00:00 Asia/Ho_Chi_Minh'"],
  ["interval", "'1 year -1 day 0.000001 s'", "'-178000000 years'", "'0'"],
  ["uuid", "'00000000-0000-0000-0000-000000000000'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"],
  ["json", `'{"b": 1.10, "a": 1, "a": 12345678901234567890, "c": 1e400, "u": "\\u0000"}'`, "'null'"],
  ["jsonb", `'{"b": 1.10, "a": 1, "a": 12345678901234567890, "c": 1e400}'`, "'[]'"],
  ["xml", "'<a>đ</a>'", "'text'"],
  ["inet", "'192.168.0.1/24'", "'::ffff:1.2.3.4/128'"],
  ["cidr", "'10.1.2/24'", "'2001:db8::/32'"],
  ["macaddr", "'08:00:2b:01:02:03'", "'ffffffffffff'"],
  ["macaddr8", "'08:00:2b:01:02:03:04:05'"],
  ["bit(5)", "B'10101'", "B'00000'"],
  ["varbit", "B''", "B'1'"],
  ["point", "'(1.5,-2)'", "'(NaN,Infinity)'"],
  ["line", "'{1,-1,0}'"],
  ["lseg", "'[(0,0),(1,1)]'"],
  ["box", "'((1,1),(0,0))'"],
  ["path", "'[(0,0),(1,1)]'", "'((0,0),(1,1))'"],
  ["polygon", "'((0,0),(1,1),(1,0))'"],
  ["circle", "'<(0,0),1>'"],
  ["tsvector", "'a:1A ''b c'':2'", "''"],
  ["tsquery", "'a & !b'", "''"],
  ["int4range", "'[1,5)'", "'empty'", "'(,)'"],
  ["numrange", "'(0.1,1e10]'"],
  ["tstzrange", "'[2026-01-01,)'"],
  ["daterange", "'[2026-01-01,2026-01-31]'"],
  ["int8multirange", "'{[1,2),[5,9)}'", "'{}'"],
  ["int[]", "'{}'", "'[0:1]={7,8}'", "'{{1,NULL},{3,4}}'"],
  ["text[]", `'{"NULL",NULL,"",a b,"q\\"\\\\","{}"}'`],
  ["bytea[]", `'{"\\\\x00","\\\\xff"}'`],
  ["jsonb[]", `'{"{\\"a\\": 1}"}'`],
  ["regclass", "'pg_catalog.pg_class'", "'public.every_type'"],
  ["regtype", "'integer'"],
  ["pg_lsn", "'16/B374D848'", "'FFFFFFFF/FFFFFFFF'"],
  ["tid", "'(4294967295,65535)'"],
];

const rowCount = Math.max(...values.map((column) => column.length - 1));
const columns = values.map(([type], index) => `c${index} ${type}`);
const rows = Array.from(
  { length: rowCount },
  (_, row) => `(${[String(row), ...values.map((column) => column[row + 1] ?? "NULL")].join(", ")})`,
);

const setup = [`CREATE TABLE public.every_type (id int PRIMARY KEY, ${columns.join(", ")})`];
const sql = rows.map((row) => `INSERT INTO public.every_type VALUES ${row}`);
const wire = `BRIC${" BIC".repeat(rowCount - 1)}`;

export const typesScenario: Scenario = {
  name: "every type has the text that a session reads",
  setup,
  sql,
  wire,
  expected: [],
  selected: "SELECT * FROM public.every_type ORDER BY id",
};

/** Asked for in binary form; the expectation is only that it can be told from text and has the bytes of the send function. */
export const binaryScenario: Scenario = {
  name: "binary values where they are asked for",
  setup: ["CREATE TABLE public.binary (id int PRIMARY KEY, n bigint, b bytea, t text, u uuid)"],
  sql: ["INSERT INTO public.binary VALUES (1, -2, '\\x00ff', 'đ', NULL)"],
  wire: "BRIC",
  expected: [],
  options: { binary: "true" },
};
