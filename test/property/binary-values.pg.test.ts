// A value that is sent in binary is the one that the server reads from its text; what is not in plain form is left to the server.
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { arrayParameter, listedColumn } from "../../connectors/postgres/apply/array-parameter.ts";
import { binaryType } from "../../connectors/postgres/apply/binary-values.ts";
import { ByteWriter } from "../../connectors/postgres/apply/byte-writer.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { startServer, textClient } from "../support/cluster.ts";
import { runs, seed } from "../support/filter-samples.ts";

const between = (min: bigint, max: bigint, ...edges: bigint[]): fc.Arbitrary<string> =>
  fc.oneof(fc.constantFrom(0n, 1n, -1n, 9n, -10n, min, max, ...edges), fc.bigInt({ min, max })).map(String);
const digits = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom("0", "0", "0", "1", "2", "5", "9"), minLength, maxLength });

const numerics = fc.tuple(fc.constantFrom("", "-"), digits(1, 30), fc.option(digits(1, 30))).map(([sign, whole, fraction]) => {
  const text = `${whole.replace(/^0+(?=\d)/, "")}${fraction === null ? "" : `.${fraction}`}`;
  return /[1-9]/.test(text) ? `${sign}${text}` : text;
});
const msPerDay = 86_400_000;
const dates = fc
  .oneof(
    fc.constantFrom("0001-01-01", "9999-12-31", "1582-10-10", "1900-02-28", "1900-03-01", "2000-02-29", "1999-12-31", "2000-01-01"),
    fc.integer({ min: Date.parse("0001-01-01") / msPerDay, max: Date.parse("9999-12-31") / msPerDay }),
  )
  .map((day) => (typeof day === "string" ? day : new Date(day * msPerDay).toISOString().slice(0, 10)));
const two = (max: number): fc.Arbitrary<string> => fc.integer({ min: 0, max }).map((number) => String(number).padStart(2, "0"));
const timestamps = fc
  .tuple(dates, two(23), two(59), two(59), fc.option(digits(1, 6)))
  .map(([date, hour, minute, second, fraction]) => `${date} ${hour}:${minute}:${second}${`.${fraction ?? ""}`.replace(/\.?0*$/, "")}`);

/** Texts as servers print them, which have to go in binary. */
const plain: Readonly<Record<string, fc.Arbitrary<string>>> = {
  bool: fc.constantFrom("t", "f"),
  int2: between(-(2n ** 15n), 2n ** 15n - 1n),
  int4: between(1n - 2n ** 31n, 2n ** 31n - 1n),
  int8: between(
    1n - 10n ** 18n,
    10n ** 18n - 1n,
    2n ** 31n,
    -(2n ** 31n),
    2n ** 32n,
    -(2n ** 32n),
    2n ** 53n + 1n,
    10n ** 9n,
    -(10n ** 9n),
  ),
  numeric: numerics,
  date: dates,
  timestamp: timestamps,
  timestamptz: timestamps.map((text) => `${text}+00`),
  uuid: fc.uuid(),
};

/** What is nearly plain, or plain for another type, or what some type gives a meaning of its own. */
const strange = fc.oneof(
  fc.constantFrom(
    "",
    "-",
    "+1",
    "-0",
    "007",
    " 1",
    "1 ",
    "1e3",
    ".5",
    "5.",
    "-0.00",
    "1_000",
    "0x1F",
    "NaN",
    "Infinity",
    "infinity",
    "-infinity",
  ),
  fc.constantFrom(
    "32768",
    "-32769",
    "2147483648",
    "-2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "0000000001",
    "-0000000001",
  ),
  fc.constantFrom(
    "true",
    "T",
    "1",
    "0",
    "0000-00-00",
    "2023-02-29",
    "1900-02-29",
    "2026-13-01",
    "2026-1-01",
    "10000-01-01",
    "0044-03-15 BC",
  ),
  fc.constantFrom(
    "2026-01-02 24:00:00",
    "2026-01-02 03:04:60",
    "2026-01-02T03:04:05",
    "2026-01-02 03:04:05.1234567",
    "2026-01-02 03:04:05.",
  ),
  fc.constantFrom(
    "2026-01-02 03:04:05.500000",
    "2026-01-02 03:04:05+07",
    "2026-01-02 03:04:05+00:30",
    "2026-01-02 03:04:05 BC",
    "20260102",
  ),
  fc.constantFrom("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11"),
  fc.tuple(fc.oneof(...Object.values(plain)), fc.nat(40), fc.constantFrom("", "0", "9", "-", ".", " ", ":", "+", "e", "đ")).map(replaced),
  fc.oneof(...Object.values(plain)),
);

function replaced([text, at, letter]: [string, number, string]): string {
  const place = at % (text.length + 1);
  return text.slice(0, place) + letter + text.slice(place + (at % 2));
}

function sent(texts: readonly (string | null)[], name: string): { readonly type: string; readonly bytes: Buffer } {
  const type = binaryType(`pg_catalog.${name}`);
  const values = texts.map((text) => (text === null ? null : Buffer.from(text)));
  const parameter = arrayParameter(listedColumn(values), type);
  const writer = new ByteWriter();
  parameter.writeTo(writer);
  const bytes = Buffer.concat(writer.take());
  expect(bytes.length).toBe(parameter.byteLength);
  return { type: parameter.type, bytes };
}

const of = (numRuns: number): { seed: number; numRuns: number } => ({ seed, numRuns: runs(numRuns) });

describe.each([15, 18] as const)(`values in binary on PostgreSQL %i (DONGBO_SEED=${seed})`, (major) => {
  let server: EmbeddedPostgres;
  let client: pg.Client;

  beforeAll(async () => {
    server = await startServer(major, {});
    client = textClient(server.url());
    await client.connect();
  });

  afterAll(async () => {
    await client.end();
    await server.destroy();
  });

  /** What the server prints of the values sent, and of the values that it reads itself. */
  async function printed(bytes: Buffer, texts: readonly (string | null)[], name: string): Promise<Record<string, string | null>[]> {
    const sql = `SELECT b::text AS sent, t::${name}::text AS read FROM unnest($1::${name}[], $2::text[]) AS v(b, t)`;
    return (await client.query<Record<string, string | null>>(sql, [bytes, texts])).rows;
  }

  test.each(Object.keys(plain))("of type %s in plain form are sent so, and come out as they were", async (name) => {
    const values = fc.array(fc.option(plain[name] as fc.Arbitrary<string>, { freq: 20 }), { minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(values, async (texts) => {
        const { type, bytes } = sent(texts, name);
        expect(type).toBe(name);
        const came = await printed(bytes, texts, name);
        const expected = texts.map((text) => (name === "bool" && text !== null ? String(text === "t") : text));
        expect(came.map((row) => row["sent"])).toEqual(expected);
        expect(came.map((row) => row["read"])).toEqual(expected);
      }),
      of(40),
    );
  });

  test.each(Object.keys(plain))("of type %s that are sent so whatever they look like are what the server reads", async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.array(strange, { minLength: 100, maxLength: 400 }), async (texts) => {
        const taken = texts.filter((text) => sent([text], name).type === name);
        const { bytes } = sent(taken, name);
        for (const { sent: binary, read } of await printed(bytes, taken, name)) expect(binary).toBe(read);
      }),
      of(20),
    );
  });
});

describe("a column", () => {
  test("goes as text when one of its values is not in plain form", () => {
    expect(sent(["1", null, "2"], "int4").type).toBe("int4");
    expect(sent(["1", "2 ", "3"], "int4").type).toBe("text");
  });

  test("goes as text when its type has no binary form here, whatever it is called", () => {
    for (const name of ["pg_catalog.text", "pg_catalog.int4[]", "public.int4", 'public."pg_catalog.int4"', "pg_catalog.float8"]) {
      expect(binaryType(name)).toBeNull();
    }
    expect(binaryType('pg_catalog."numeric"')?.oid).toBe(1700);
    expect(binaryType('pg_catalog."timestamp"')?.oid).toBe(1114);
  });
});
