// Rows that come in binary are the rows that the server prints, and the same rows again once another server has taken them in binary.
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CopyIn } from "../../connectors/postgres/apply/copy-in.ts";
import { BinaryRows } from "../../connectors/postgres/binary-rows.ts";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { quoteIdentifier, quoteLiteral } from "../../connectors/postgres/quote.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { startServer } from "../support/cluster.ts";
import { runs, seed } from "../support/filter-samples.ts";
import { serverAddress } from "../support/server-address.ts";
import { typeSamples } from "../e2e/type-samples.ts";

const between = (min: bigint, max: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(fc.constantFrom(0n, 1n, -1n, 9n, -10n, min, max), fc.bigInt({ min, max }));
const integers = (bits: bigint): fc.Arbitrary<string> => between(-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n).map((value) => `'${value}'`);
const digits = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom("0", "0", "0", "1", "2", "5", "9"), minLength: 1, maxLength });
const numerics = (whole: number, fraction: number): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 9,
      arbitrary: fc.tuple(fc.constantFrom("", "-"), digits(whole), digits(fraction)).map(([sign, a, b]) => `'${sign}${a}.${b}'`),
    },
    { weight: 1, arbitrary: fc.constantFrom("'NaN'", "'0'", "'-0.00'") },
  );

/** Any bits, whole numbers of which many are, and what lies where one rule gives way to another. */
const doubles = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => new Float64Array(BigUint64Array.of(bits).buffer)[0] as number),
    fc.tuple(fc.integer({ min: -(2 ** 53), max: 2 ** 53 }), fc.integer({ min: -60, max: 60 })).map(([steps, power]) => steps * 2 ** power),
    fc.tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: -330, max: 308 })).map(([number, power]) => Number(`${number}e${power}`)),
    fc.integer({ min: -1074, max: 1023 }).map((power) => 2 ** power),
    fc.constantFrom(
      0,
      -0,
      NaN,
      Infinity,
      -Infinity,
      1e23,
      5e-324,
      2 ** 51 + 0.25,
      2 ** 51 + 0.75,
      2 ** 53 + 2,
      1e15,
      999_999_999_999_999.9,
    ),
    fc.constantFrom(0.0001, 0.000_099_999, 2 ** 54 + 4, 2.225_073_858_507_201_4e-308, 1.797_693_134_862_315_7e308),
  )
  .map((value) => `'${Object.is(value, -0) ? "-0" : value}'`);
const singles = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((bits) => new Float32Array(Uint32Array.of(Number(bits)).buffer)[0] as number),
    fc.tuple(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), fc.integer({ min: -30, max: 60 })).map(([steps, power]) => steps * 2 ** power),
    fc.integer({ min: -149, max: 127 }).map((power) => 2 ** power),
    fc.constantFrom(-0, NaN, Infinity, 33_554_448, 33_554_452, 2 ** 21 + 0.25, 2 ** 21 + 0.75, 1e6, 999_999.9, 1.4e-45, 3.402_823_5e38),
  )
  .map((value) => `'${Object.is(value, -0) ? "-0" : Math.fround(value)}'`);

/** Days and microseconds since 2000-01-01 at the ends of what servers hold; 294277-01-01 and 5874898-01-01 are behind the last. */
const firstDay = -2_451_545n;
const lastDay = 2_147_483_493n - 2_451_545n;
const firstMicro = -211_813_488_000_000_000n;
const lastMicro = 9_223_371_331_199_999_999n;
const near: fc.Arbitrary<bigint> = fc.bigInt({ min: -800_000n, max: 3_000_000n });
const days = fc.oneof(between(firstDay, lastDay), near);
const micros = fc.oneof(
  between(firstMicro, lastMicro),
  fc.tuple(near, between(0n, 86_399_999_999n)).map(([day, time]) => day * 86_400_000_000n + time),
  near.map((day) => day * 86_400_000_000n),
);
const infinite = fc.constantFrom("'infinity'", "'-infinity'");
const dates = fc.oneof(
  infinite,
  days.map((day) => `date '2000-01-01' + ${day < 0n ? `(${day})` : day}`),
);
const timestamps = instants("timestamp", micros);
/** Not to be rounded up to what no server holds. */
const wholeSeconds = micros.map((micro) => micro - (micro % 1_000_000n));
const times = fc.oneof(
  fc.constantFrom("'24:00:00'", "'00:00:00'", "'23:59:59.999999'"),
  between(0n, 86_399_999_999n).map((micro) => `time '00:00' + interval '${micro} microseconds'`),
);

function instants(type: string, since: fc.Arbitrary<bigint>): fc.Arbitrary<string> {
  return fc.oneof(
    infinite,
    since.map((micro) => `${type} '2000-01-01 00:00:00+00' + interval '${micro} microseconds'`),
  );
}

const letters = fc.oneof(
  fc.constantFrom("\\", "\t", "\n", "\r", "\b", "\f", "\v", "\\N", "\\.", '"', "'", " ", "\u{feff}", "ễ", "😀", "\u{10ffff}", "\u{1}", "N"),
  fc.string({ unit: "binary", maxLength: 2 }),
);
const texts = (lengthMax: number): fc.Arbitrary<string> =>
  fc.array(letters, { maxLength: lengthMax }).map((parts) => {
    const whole = Array.from(parts.join("").replaceAll("\0", ""));
    return quoteLiteral(whole.slice(0, lengthMax).join(""));
  });
const jsons = fc.jsonValue().map((value) => quoteLiteral(JSON.stringify(value).replaceAll("\\u0000", "")));

/** Types that go in binary → values as SQL expressions. */
const binary: Readonly<Record<string, fc.Arbitrary<string>>> = {
  boolean: fc.constantFrom("true", "false"),
  smallint: integers(16n),
  integer: integers(32n),
  bigint: integers(64n),
  "numeric(40,12)": numerics(28, 15),
  "numeric(7)": numerics(7, 3).filter((text) => !/^'-?9{7}/.test(text)),
  "numeric(100,60)": numerics(40, 70).filter((text) => !/^'-?9{40}/.test(text)),
  "numeric(3,-2)": numerics(4, 2),
  "numeric(2,6)": fc.constantFrom("'0.000012'", "'-0.000099'", "'0'", "'NaN'"),
  "numeric(2,99)": fc.constantFrom("'1.2e-98'", "'-9.9e-98'", "'0'", "'NaN'"),
  real: singles,
  "double precision": doubles,
  date: dates,
  time: times,
  "time(2)": times,
  timestamp: timestamps,
  "timestamp(3)": instants("timestamp", fc.oneof(wholeSeconds, near)),
  timestamptz: instants("timestamptz", micros),
  "timestamptz(0)": instants("timestamptz", wholeSeconds),
  uuid: fc.uuid().map(quoteLiteral),
  text: texts(40),
  varchar: texts(40),
  "varchar(12)": texts(12),
  "character(6)": texts(6),
  character: texts(1),
  'text COLLATE "C"': texts(10),
  bytea: fc.uint8Array({ maxLength: 300 }).map((bytes) => `'\\x${Buffer.from(bytes).toString("hex")}'`),
  json: jsons,
  jsonb: jsons,
};
const declarations = Object.keys(binary);
const names = declarations.map((_, index) => `c${index}`);
const columns = ["id", ...names];

const rows = fc.array(fc.tuple(...declarations.map((type) => fc.option(binary[type] as fc.Arbitrary<string>, { freq: 8 }))), {
  minLength: 1,
  maxLength: 40,
});

/** Types of which no value may ever come in binary. */
const never = [
  "numeric",
  "numeric(1000,800)",
  "numeric(101)",
  "numeric(50,-51)",
  "numeric(2,100)",
  "timetz",
  "interval",
  "money",
  "oid",
  "name",
  '"char"',
  "inet",
  "bit(3)",
  "xml",
  "integer[]",
  "int4range",
  "kind",
  "short",
  "pair",
];

describe.each([
  [15, 18],
  [18, 15],
] as const)(`rows in binary from PostgreSQL %i to %i (DONGBO_SEED=${seed})`, (major, targetMajor) => {
  let source: EmbeddedPostgres;
  let target: EmbeddedPostgres;
  let master: pg.Client;
  let copy: pg.Client;
  let snapshot: PostgresSnapshot;
  let copied: PostgresSnapshot;

  beforeAll(async () => {
    [source, target] = await Promise.all([startServer(major, {}), startServer(targetMajor, {})]);
    master = await connectPostgres(serverAddress(source.url()), { role: "test", settings: { search_path: "public" } });
    copy = await connectPostgres(serverAddress(target.url()), { role: "test", settings: { search_path: "public" } });
    snapshot = new PostgresSnapshot({ address: serverAddress(source.url()), connections: 1, publication: null });
    copied = new PostgresSnapshot({ address: serverAddress(target.url()), connections: 1, publication: null });
    const list = declarations.map((type, index) => `c${index} ${type}`).join(", ");
    await master.query(`CREATE TABLE every (id int PRIMARY KEY, ${list})`);
    await copy.query(`CREATE TABLE every (id int PRIMARY KEY, ${list}, batch int8)`);
  });
  afterAll(async () => {
    await snapshot?.close();
    await copied?.close();
    await master?.end();
    await copy?.end();
    await Promise.all([source?.destroy(), target?.destroy()]);
  });

  async function read(from: PostgresSnapshot, wanted: { name: string; columns: readonly string[]; nativeForm: boolean }) {
    const [table] = await from.describe([{ schema: "public", name: wanted.name }]);
    if (table === undefined) throw new Error("no such table");
    const request = { table, key: ["id"], filter: null, after: null, until: null, rowsMax: 1e6, bytesMax: 1e9, ...wanted };
    return from.readChunk(request, new AbortController().signal);
  }

  async function sameEverywhere(): Promise<void> {
    const whole = { name: "every", columns };
    const inBinary = await read(snapshot, { ...whole, nativeForm: true });
    const asText = await read(snapshot, { ...whole, nativeForm: false });
    const printed = [...asText.rows];
    if (!(inBinary.rows instanceof BinaryRows)) throw new Error("the rows came as text");
    expect(shown([...inBinary.rows])).toEqual(shown(printed));
    expect(inBinary.rows.length).toBe(printed.length);
    expect(shown([inBinary.rows.last() ?? []])).toEqual(shown(printed.slice(-1)));
    expect(inBinary).toMatchObject({ lastKey: asText.lastKey, complete: true });
    await copy.query("TRUNCATE every");
    const sql = `COPY every (${columns.map(quoteIdentifier).join(", ")}, batch) FROM STDIN (FORMAT binary)`;
    expect(await copy.query(new CopyIn(sql, inBinary.rows.withColumn(2 ** 53 - 1))).done).toBe(printed.length);
    const there = await read(copied, { name: "every", columns: [...columns, "batch"], nativeForm: false });
    expect(shown([...there.rows])).toEqual(shown(printed).map((row) => [...row, String(2 ** 53 - 1)]));
    // Gone through twice, they are still the same.
    expect(shown([...inBinary.rows])).toEqual(shown(printed));
  }

  test("are what the server prints, and arrive as they are", async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (values) => {
        await fill(values);
        await sameEverywhere();
      }),
      { seed, numRuns: runs(60) },
    );
  });

  test("hold the values that replicators distort", async () => {
    const sampled = declarations.map((type) => typeSamples[type] ?? []);
    const count = Math.max(...sampled.map((values) => values.length));
    expect(count).toBeGreaterThan(5);
    await fill(Array.from({ length: count }, (_, index) => sampled.map((values) => values[index] ?? null)));
    await sameEverywhere();
  });

  test("are in UTF-8, whatever the encoding of the source", async () => {
    await master.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    const latin = await connectPostgres(serverAddress(source.url("latin")), { role: "test" });
    const reader = new PostgresSnapshot({ address: serverAddress(source.url("latin")), connections: 1, publication: null });
    try {
      await latin.query(`CREATE TABLE public.words (id int PRIMARY KEY, a text, b varchar(3), c char(3), d json, e jsonb);
        INSERT INTO public.words VALUES (1, 'Là é', 'àéî', 'ú', '"à"', '{"é": "î"}')`);
      const { rows: found } = await read(reader, { name: "words", columns: ["id", "a", "b", "c", "d", "e"], nativeForm: true });
      expect(Array.from(found, (row) => row.map(String))).toEqual([["1", "Là é", "àéî", "ú  ", '"à"', '{"é": "î"}']]);
      expect(found).toBeInstanceOf(BinaryRows);
    } finally {
      await reader.close();
      await latin.end();
    }
  });

  test("may be none at all", async () => {
    await fill([]);
    const none = await read(snapshot, { name: "every", columns, nativeForm: true });
    expect(none).toMatchObject({ lastKey: null, complete: true });
    expect([...none.rows]).toEqual([]);
    expect(none.rows).toBeInstanceOf(BinaryRows);
  });

  test("are not for tables with a type that no closed list holds", async () => {
    await master.query("CREATE TYPE kind AS ENUM ('a'); CREATE DOMAIN short AS varchar(3); CREATE TYPE pair AS (a int, b int)");
    for (const [index, type] of never.entries()) {
      const name = `never_${index}`;
      await master.query(`CREATE TABLE ${name} (id int PRIMARY KEY, v ${type}); INSERT INTO ${name} VALUES (1, NULL)`);
      const without = await read(snapshot, { name, columns: ["id"], nativeForm: true });
      const { rows: found } = await read(snapshot, { name, columns: ["id", "v"], nativeForm: true });
      expect([without.rows instanceof BinaryRows, found instanceof BinaryRows, [...found].length], type).toEqual([true, false, 1]);
    }
  });

  async function fill(values: readonly (readonly (string | null)[])[]): Promise<void> {
    await master.query("TRUNCATE every");
    if (values.length === 0) return;
    const cast = (value: string | null, column: number): string =>
      value === null ? "NULL" : `(${value})::${declarations[column]?.split(" COLLATE")[0] ?? ""}`;
    const list = values.map((row, id) => `(${[id, ...row.map(cast)].join(", ")})`);
    await master.query(`INSERT INTO every VALUES ${list.join(", ")}`);
  }
});

function shown(list: readonly (readonly unknown[])[]): (string | null)[][] {
  return list.map((row) => row.map((value) => (value instanceof Buffer ? value.toString("latin1") : null)));
}
