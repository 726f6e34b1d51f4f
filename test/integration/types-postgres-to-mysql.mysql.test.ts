// Every PostgreSQL type of the torture catalogue, its values put into MySQL's form and held by a table of the like types of
// MariaDB, or of the MySQL server that is given: each comes back equal, as both servers say by expressions of their own, or is refused.
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encoderOf } from "../../connectors/mysql/apply/encode-value.ts";
import { connectMysql, type MysqlSession } from "../../connectors/mysql/mysql-client.ts";
import { isDataError } from "../../connectors/mysql/mysql-errors.ts";
import { trimFraction } from "../../connectors/mysql/value-text.ts";
import { connectPostgres, endPostgres } from "../../connectors/postgres/postgres-client.ts";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ColumnMapping } from "../../engine/model/share.ts";
import type { ColumnType } from "../../engine/model/table.ts";
import { convertColumns } from "../../mappings/convert-columns.ts";
import { postgresType } from "../support/family-types.ts";
import { keySamples, typeDefinitions, typeExtensions, typeSamples } from "../e2e/type-samples.ts";
import { runSql, startServer } from "../support/cluster.ts";
import { type MysqlDatabase, mysqlDatabase } from "../support/mysql-database.ts";
import { serverAddress } from "../support/server-address.ts";
import { testedFlavour } from "../support/mysql-server.ts";

/** Values that MySQL does not have, by their place among the samples of the type. */
const refused: Readonly<Record<string, readonly number[]>> = {
  numeric: [0, 1, 2, 5, 6],
  "numeric(10,2)": [1],
  "numeric(1000,800)": [0, 1],
  real: [2, 4],
  "double precision": [3, 4],
  date: [0, 1, 2, 3, 5],
  timestamp: [0, 1, 2, 4],
  timestamptz: [0, 2],
  "integer[]": [2, 4],
};

/** How the two servers say what a value is, and how the texts are brought together. */
interface Oracle {
  readonly postgres: string;
  readonly mysql: string;
  readonly same?: (text: string) => string;
}

const trimZeros = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
const moment = "date_format(v, '%Y-%m-%d %H:%i:%s.%f')";
const asBytes = (value: string): string => `substr(lower(hex(st_aswkb(point(${value}, 0)))), 11, 16)`;
/** The eight bytes of a double the other way round, as WKB has them. */
const doubleBytes = `(SELECT string_agg(encode(substring(b FROM 9 - i FOR 1), 'hex'), '' ORDER BY i)
  FROM float8send(v::float8 + 0) AS b, generate_series(1, 8) AS i)`;

function oracleOf(type: string): Oracle {
  if (type.startsWith("numeric") && !type.endsWith("]")) return { postgres: "trim_scale(v)::text", mysql: "v", same: trimZeros };
  if (type === "real" || type === "double precision") return { postgres: doubleBytes, mysql: asBytes("v + 0e0") };
  if (type === "boolean") return { postgres: "v::int::text", mysql: "v" };
  if (type === "bytea") return { postgres: "encode(v, 'hex')", mysql: "lower(hex(v))" };
  if (type === "timestamp") return { postgres: "to_char(v, 'YYYY-MM-DD HH24:MI:SS.US')", mysql: moment };
  if (type === "timestamptz") return { postgres: "to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')", mysql: moment };
  if (type === "time" || type === "time(3)") return { postgres: "v::text", mysql: "v", same: trimFraction };
  if (type === "bit(5)") return { postgres: "v::text", mysql: "lpad(bin(v), 5, '0')" };
  if (type === "inet") return { postgres: "format('%s', v)", mysql: "v" };
  if (type === "integer[]" || type === "numeric[]") return { postgres: "array_to_json(v)::text", mysql: "v" };
  if (type.endsWith("[]")) return { postgres: "array_to_json(v::text[])::text", mysql: "v" };
  return { postgres: "v::text", mysql: "v" };
}

let postgres: EmbeddedPostgres;
let database: MysqlDatabase;
let master: pg.Client;
let copies: MysqlSession;

beforeAll(async () => {
  [postgres, database] = await Promise.all([startServer(18, {}), mysqlDatabase("types")]);
  await runSql(postgres.url(), "CREATE DATABASE master");
  await runSql(postgres.url("master"), ...typeExtensions, ...typeDefinitions);
  master = await connectPostgres(serverAddress(postgres.url("master")), { role: "test" });
  copies = await connectMysql(serverAddress(database.url), { role: "test" });
});

afterAll(async () => {
  await copies.end();
  await endPostgres(master);
  await Promise.all([database[Symbol.asyncDispose](), postgres.destroy()]);
});

/** Columns of a table of the master, as a copy in MySQL has them. */
async function describeCopy(name: string, key: string): Promise<readonly ColumnMapping[]> {
  const [catalog] = await describeTables(master, [{ schema: "public", name }]);
  const plain = catalog!.columns.map((column) => ({
    source: column.name,
    target: column.name,
    sourceType: column.type,
    targetType: null,
    nullable: column.nullable,
    lossAccepted: false,
  }));
  return convertColumns(plain, [key], "mysql").columns;
}

function encode({ sourceType, targetType }: ColumnMapping, text: string): string | Buffer {
  return encoderOf(sourceType, { declaration: targetType! })(Buffer.from(text, "utf8"));
}

/** False when the value is refused, here or by the server. */
async function isWritten(sql: string, value: () => string | Buffer, ...others: string[]): Promise<boolean> {
  try {
    await copies.execute(sql, [...others, value()]);
    return true;
  } catch (error) {
    if (isDataError(error) || (error instanceof ReplicationError && error.code.startsWith("DB-ROW-"))) return false;
    throw error;
  }
}

describe("a value of PostgreSQL in the like type of MySQL", () => {
  test.each(Object.keys(typeSamples).map((type, index) => [type, `t_${index}`]))("%s", async (type, name) => {
    await master.query(`CREATE TABLE public.${name} (id int PRIMARY KEY, v ${type})`);
    for (const [index, value] of typeSamples[type]!.entries()) {
      await master.query(`INSERT INTO public.${name} VALUES (${index}, (${value})::${type})`);
    }
    const column = (await describeCopy(name, "id"))[1]!;
    await copies.execute(`CREATE TABLE ${name} (id int PRIMARY KEY, v ${column.targetType!})`);
    const { postgres: theirs, mysql: ours, same = (text: string) => text } = oracleOf(type);
    const { rows } = await master.query<{ id: string; v: string; expected: string }>(
      `SELECT id, v, ${theirs} AS expected FROM public.${name} ORDER BY id`,
    );
    const expected: [string, string][] = [];
    const away: number[] = [];
    for (const row of rows) {
      if (await isWritten(`INSERT INTO ${name} VALUES (?, ?)`, () => encode(column, row.v), row.id))
        expected.push([row.id, same(row.expected)]);
      else away.push(Number(row.id));
    }
    expect(away).toEqual(refused[type] ?? []);
    const held = await copies.query(`SELECT id, ${ours} AS held FROM ${name} ORDER BY id`);
    expect(held.map((row) => [row["id"], same(row["held"]!)])).toEqual(expected);
  });
});

// MySQL takes no more than some 190 columns of long texts: a column outside of its page leaves 40 bytes there, not 20.
describe.runIf(testedFlavour === "mariadb")("a table of many columns", () => {
  const types: Readonly<Record<string, ColumnType>> = {
    short: postgresType("varchar", "character varying(20)"),
    middle: postgresType("varchar", "character varying(100)"),
    padded: postgresType("bpchar", "character(63)"),
    wide: postgresType("bpchar", "character(255)"),
    text: postgresType("text"),
    uuid: postgresType("uuid"),
    label: postgresType("colour", "kinds.colour", { bare: "kinds.colour", kind: "enum", category: "enum" }),
    bigint: postgresType("int8"),
    numeric: postgresType("numeric"),
    moment: postgresType("timestamptz"),
    bytes: postgresType("bytea"),
  };
  const mixes: readonly (readonly [key: string, columns: Readonly<Record<string, number>>, tooLong: boolean])[] = [
    ["bigint", { short: 370 }, false],
    ["bigint", { short: 385 }, true],
    ["bigint", { short: 90, uuid: 4 }, false],
    ["bigint", { middle: 370 }, false],
    ["bigint", { padded: 100, wide: 100, label: 100 }, false],
    ["bigint", { text: 375 }, false],
    ["bigint", { text: 390 }, true],
    ["bigint", { bigint: 980 }, false],
    ["bigint", { bigint: 1010 }, true],
    ["bigint", { numeric: 260 }, false],
    ["bigint", { moment: 300, label: 120, bytes: 100, short: 20 }, false],
    ["text", { uuid: 60, label: 60, text: 60, numeric: 20 }, false],
    ["text", { text: 375 }, false],
    ["bigint", { short: 60, middle: 30, uuid: 10, label: 10, bigint: 40, moment: 20 }, false],
  ];

  test.each(mixes.map((mix, index) => [...mix, index] as const))(
    "keyed by %s with %j can be declared: too long %s",
    async (key, counts, tooLong, index) => {
      const plain = [
        ["id", types[key]!] as const,
        ...Object.entries(counts).flatMap(([name, count]) =>
          Array.from({ length: count }, (_, at) => [`${name}_${at}`, types[name]!] as const),
        ),
      ];
      const converted = convertColumns(
        plain.map(([name, sourceType]) => ({
          source: name,
          target: name,
          sourceType,
          targetType: null,
          nullable: name !== "id",
          lossAccepted: false,
        })),
        ["id"],
        "mysql",
      );
      const declared = converted.columns.map(({ target, targetType }) => `${target} ${targetType!}`).join(", ");
      const creation = copies.execute(`CREATE TABLE wide_${index} (${declared}, dongbo_batch bigint NOT NULL, PRIMARY KEY (id))`);
      expect(converted.tooLong).toBe(tooLong);
      if (tooLong) await expect(creation).rejects.toMatchObject({ code: "DB-MY-019" });
      else await creation;
    },
  );
});

describe("a key of PostgreSQL in the like type of MySQL", () => {
  /** No such value. */
  const unheld = new Set(["date", "timestamp", "timestamptz"]);

  test.each(Object.keys(keySamples).map((type, index) => [type, `k_${index}`]))("%s finds its row and no other", async (type, name) => {
    await master.query(`CREATE TABLE public.${name} (n int, v ${type} PRIMARY KEY)`);
    for (const [index, value] of keySamples[type]!.entries()) {
      // Some are equal in another writing.
      if (value !== "NULL") await master.query(`INSERT INTO public.${name} VALUES (${index}, (${value})::${type}) ON CONFLICT DO NOTHING`);
    }
    const column = (await describeCopy(name, "v"))[1]!;
    await copies.execute(`CREATE TABLE ${name} (n int, v ${column.targetType!} PRIMARY KEY)`);
    await copies.execute(`CREATE TABLE ${name}_sought LIKE ${name}`);
    const { rows } = await master.query<{ n: string; v: string }>(`SELECT n, v FROM public.${name} ORDER BY n`);
    const written: { n: string; v: string }[] = [];
    for (const row of rows) {
      if (await isWritten(`INSERT INTO ${name} VALUES (?, ?)`, () => encode(column, row.v), row.n)) written.push(row);
    }
    if (!unheld.has(type)) expect(written).toEqual(rows);
    for (const { n, v } of written) {
      await copies.execute(`DELETE FROM ${name}_sought`);
      await copies.execute(`INSERT INTO ${name}_sought VALUES (0, ?)`, [encode(column, v)]);
      const found = await copies.query(`SELECT t.n FROM ${name} AS t JOIN ${name}_sought AS s ON s.v = t.v`);
      expect(found).toEqual([{ n }]);
    }
  });
});
