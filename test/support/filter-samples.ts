// Columns of every kind a filter may name, with values that are likely to be confused, and random filters over them.
import fc from "fast-check";
import type { Predicate } from "../../engine/model/predicate.ts";

/** One column: how it is declared, values as literals, and other ways of writing each value. */
export interface SampleColumn {
  readonly name: string;
  readonly declaration: string;
  readonly values: fc.Arbitrary<string>;
  readonly spellings?: (value: string) => string[];
  /** Operators beside `eq`, `ne`, `in`, `not_in`. */
  readonly ordered?: boolean;
  readonly prefixes?: boolean;
}

/** How many random cases; DONGBO_RUNS asks for more than the default. */
export function runs(byDefault: number): number {
  return Number(process.env["DONGBO_RUNS"] ?? byDefault);
}

/** The seed of this run, from DONGBO_SEED or new; fast-check prints it with a failure. */
export const seed: number = Number(process.env["DONGBO_SEED"] ?? Math.trunc(Math.random() * 0x7fff_ffff));

const integers = (bits: bigint): fc.Arbitrary<string> =>
  fc
    .oneof(
      fc.constantFrom(0n, 1n, -1n, 9n, 10n, -10n, 2n ** (bits - 1n) - 1n, -(2n ** (bits - 1n))),
      fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n }),
    )
    .map(String);

const digits = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom("0", "0", "1", "2", "5", "9"), maxLength });

const decimals: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("0", "-0.00", "1", "1.0", "1.00", "-1", "10", "9.99", "0.1", "0.10", "0.09", "NaN", "Infinity", "-Infinity", "1e20"),
  fc.constantFrom("9007199254740993", "9007199254740992.0", `1${"0".repeat(400)}`, `0.${"0".repeat(300)}1`, "12345678901234567890.00001"),
  fc.tuple(fc.constantFrom("", "-"), digits(25), digits(25)).map(([sign, whole, fraction]) => `${sign}0${whole}.${fraction}0`),
);

const words: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "a",
    "A",
    "a ",
    "a  b",
    "ab",
    "79",
    "079",
    "Hồ Chí Minh",
    "\u0065\u0301",
    "\u00e9",
    "\ufeffa",
    "{a,b}",
    "NULL",
    "infinity",
  ),
  fc.constantFrom("Thành phố Hồ Chí Minh, Quận 1", "Thành phố Hồ Chí Minh, Quận 10", "Thành phố Hồ Chí Minh, Quận 2"),
  fc.constantFrom("it's", 'say "x"', "back\\slash", "%", "_", "\t", "\n", "\u2028", "💧", "a💧", "a\uffff", "đ", "Đ", "toString", "\u007f"),
  fc.string({ unit: fc.constantFrom("a", "b", "B", " ", "é", "đ", "💧", "\\", "'", '"', ",", "0"), maxLength: 6 }),
);

const shortWords = words.map((word) => Array.from(word).slice(0, 4).join(""));

const pad = (value: number, width: number): string => String(value).padStart(width, "0");

const dateParts = (lastYear: number): fc.Arbitrary<string[]> =>
  fc
    .tuple(
      fc.oneof(
        fc.integer({ min: 1890, max: 2100 }),
        fc.integer({ min: -4712, max: lastYear }),
        fc.constantFrom(0, 1, -1, 9999, 10_000, 4, 100),
      ),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 28 }),
    )
    .map(([year, month, day]) => [`${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`, year > 0 ? "" : " BC"]);

const clocks: fc.Arbitrary<string> = fc
  .tuple(
    fc.integer({ min: 0, max: 23 }),
    fc.integer({ min: 0, max: 59 }),
    fc.constantFrom(0, 1, 30, 59),
    fc.constantFrom("", ".5", ".000001", ".999999", ".120000"),
  )
  .map(([hours, minutes, seconds, fraction]) => `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}${fraction}`);

const infinities = fc.constantFrom("infinity", "-infinity");

const dates = fc.oneof(
  infinities,
  fc.constantFrom("4714-11-24 BC", "5874897-12-31", "2024-02-29", "0001-02-29 BC", "0001-12-31 BC", "0001-01-01", "1582-10-10"),
  dateParts(5_874_896).map((parts) => parts.join("")),
);

const timestamps = fc.oneof(
  infinities,
  fc.constantFrom("4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00"),
  fc.tuple(dateParts(294_275), clocks).map(([[date, era], clock]) => `${date} ${clock}${era}`),
);

const instants = fc.oneof(
  infinities,
  fc.constantFrom("1905-12-31 23:59:59+07:06", "2024-12-31 23:30:00-00:30", "2025-01-01 00:00:00Z", "2025-01-01T07:00:00+07"),
  fc
    .tuple(dateParts(294_275), clocks, fc.constantFrom("+00", "+07", "-12", "+05:45", "-09:30", "Z", "+15:59"))
    .map(([[date, era], clock, zone]) => `${date} ${clock}${zone}${era}`),
);

const times = fc.oneof(fc.constantFrom("00:00:00", "24:00:00", "23:59:59.999999", "12:00"), clocks);

const uuids = fc.oneof(
  fc.constantFrom("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e"),
  fc.uuid(),
);

const labels = fc.constantFrom("đỏ", "xanh", "Xanh", 'a"b', "a\\b", "a,b", "it's");

const decimalSpellings = (value: string): string[] =>
  /^-?\d/.test(value)
    ? [
        value.includes("e") ? value : `${value}${value.includes(".") ? "00" : ".000"}`,
        value.replace(/^(-?)/, "$1000"),
        value.includes("e") ? value.replace("e", "E+") : `${value}e0`,
      ]
    : [value.toLowerCase()];
const integerSpellings = (value: string): string[] => [value.replace(/^(-?)/, "$100"), value.startsWith("-") ? value : `+${value}`];
const uuidSpellings = (value: string): string[] => [value.toUpperCase(), value.replaceAll("-", "")];
const padding = (value: string): string[] => [`${value} `, `${value}     `];
const booleanSpellings = (value: string): string[] => (value === "true" ? ["t", "YES", "on", "1"] : ["f", "No", "off", "0"]);

/** The schema that the columns' own types live in, outside every search_path. */
export const sampleTypes: readonly string[] = [
  `CREATE SCHEMA "Kiểu"`,
  `CREATE TYPE "Kiểu".colour AS ENUM ('đỏ', 'xanh', 'Xanh', 'a"b', 'a\\b', 'a,b', 'it''s')`,
  `CREATE DOMAIN "Kiểu".shade AS "Kiểu".colour`,
  `CREATE DOMAIN "Kiểu".small AS int2 CHECK (value > -20000)`,
  `CREATE DOMAIN "Kiểu".smaller AS "Kiểu".small`,
  `CREATE DOMAIN "Kiểu".code AS char(6)`,
  `CREATE DOMAIN "Kiểu".money AS numeric(12, 2)`,
  `CREATE TYPE "Kiểu".pair AS (a int, b int)`,
];

export const sampleColumns: readonly SampleColumn[] = [
  { name: "small", declaration: "int2", values: integers(16n), spellings: integerSpellings, ordered: true },
  { name: "plain", declaration: "int4", values: integers(32n), spellings: integerSpellings, ordered: true },
  { name: "big", declaration: "int8", values: integers(64n), spellings: integerSpellings, ordered: true },
  { name: "smaller", declaration: `"Kiểu".smaller`, values: fc.integer({ min: -19_999, max: 32_767 }).map(String), ordered: true },
  { name: "amount", declaration: "numeric", values: decimals, spellings: decimalSpellings, ordered: true },
  {
    name: "price",
    declaration: `"Kiểu".money`,
    values: fc
      .tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: 0, max: 99 }))
      .map(([whole, cents]) => `${whole}.${pad(cents, 2)}`),
    spellings: (value) => [`${value}1`, `${value}0`],
    ordered: true,
  },
  { name: "flag", declaration: "boolean", values: fc.constantFrom("true", "false"), spellings: booleanSpellings, ordered: true },
  { name: "name", declaration: "text", values: words, ordered: true, prefixes: true },
  { name: "short", declaration: "varchar(4)", values: shortWords, ordered: true, prefixes: true },
  { name: "Tên Việt", declaration: `text COLLATE "C"`, values: words, ordered: true, prefixes: true },
  { name: "icu", declaration: `text COLLATE "vi-x-icu"`, values: words, prefixes: true },
  { name: "code", declaration: "char(6)", values: shortWords, spellings: padding, ordered: true, prefixes: true },
  { name: "code_domain", declaration: `"Kiểu".code`, values: shortWords, spellings: padding, ordered: true, prefixes: true },
  { name: "code_icu", declaration: `char(5) COLLATE "vi-x-icu"`, values: shortWords, spellings: padding, prefixes: true },
  { name: "born", declaration: "date", values: dates, ordered: true },
  { name: "at", declaration: "time", values: times, ordered: true },
  {
    name: "stamp",
    declaration: "timestamp",
    values: timestamps,
    spellings: (value) => [value.replace(/(\d) (\d)/, "$1T$2")],
    ordered: true,
  },
  { name: "second", declaration: "timestamp(0)", values: timestamps.filter((value) => !value.startsWith("294276")), ordered: true },
  { name: "moment", declaration: "timestamptz", values: instants, ordered: true },
  { name: "ref", declaration: "uuid", values: uuids, spellings: uuidSpellings, ordered: true },
  { name: "colour", declaration: `"Kiểu".colour`, values: labels },
  { name: "shade", declaration: `"Kiểu".shade`, values: labels },
];

/** Columns that only `is_null` may name. */
export const opaqueColumns: readonly SampleColumn[] = [
  { name: "ratio", declaration: "float8", values: fc.constantFrom("1.5", "NaN") },
  { name: "photo", declaration: "bytea", values: fc.constantFrom("\\x00", "\\x") },
  { name: "document", declaration: "jsonb", values: fc.constantFrom("null", "{}") },
  { name: "pair", declaration: `"Kiểu".pair`, values: fc.constantFrom("(1,2)", "(,)") },
];

/** Random filters over columns whose constants come from a pool of values, so that equalities are often met. */
export function filters(columns: readonly SampleColumn[], pools: ReadonlyMap<string, readonly string[]>): fc.Arbitrary<Predicate> {
  const leaves = columns.flatMap((column) => leavesOf(column, pools.get(column.name) ?? []));
  const { tree } = fc.letrec<{ tree: Predicate }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.oneof(...leaves),
      fc.record({ op: fc.constant("not" as const), of: tie("tree") }),
      fc.record({ op: fc.constantFrom("all" as const, "any" as const), of: fc.array(tie("tree"), { maxLength: 4 }) }),
    ),
  }));
  return tree;
}

function leavesOf(column: SampleColumn, pool: readonly string[]): fc.Arbitrary<Predicate>[] {
  const name = fc.constant(column.name);
  const isNull = fc.record({ op: fc.constant("is_null" as const), column: name, value: fc.boolean() });
  if (pool.length === 0) return [isNull];
  const spelt = pool.flatMap((value) => [value, value, ...(column.spellings?.(value) ?? [])]);
  const value = fc.oneof(fc.constantFrom(...spelt), column.values);
  const comparisons = column.ordered === true ? (["eq", "ne", "lt", "lte", "gt", "gte"] as const) : (["eq", "ne"] as const);
  const leaves: fc.Arbitrary<Predicate>[] = [
    isNull,
    fc.record({ op: fc.constantFrom(...comparisons), column: name, value }),
    fc.record({ op: fc.constantFrom("in" as const, "not_in" as const), column: name, values: fc.array(value, { maxLength: 12 }) }),
  ];
  if (column.prefixes !== true) return leaves;
  const prefix = value.chain((text) => fc.nat(3).map((length) => Array.from(text).slice(0, length).join("")));
  return [...leaves, fc.record({ op: fc.constant("starts_with" as const), column: name, value: prefix })];
}
