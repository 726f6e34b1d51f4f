// Values of MySQL and MariaDB in their canonical text, written by each way into a copy on PostgreSQL in the like type.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ColumnMapping, TableMapping } from "../../engine/model/share.ts";
import { convertColumns } from "../../mappings/convert-columns.ts";
import { mysqlType } from "../support/family-types.ts";
import { catalogTable, column, row } from "../support/table-builders.ts";
import { key, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";

/** Declaration at the master → values, and what PostgreSQL prints where that is another text. */
const samples: Readonly<Record<string, readonly (string | readonly [value: string, printed: string])[]>> = {
  "tinyint(4)": ["-128", "127"],
  "tinyint(1)": ["0", "1", "2"],
  "tinyint unsigned": ["255"],
  smallint: ["-32768"],
  "smallint unsigned": ["65535"],
  "mediumint unsigned": ["16777215"],
  int: ["-2147483648"],
  "int unsigned zerofill": ["4294967295"],
  bigint: ["-9223372036854775808", "9007199254740993"],
  "bigint unsigned": ["18446744073709551615"],
  "decimal(65,30)": ["12345678901234567890123456789012345.123456789012345678901234567890", "-0.500000000000000000000000000000"],
  "decimal(10,2)": ["-12345678.90", "0.00"],
  float: ["3.4028235e+38", "-0", "0.1", "1e-45"],
  double: ["5e-324", "1.7976931348623157e+308", "0.30000000000000004"],
  "bit(1)": ["1"],
  "bit(64)": ["1".repeat(64), `${"0".repeat(63)}1`],
  "char(6)": ["", "Nguyễn", "ab"],
  "varchar(20)": ["trailing  ", "👩‍👩‍👧 \\N\t", "\\."],
  longtext: ["dòng\u2028mới\r\n", "", "x".repeat(10_000)],
  "binary(4)": ["\\x01000000"],
  "varbinary(9)": ["\\x", "\\x00ff5c0a"],
  longblob: [`\\x${"00ff".repeat(5000)}`],
  date: ["1000-01-01", "9999-12-31", "0001-01-01"],
  datetime: ["2024-02-29 13:05:00"],
  "datetime(6)": ["2024-02-29 13:05:00.25", "9999-12-31 23:59:59.999999", "0001-01-01 00:00:00"],
  timestamp: ["1970-01-01 00:00:01+00"],
  "timestamp(6)": ["2038-01-19 03:14:07.999999+00"],
  time: ["08:05:00", "-838:59:59", "838:59:59"],
  "time(6)": ["-838:59:59.999999", "00:00:00.000001"],
  year: ["0", "1901", "2155"],
  "enum('đỏ','a,b')": ["đỏ", "a,b", ""],
  "set('a','b')": ["a,b", ""],
  json: ['{"b":1.10,  "a": 1e400, "a":12345678901234567890}', "null", '"\\u0000"'],
  geometry: ["\\xe61000000101000000000000000000f03f0000000000000040"],
  uuid: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  // A cast to text adds the length of the network.
  inet4: [["192.168.0.1", "192.168.0.1/32"]],
  inet6: [
    ["2001:db8::ff", "2001:db8::ff/128"],
    ["::ffff:1.2.3.4", "::ffff:1.2.3.4/128"],
    ["::1.2.3.4", "::1.2.3.4/128"],
  ],
};

/** Types that can be a key, with two values. */
const keys: Readonly<Record<string, readonly [string, string]>> = {
  "bigint unsigned": ["18446744073709551615", "9007199254740993"],
  "decimal(10,2)": ["-0.10", "99999999.99"],
  "varchar(20)": ["Nguyễn ", "nguyễn"],
  "char(6)": ["ab", "AB"],
  "binary(4)": ["\\x01000000", "\\x01000001"],
  date: ["2024-02-29", "0001-01-01"],
  "datetime(6)": ["2024-02-29 13:05:00.25", "2024-02-29 13:05:00"],
  "timestamp(6)": ["2024-02-29 13:05:00.25+00", "1970-01-01 00:00:01+00"],
  "time(6)": ["-838:59:59.999999", "24:00:00"],
  year: ["0", "2155"],
  "enum('a','b')": ["a", ""],
  uuid: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"],
  "bit(5)": ["10101", "00000"],
};

/** What PostgreSQL cannot hold. */
const refused: readonly (readonly [declaration: string, value: string])[] = [
  ["date", "0000-00-00"],
  ["date", "2024-00-15"],
  ["datetime", "0000-00-00 00:00:00"],
  ["timestamp", "0000-00-00 00:00:00+00"],
  ["varchar(20)", "a\0b"],
  ["json", '{"a": NaN}'],
];

const names = [...Object.keys(samples), ...Object.keys(keys).map((name) => `key ${name}`)];

function typeOf(declaration: string): ReturnType<typeof mysqlType> {
  return declaration === "json" ? mysqlType("json", "json") : mysqlType(declaration);
}

/** `national.t<n>` (id bigint, v, other varchar), copied under the same name. */
function mapping(name: string, chosen: Partial<ColumnMapping> & { readonly lossAccepted?: boolean } = {}): TableMapping {
  const keyed = name.startsWith("key ");
  const type = typeOf(name.replace("key ", ""));
  const catalog = catalogTable(
    [
      ...(keyed ? [] : [column("id", "integer", { type: mysqlType("bigint"), nullable: false })]),
      column("v", type.category, { type, nullable: !keyed }),
      column("other", "text", { type: mysqlType("varchar(9)") }),
    ],
    { table: { schema: "national", name: `t${names.indexOf(name)}` } },
  );
  const plain = catalog.columns.map((each) => ({
    source: each.name,
    target: each.name,
    sourceType: each.type,
    targetType: null,
    nullable: each.nullable,
    lossAccepted: false,
    ...(each.name === "v" ? chosen : {}),
  }));
  const { columns } = convertColumns(plain, catalog.primaryKey, "postgres");
  const physical = { schema: "national_copy", name: catalog.table.name };
  return { source: catalog.table, target: catalog.table, physical, key: catalog.primaryKey, columns, filter: null, catalog };
}

/** The same, copied under another name. */
function moved(table: TableMapping, name: string): TableMapping {
  return { ...table, target: { schema: "national", name }, physical: { schema: "national_copy", name } };
}

let lab: TargetLab;
beforeAll(async () => {
  lab = await TargetLab.open({ major: 15, master: [] });
});
afterAll(() => lab[Symbol.asyncDispose]());

describe("a copy of MySQL rows on PostgreSQL", () => {
  test("holds every value of every type as it was, from a load, an insert and an update", async () => {
    const tables = new Map(Object.keys(samples).map((name) => [name, mapping(name)]));
    const writer = await Writer.loaded(lab, subscriptionOf([...tables.values()], { id: "types/values" }));
    const transaction = await writer.begin();
    for (const [name, table] of tables) {
      await transaction.load(table, [
        ...samples[name]!.map((sample, index) => row(String(10 + index), given(sample), null)),
        row("99", null, null),
      ]);
    }
    await writer.commit(transaction);
    await writer.apply(
      [...tables].map(([name, table]) => ({
        table,
        upserts: samples[name]!.map((sample, index) => row(String(50 + index), given(sample), "x")),
      })),
    );
    await writer.apply(
      [...tables].map(([name, table]) => ({
        table,
        upserts: samples[name]!.map((sample, index) => row(String(10 + index), given(sample), "y")),
      })),
    );
    expect(await writer.target.quarantined()).toEqual([]);
    for (const [name, table] of tables) {
      const expected = samples[name]!.map((sample) => (typeof sample === "string" ? sample : sample[1]));
      const rows = await lab.rows(table);
      expect([name, rows.slice(0, expected.length)]).toEqual([name, expected.map((value, index) => [String(10 + index), value, "y"])]);
      expect([name, rows.slice(expected.length, -1)]).toEqual([name, expected.map((value, index) => [String(50 + index), value, "x"])]);
      expect(rows.at(-1)).toEqual(["99", null, null]);
    }
    await writer.target.close();
  });

  test("finds its rows by keys of every type", async () => {
    const tables = new Map(Object.keys(keys).map((name) => [name, mapping(`key ${name}`)]));
    const writer = await Writer.loaded(lab, subscriptionOf([...tables.values()], { id: "types/keys" }));
    await writer.apply([...tables].map(([name, table]) => ({ table, upserts: keys[name]!.map((value) => row(value, "x")) })));
    await writer.apply([...tables].map(([name, table]) => ({ table, upserts: [row(keys[name]![0], "y")] })));
    await writer.apply([...tables].map(([name, table]) => ({ table, deletes: [key(keys[name]![1])] })));
    expect(await writer.target.quarantined()).toEqual([]);
    for (const [name, table] of tables) expect([name, await lab.rows(table)]).toEqual([name, [[keys[name]![0], "y"]]]);
    await writer.target.close();
  });

  test.each(refused)("sets a row aside whose %s PostgreSQL cannot hold: %j", async (declaration, value) => {
    const id = refused.findIndex((entry) => entry[0] === declaration && entry[1] === value);
    const place = moved(mapping(declaration), `refused_${id}`);
    const writer = await Writer.loaded(lab, subscriptionOf([place], { id: `refused/${id}` }));
    await writer.apply([{ upserts: [row("1", value, null), row("2", null, null)] }]);
    const transaction = await writer.begin();
    await transaction.load(place, [row("3", value, null), row("4", null, null)]);
    await writer.commit(transaction);
    expect((await lab.rows(place)).map(([id]) => id)).toEqual(["2", "4"]);
    expect(await writer.target.quarantined()).toEqual([
      { table: place, key: key("1") },
      { table: place, key: key("3") },
    ]);
    await writer.target.close();
  });

  const narrower: readonly (readonly [from: string, to: string, value: string, lossAccepted: boolean, held: string | null])[] = [
    ["tinyint(1)", "boolean", "1", false, "true"],
    ["tinyint(1)", "boolean", "2", false, null],
    ["bigint", "integer", "9007199254740993", false, null],
    ["bigint unsigned", "bigint", "18446744073709551615", false, null],
    ["decimal(10,2)", "numeric(10,1)", "1.25", false, null],
    ["decimal(10,2)", "numeric(10,1)", "1.25", true, "1.3"],
    ["decimal(10,2)", "numeric(10,1)", "1.20", false, "1.2"],
    ["double", "real", "0.30000000000000004", false, null],
    ["double", "real", "0.30000000000000004", true, "0.3"],
    ["float", "double precision", "0.5", false, "0.5"],
    ["varchar(20)", "varchar(3)", "abcd", false, null],
    ["varchar(20)", "varchar(3)", "abc ", false, null],
    ["datetime(6)", "timestamp(3)", "2024-02-29 13:05:00.2505", false, null],
    ["datetime(6)", "timestamp(3)", "2024-02-29 13:05:00.25", false, "2024-02-29 13:05:00.25"],
    ["datetime(6)", "date", "2024-02-29 13:05:00", true, "2024-02-29"],
    ["time(6)", "time", "08:05:00.5", false, "08:05:00.5"],
    ["time(6)", "time", "25:00:00", false, null],
    ["json", "jsonb", '{"b":1.10,"a":1,"a":2}', true, '{"a": 2, "b": 1.10}'],
    ["enum('đỏ','a,b')", "varchar(2)", "a,b", false, null],
  ];

  test.each(narrower)("holds %s in a chosen %s: %s, loss accepted: %s → %s", async (from, to, value, lossAccepted, held) => {
    const id = narrower.findIndex((entry) => entry[0] === from && entry[1] === to && entry[2] === value && entry[3] === lossAccepted);
    const place = moved(mapping(from, { targetType: to, lossAccepted }), `narrow_${id}`);
    const writer = await Writer.loaded(lab, subscriptionOf([place], { id: `narrow/${id}` }));
    await writer.apply([{ upserts: [row("1", value, null)] }]);
    const transaction = await writer.begin();
    await transaction.load(place, [row("2", value, null)]);
    await writer.commit(transaction);
    expect((await lab.rows(place)).map((values) => values[1])).toEqual(held === null ? [] : [held, held]);
    await writer.target.close();
  });
});

function given(sample: string | readonly [string, string]): string {
  return typeof sample === "string" ? sample : sample[0];
}
