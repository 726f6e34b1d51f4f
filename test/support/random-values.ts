// Random values of both families' types, as SQL expressions, of kinds that the other family has too.
import fc from "fast-check";

type Values = fc.Arbitrary<string>;

const whole = (bits: bigint, signed = true): Values =>
  fc.bigInt(signed ? { min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n } : { min: 0n, max: 2n ** bits - 1n }).map(String);

const digits = (maxLength: number): Values => fc.string({ unit: fc.constantFrom(..."0123456789".split("")), maxLength });

/** At most so many digits before the point and behind it. */
const decimal = (before: number, after: number): Values =>
  fc
    .tuple(fc.constantFrom("", "-"), digits(before), digits(after))
    .map(([sign, whole, fraction]) =>
      `'${sign}${whole === "" ? "0" : whole}.${fraction}0'`.replace(/0'$/, fraction.length === after ? "'" : "0'"),
    );

/** Any double but zero with a sign, of which not every family knows. */
const double: Values = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .filter((value) => !Object.is(value, -0))
  .map((value) => `'${value}'`);
const single: Values = fc
  .float({ noNaN: true, noDefaultInfinity: true })
  .filter((value) => !Object.is(value, -0))
  .map((value) => `'${value}'`);

/** Everything that Unicode has but NUL, and what has been mistaken for something else. */
const characters = (maxLength: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength }).map((text) => text.replaceAll("\0", "")) },
    {
      weight: 1,
      arbitrary: fc.string({
        unit: fc.constantFrom("|", "~", ":", "#", "'", '"', "\\", ",", "0", "1", "\t", "\n", " ", "é", "e\u0301"),
        maxLength,
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom("", "~", "~|", "1:~", "0:", "NULL", "<null>", "\\N", " ", "a ", "a|b", "#1:a")
        .filter((text) => text.length <= maxLength),
    },
  );

const clip = (text: string, length: number): string => Array.from(text).slice(0, length).join("");

const postgresText = (text: string): string => `convert_from('\\x${Buffer.from(text, "utf8").toString("hex")}', 'UTF8')`;
const mysqlText = (text: string): string => (text === "" ? "''" : `_utf8mb4 X'${Buffer.from(text, "utf8").toString("hex")}'`);

const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value).toString("hex"));

const two = (value: number): string => String(value).padStart(2, "0");
const day: fc.Arbitrary<string> = fc
  .date({ min: new Date("1000-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true })
  .map((value) => value.toISOString().slice(0, 10));
const clock: fc.Arbitrary<string> = fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59)).map(([h, m, s]) => `${two(h)}:${two(m)}:${two(s)}`);
const fraction = (places: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant(""),
    fc.string({ unit: fc.constantFrom(..."0012345".split("")), minLength: 1, maxLength: places }).map((text) => `.${text}`),
  );
const moment = (places: number): Values =>
  fc.tuple(day, clock, places === 0 ? fc.constant("") : fraction(places)).map(([date, time, rest]) => `'${date} ${time}${rest}'`);
/** Within what TIMESTAMP holds. */
const instant: Values = fc
  .tuple(fc.integer({ min: 1, max: 2_147_483_646 }), fraction(6))
  .map(([seconds, rest]) => `'${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")}${rest}'`);
const time = (hours: number, places: number): Values =>
  fc.tuple(fc.nat(hours), fc.nat(59), fc.nat(59), fraction(places)).map(([h, m, s, rest]) => `'${two(h)}:${two(m)}:${two(s)}${rest}'`);

const uuid: Values = fc.uuid().map((value) => `'${value}'`);
const json: fc.Arbitrary<string> = fc.jsonValue().map((value) => JSON.stringify(value).replaceAll("\\u0000", ""));
const words = fc.array(fc.option(characters(8), { freq: 5 }), { maxLength: 4 });

/** PostgreSQL's types and values that MySQL and MariaDB hold in the like type. */
export const postgresValues: Readonly<Record<string, Values>> = {
  boolean: fc.constantFrom("true", "false"),
  smallint: whole(16n),
  integer: whole(32n),
  bigint: whole(64n),
  oid: whole(32n, false),
  numeric: decimal(35, 30),
  "numeric(10,2)": decimal(8, 2),
  "numeric(20,0)": decimal(20, 0).map((text) => text.replace(".", "")),
  real: single,
  "double precision": double,
  text: characters(30).map(postgresText),
  "character varying(20)": characters(20).map((text) => postgresText(clip(text, 20))),
  "character(6)": characters(6).map((text) => postgresText(clip(text, 6))),
  bytea: bytes.map((hex) => `'\\x${hex}'`),
  date: day.map((text) => `'${text}'`),
  time: time(23, 6),
  "time(3)": time(23, 3),
  timetz: time(23, 6).map((text) => text.replace(/'$/, "+07'")),
  timestamp: moment(6),
  "timestamp(3)": moment(3),
  timestamptz: moment(6).map((text) => text.replace(/'$/, "+00'")),
  interval: fc
    .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -500, max: 500 }), fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }))
    .map(([months, days, micros]) => `'${months} months ${days} days ${micros} microseconds'`),
  uuid,
  inet: fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, mask]) => `'${address}/${mask}'`),
  "bit(5)": fc.nat(31).map((value) => `B'${value.toString(2).padStart(5, "0")}'`),
  "bit varying": fc.string({ unit: fc.constantFrom("0", "1"), maxLength: 70 }).map((text) => `B'${text}'`),
  json: json.map(postgresText).map((text) => `(${text})::json`),
  jsonb: json.map(postgresText).map((text) => `(${text})::jsonb`),
  "integer[]": fc
    .array(fc.option(whole(32n), { freq: 4 }), { maxLength: 5 })
    .map((list) => `'{${list.map((each) => each ?? "NULL").join(",")}}'`),
  "double precision[]": fc.array(fc.double(), { maxLength: 4 }).map((list) => `'{${list.map((each) => String(each)).join(",")}}'`),
  "boolean[]": fc.array(fc.boolean(), { maxLength: 4 }).map((list) => `'{${list.join(",")}}'`),
  "text[]": words.map((list) => `ARRAY[${list.map((each) => (each === null ? "NULL" : postgresText(each))).join(", ")}]::text[]`),
  "date[]": fc.array(day, { maxLength: 3 }).map((list) => `'{${list.join(",")}}'`),
  "bytea[]": fc.array(bytes, { maxLength: 3 }).map((list) => `ARRAY[${list.map((hex) => `'\\x${hex}'`).join(", ")}]::bytea[]`),
  int4range: fc.tuple(fc.nat(99), fc.nat(99)).map(([from, length]) => `int4range(${from}, ${from + length})`),
};

/** MySQL's and MariaDB's types and values that PostgreSQL holds in the like type. */
export const mysqlValues: Readonly<Record<string, Values>> = {
  tinyint: whole(8n),
  "smallint unsigned": whole(16n, false),
  mediumint: whole(24n),
  int: whole(32n),
  "int(6) unsigned zerofill": whole(32n, false),
  bigint: whole(64n),
  "bigint unsigned": whole(64n, false),
  "decimal(65,30)": decimal(35, 30),
  "decimal(10,2)": decimal(8, 2),
  "decimal(12,4) zerofill": decimal(8, 4).map((text) => text.replace("-", "")),
  "decimal(20,0)": decimal(20, 0).map((text) => text.replace(".", "")),
  float: single,
  double,
  "bit(10)": fc.nat(1023).map((value) => `b'${value.toString(2)}'`),
  "bit(64)": whole(64n, false),
  year: fc.oneof(fc.constant("0"), fc.integer({ min: 1901, max: 2155 }).map(String)),
  date: day.map((text) => `'${text}'`),
  datetime: moment(0),
  "datetime(3)": moment(3),
  "datetime(6)": moment(6),
  "timestamp(6) null": instant,
  time: time(838, 1).map((text) => text.replace(/\.\d+/, "")),
  "time(6)": fc.tuple(fc.constantFrom("'", "'-"), time(837, 6)).map(([start, text]) => `${start}${text.slice(1)}`),
  "char(10)": characters(10).map((text) => mysqlText(clip(text, 10).trimEnd())),
  "varchar(20)": characters(20).map((text) => mysqlText(clip(text, 20))),
  "varchar(20) character set latin1": fc.string({ unit: fc.constantFrom(..."aé€ü~|1: ".split("")), maxLength: 20 }).map(mysqlText),
  "varchar(20) character set utf16": characters(8).map(mysqlText),
  longtext: characters(60).map(mysqlText),
  "binary(4)": fc.uint8Array({ minLength: 4, maxLength: 4 }).map((value) => `X'${Buffer.from(value).toString("hex")}'`),
  "varbinary(40)": bytes.map((hex) => `X'${hex}'`),
  longblob: bytes.map((hex) => `X'${hex}'`),
  "enum('a,b','it''s','đỏ')": fc.constantFrom("'a,b'", "'it''s'", "'đỏ'"),
  "set('x','đỏ','it''s')": fc.subarray(["x", "đỏ", "it''s"]).map((labels) => `'${labels.join(",")}'`),
};

/** MariaDB's own. */
export const mariadbValues: Readonly<Record<string, Values>> = {
  // It has no place for those of later versions.
  uuid: fc.uuid({ version: [1, 4, 5] }).map((value) => `'${value}'`),
  inet4: fc.ipV4().map((text) => `'${text}'`),
  // Zeros in every place, of which some are left out.
  inet6: fc.array(fc.constantFrom("0", "0", "1", "ff", "abcd"), { minLength: 8, maxLength: 8 }).map((parts) => `'${parts.join(":")}'`),
  json: json.map(mysqlText),
};
