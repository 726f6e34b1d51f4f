// Every PostgreSQL type of the torture catalogue, written by each way into a copy, equals the master's own text form.
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { quoteTable } from "../../connectors/postgres/quote.ts";
import { type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { serverAddress } from "../support/server-address.ts";
import { key, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";
import { row } from "../support/table-builders.ts";

const long = "nhiều dữ liệu ".repeat(300);

/** SQL type → values as SQL expressions on the master. */
const samples: Readonly<Record<string, readonly string[]>> = {
  smallint: ["-32768", "32767"],
  bigint: ["-9223372036854775808", "9007199254740993"],
  numeric: ["'NaN'", "'Infinity'", "'-Infinity'", "'1.10'", "repeat('9', 131072)::numeric", "'-0.000'", "'1e-300'"],
  "numeric(10,2)": ["'-12345678.90'", "'NaN'"],
  "numeric(1000,800)": ["'1.' || repeat('0', 799) || '7'"],
  real: ["'3.4028235e38'", "'-0'", "'NaN'", "'1e-45'", "'Infinity'"],
  "double precision": ["'-0'", "'5e-324'", "'1.7976931348623157e308'", "'NaN'", "'-Infinity'", "'0.1'"],
  money: ["'-92233720368547758.08'", "'1234.5'"],
  boolean: ["true", "false"],
  text: [`'${long}'`, "''", "'\\N'", "'\\.'", "E'a\\tb\\nc\\rd\\be\\\\f'", "U&'\\FEFFNguye\\0302\\0303n'", "'😀'", "'null'", "' '"],
  "varchar(5)": ["'ab'", "'abc  '", "'Nguyễ'"],
  "character(6)": ["'ab'", "''", "'Nguyễn'"],
  character: ["'x'"],
  '"char"': ["'a'", "''", "'\\'"],
  name: ["'Tên'"],
  bytea: ["'\\x'", "'\\x00ff5c6e'", "decode(repeat('00ff', 5000), 'hex')"],
  date: ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'5874897-12-31'", "'1582-10-10'"],
  time: ["'24:00:00'", "'23:59:59.999999'", "'00:00'"],
  "time(3)": ["'12:34:56.789'"],
  timetz: ["'24:00:00+15:59'", "'01:02:03.4-08'"],
  timestamp: ["'infinity'", "'-infinity'", "'4713-01-01 00:00:00 BC'", "'2026-01-02 03:04:05.678901'", "'294276-12-31 23:59:59.999999'"],
  "timestamp(0)": ["'2026-01-02 03:04:05'"],
  timestamptz: ["'2026-03-29 02:30:00.000001+07'", "'infinity'", "'0001-01-01 00:00:00+00 BC'"],
  interval: ["'1 year -1 day 0.000001 s'", "'-178000000 years'", "'0'"],
  "interval day to second(3)": ["'1 day 02:03:04.567'"],
  uuid: ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  inet: ["'192.168.0.1/24'", "'::1'"],
  cidr: ["'10.0.0.0/8'"],
  macaddr8: ["'08:00:2b:01:02:03:04:05'"],
  "bit(5)": ["'10101'", "'00000'"],
  bit: ["'1'"],
  "bit varying(8)": ["'101'", "''"],
  json: ['\'{"b":1.10, "a": 1e400, "a":12345678901234567890}\'', "'\"\\u0000\"'", "'\"\\ud800\"'", "'null'"],
  jsonb: ['\'{"b":1.10, "a": 12345678901234567890}\'', "'null'", "'\"\\\\N\"'"],
  xml: ["'<a b=\"c\">Việt</a>'", "'<?xml version=\"1.0\"?><r/>'", "'text &amp; more'"],
  "int[]": ["'{}'", "'{1,NULL,3}'", "'[0:1]={7,8}'", "'{{1,2},{3,4}}'"],
  "text[]": [`ARRAY['', 'null', NULL, 'a"b\\c', 'x,y', '${long}']`],
  "varchar(3)[]": ["'{abc,\"a  \"}'"],
  "bytea[]": ["ARRAY['\\x00'::bytea, NULL]"],
  int4range: ["'empty'", "'[1,5)'", "'(,)'"],
  nummultirange: ["'{}'", "'{[1.0,2.5),(3,)}'"],
  tstzrange: ["'[2026-01-01 00:00+00,infinity]'"],
  tsvector: ["'a fat:2A cat:1'"],
  tsquery: ["'fat & !cat'"],
  point: ["'(0.1,-0)'"],
  polygon: ["'((0,0),(1,1),(2,0))'"],
  pg_lsn: ["'16/B374D848'"],
  oid: ["4294967295"],
  xid8: ["'18446744073709551615'"],
  "kinds.colour": ["'đỏ'", "'màu ''lạ\"'"],
  "kinds.colour[]": ["ARRAY['đỏ'::kinds.colour, NULL]"],
  "kinds.code": ["'ab'"],
  "kinds.positive": ["7"],
  "kinds.code[]": ["ARRAY['ab'::kinds.code]"],
  "kinds.address": ["ROW('Lê \"Lợi\", 5', 12, 'đỏ')::kinds.address", "ROW(NULL, NULL, NULL)::kinds.address"],
  "kinds.address[]": ["ARRAY[ROW('a,b', 1, NULL)::kinds.address]"],
  "kinds.span": ["'[1.5,2.5)'"],
  "public.hstore": ['\'"a"=>"1", "b"=>NULL\''],
  "public.citext": ["'Hà Nội'"],
  "public.ltree": ["'Top.Khoa_hoc'"],
};

/** Types that can be a key, by which rows are found again. */
const keyTypes = ["smallint", "bigint", "numeric(10,2)", "text", "varchar(5)", "character(6)", '"char"', "name", "bytea", "date", "time",
  "timetz", "timestamp", "timestamptz", "interval", "uuid", "inet", "cidr", "macaddr8", "bit(5)", "bit varying(8)", "int4range", "int[]", "text[]",
  "boolean", "double precision", "jsonb", "pg_lsn", "oid", "kinds.colour", "kinds.code", "kinds.positive", "kinds.address", "public.ltree"]; // prettier-ignore

describe.each([15, 18] as const)("types on PostgreSQL %i", (major) => {
  let lab: TargetLab;
  let master: pg.Client;
  const names = Object.keys(samples);
  const tableName = (type: string): string => `t_${names.indexOf(type)}`;
  const keyName = (type: string): string => `k_${names.indexOf(type)}`;

  beforeAll(async () => {
    const extensions = ["hstore", "citext", "ltree"].map((name) => `CREATE EXTENSION ${name} SCHEMA public`);
    lab = await TargetLab.open({
      major,
      master: [
        ...extensions,
        "CREATE SCHEMA kinds",
        "CREATE TYPE kinds.colour AS ENUM ('đỏ', 'màu ''lạ\"')",
        "CREATE DOMAIN kinds.code AS varchar(3) CHECK (VALUE <> 'no')",
        "CREATE DOMAIN kinds.positive AS int CHECK (VALUE > 0)",
        "CREATE TYPE kinds.address AS (street varchar(20), number int, colour kinds.colour)",
        "CREATE TYPE kinds.span AS RANGE (subtype = numeric)",
        ...names.map((type) => `CREATE TABLE ${tableName(type)} (id int PRIMARY KEY, v ${type}, other text)`),
        ...keyTypes.map((type) => `CREATE TABLE ${keyName(type)} (v ${type} PRIMARY KEY, other text)`),
      ],
    });
    for (const extension of extensions) await lab.sql(extension);
    master = await connectPostgres(serverAddress(lab.server.url("master")), { role: "test" });
    for (const type of names) {
      for (const [index, value] of samples[type]!.entries()) {
        await master.query(`INSERT INTO public.${tableName(type)} VALUES (${index + 1}, (${value})::${type}, 'x')`);
        if (keyTypes.includes(type)) await master.query(`INSERT INTO public.${keyName(type)} VALUES ((${value})::${type}, 'x')`);
      }
      await master.query(`INSERT INTO public.${tableName(type)} VALUES (0, NULL, NULL)`);
    }
  });
  afterAll(async () => {
    await master?.end();
    await lab?.[Symbol.asyncDispose]();
  });

  /** Rows of a master table in the text form that stream and snapshot have. */
  async function masterRows(name: string): Promise<Row[]> {
    const result = await master.query<(string | null)[]>({ text: `SELECT * FROM public.${name} ORDER BY 1`, rowMode: "array" });
    return result.rows.map((values) => row(...values));
  }

  async function copyRows(table: TableMapping, client: pg.Client): Promise<Row[]> {
    const list = table.columns.map((column) => column.target).join(", ");
    const result = await client.query<(string | null)[]>({
      text: `SELECT ${list} FROM ${quoteTable(table.physical)} ORDER BY 1`,
      rowMode: "array",
    });
    return result.rows.map((values) => row(...values));
  }

  test("arrive exactly by upsert, by an update of another column, under another key and by COPY", async () => {
    const tables = await lab.mappings(...names.map((type) => ({ schema: "public", name: tableName(type) })));
    const writer = await Writer.loaded(lab, subscriptionOf(tables));
    const client = await connectPostgres(serverAddress(lab.url), { role: "test" });
    const problems: string[] = [];
    for (const type of names) {
      const table = tables.find((candidate) => candidate.target.name === tableName(type))!;
      const rows = await masterRows(tableName(type));
      const check = async (way: string, expected: readonly Row[]): Promise<void> => {
        const found = await copyRows(table, client);
        for (const [index, wanted] of expected.entries()) {
          if (JSON.stringify(found[index]?.map(String)) !== JSON.stringify(wanted.map(String))) {
            problems.push(`${type} by ${way}: ${String(wanted[1]).slice(0, 60)} became ${String(found[index]?.[1]).slice(0, 60)}`);
          }
        }
        if (found.length !== expected.length) problems.push(`${type} by ${way}: ${found.length} rows instead of ${expected.length}`);
      };
      await writer.apply([{ table, upserts: rows }]);
      await check("upsert", rows);
      await writer.apply([{ table, updates: rows.map(([id]) => ({ key: [id as Buffer], row: [id!, UNCHANGED, Buffer.from("y")] })) }]);
      const touched = rows.map(([id, value]) => [id!, value!, Buffer.from("y")]);
      await check("partial update", touched);
      const moved = rows.map(([id]) => [Buffer.from(String(Number(String(id)) + 100)), UNCHANGED, UNCHANGED] as Row);
      await writer.apply([{ table, updates: rows.map(([id], index) => ({ key: [id as Buffer], row: moved[index]! })) }]);
      await check(
        "move",
        touched.map(([, ...rest], index) => [moved[index]![0]!, ...rest] as Row),
      );
      await writer.apply([{ table, truncate: true }]);
      const transaction = await writer.begin();
      await transaction.load(table, rows);
      await writer.commit(transaction);
      await check("COPY", rows);
    }
    await client.end();
    await writer.target.close();
    expect(problems).toEqual([]);
  });

  test("find their rows again when they are the key", async () => {
    const tables = await lab.mappings(...keyTypes.map((type) => ({ schema: "public", name: keyName(type) })));
    const writer = await Writer.loaded(lab, subscriptionOf(tables, { id: "keys/hcm" }));
    const problems: string[] = [];
    for (const type of keyTypes) {
      const table = tables.find((candidate) => candidate.target.name === keyName(type))!;
      const rows = await masterRows(keyName(type));
      await writer.apply([{ table, upserts: rows }]);
      await writer.apply([{ table, upserts: rows }]);
      const { missing } = await writer.apply([
        { table, updates: rows.map(([value]) => ({ key: [value as Buffer], row: [value!, Buffer.from("y")] })) },
      ]);
      const count = Number((await lab.copy(table))["rows"]);
      if (count !== rows.length || missing.length > 0) problems.push(`${type}: ${count} rows instead of ${rows.length}`);
      await writer.apply([{ table, deletes: rows.map(([value]) => [value as Buffer]) }]);
      if ((await lab.rows(table)).length > 0) problems.push(`${type}: rows were not found for deletion`);
    }
    await writer.target.close();
    expect(problems).toEqual([]);
  });

  // What the source's column holds → the type that the configuration gives the copy's → whether it fits.
  const narrower: readonly (readonly [string, string, string, boolean])[] = [
    ["text", "varchar(3)", "abcd", false],
    ["text", "varchar(3)", "abc  ", false],
    ["text", "varchar(3)", "abc", true],
    ["text", "character(3)", "abcd", false],
    ["text", "integer", "007", false],
    ["text", "integer", "7", true],
    ["text", '"char"', "ab", false],
    ["bit varying(8)", "bit(3)", "1010", false],
    ["numeric", "numeric(4,2)", "123.45", false],
    ["numeric", "numeric(4,2)", "1.005", false],
    ["numeric", "numeric(4,2)", "1.5", true],
    ["numeric", "integer", "1.5", false],
    ["timestamp", "timestamp(0)", "2026-01-01 00:00:00.5", false],
    ["timestamp", "timestamp(0)", "2026-01-01 00:00:00", true],
    ["interval", "interval day", "1 day 02:00:00", false],
    ["double precision", "real", "0.123456789", false],
    ["double precision", "real", "0.5", true],
    ["text[]", "varchar(2)[]", "{abc}", false],
    ["int[]", "smallint[]", "{70000}", false],
    ["bit varying(8)", "bit varying(2)", "101", false],
    ["kinds.colour", "text", "đỏ", true],
    ["kinds.colour", "varchar(1)", "đỏ", false],
  ];

  test.each(narrower)("%s into %s: %s fits: %s, and is never cut or rounded", async (from, to, value, fits) => {
    const number = narrower.findIndex((entry) => entry[0] === from && entry[1] === to && entry[2] === value);
    const [base] = await lab.mappings({ schema: "public", name: tableName(from) });
    const name = { schema: "narrow", name: `n_${number}` };
    const columns = base!.columns.map((column) => (column.source === "v" ? { ...column, targetType: to } : column));
    const table = { ...base!, target: name, physical: { schema: "narrow_copy", name: name.name }, columns };
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: `narrow/${number}` }));
    await writer.apply([{ upserts: [row("1", value, null)] }]);
    const transaction = await writer.begin();
    await transaction.load(table, [row("2", value, null)]);
    await writer.commit(transaction);
    expect((await lab.rows(table)).map((values) => values[0])).toEqual(fits ? ["1", "2"] : []);
    expect(await writer.target.quarantined()).toEqual(
      fits
        ? []
        : [
            { table, key: key("1") },
            { table, key: key("2") },
          ],
    );
    await writer.target.close();
  });
});
