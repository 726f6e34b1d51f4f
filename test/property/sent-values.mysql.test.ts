// What a topic tells of a row is digested as the copy's server digests what it holds: values are given in the text form in which a topic
// tells them, which is the one that the master's own snapshot tells (row.ts).
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Row } from "../../engine/model/row.ts";
import { comparedCopy } from "../../mappings/compared-columns.ts";
import { sentCopy, SentRows } from "../../mappings/sent-columns.ts";
import { portableSamples } from "../e2e/type-samples-portable.ts";
import { typeDefinitions, typeExtensions, typeSamples } from "../e2e/type-samples.ts";
import { CompareLab, type CompareFamily } from "../support/compare-lab.ts";
import { runs, seed } from "../support/filter-samples.ts";
import { serverName } from "../support/mysql-server.ts";
import { postgresValues } from "../support/random-values.ts";
import { streamedTable } from "../support/table-builders.ts";

let lab: CompareLab;
beforeAll(async () => {
  lab = await CompareLab.open(["postgres", "mysql"]);
  await lab.onMaster("postgres", ...typeExtensions, ...typeDefinitions);
  for (const extension of ["hstore", "citext", "ltree"]) await lab.onCopy("postgres", `CREATE EXTENSION ${extension} SCHEMA public`);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

let tables = 0;

/** Compares what was sent with what is in the copy, row by row and column by column; gives the columns that were not compared. */
async function expectToldAlike(to: CompareFamily, types: readonly string[], rows: readonly (readonly string[])[]): Promise<string[]> {
  const name = `sent_${(tables += 1)}`;
  const columns = types.map((type, index) => `c${index} ${type}`);
  const valuesOf = (row: readonly string[]): string[] => row.map((value, at) => (value === "NULL" ? value : `(${value})::${types[at]!}`));
  const inserts = rows.map((row, index) => `INSERT INTO ${name} VALUES (${index}, ${valuesOf(row).join(", ")})`);
  await lab.onMaster("postgres", `CREATE TABLE ${name} (id int PRIMARY KEY, ${columns.join(", ")})`, ...inserts);
  const pair = await lab.pair("postgres", to, name);
  const copied = sentCopy(comparedCopy(pair.mapping, to), to);
  const copy = lab.copyTable(to, copied, pair.writer.subscription);
  const sent = new SentRows(copied);
  const streamed = streamedTable(pair.mapping.catalog, {
    columns: pair.mapping.columns.map(({ source, sourceType }) => ({
      name: source,
      typeIdentity: sourceType.identity,
      inIdentity: source === "id",
    })),
  });
  const listed = new Map(
    (await copy.list({ after: null, until: null }, { groups: 1, wanted: [0] })).answer.map(({ key, digest }) => [key[0], digest]),
  );
  const digests = new Map((await copy.columns([...listed.keys()].map((id) => [id ?? ""]))).answer.map((row) => [row.key[0], row.digests]));
  const told: Row[] = [];
  for await (const chunk of lab.chunks(pair.mapping)) told.push(...chunk);
  expect(told.length).toBe(rows.length);
  for (const image of told) {
    const row = sent.keep(streamed, image);
    const [id] = sent.key(row)!;
    expect(sent.columnDigests(row).map((digest, at) => [copied.columns[at]!.source, digest])).toEqual(
      digests.get(id)!.map((digest, at) => [copied.columns[at]!.source, digest]),
    );
    expect(sent.digest(row)).toBe(listed.get(id));
  }
  await Promise.all([copy.close(), pair.close()]);
  return copied.skipped.map(({ column }) => types[Number(column.slice(1))]!);
}

const samples: Readonly<Record<CompareFamily, Readonly<Record<string, readonly string[]>>>> = {
  postgres: typeSamples,
  mysql: Object.fromEntries(Object.entries(portableSamples).map(([type, list]) => [type, list.map(({ value }) => value)])),
};
const names = { postgres: "PostgreSQL", mysql: serverName } as const;

describe.each(["postgres", "mysql"] as const)("what was sent to %s", (to) => {
  test(`RC-01: every type of the catalogue is told alike or named as not compared, ${names[to]}`, async () => {
    const types = Object.keys(samples[to]);
    const most = Math.max(...types.map((type) => samples[to][type]!.length));
    const rows = Array.from({ length: most + 1 }, (_, index) =>
      types.map((type) => samples[to][type]![index % (samples[to][type]!.length + 1)] ?? "NULL"),
    );
    const skipped = await expectToldAlike(to, types, rows);
    for (const type of ["integer", "bigint", "text", "boolean", "date", "timestamptz", "bytea", "uuid"])
      expect(skipped).not.toContain(type);
  });

  test(`RC-01: random values are told alike, ${names[to]} (DONGBO_SEED=${seed})`, async () => {
    const types = Object.keys(postgresValues);
    const row = fc.tuple(
      ...types.map((type) => fc.oneof({ weight: 6, arbitrary: postgresValues[type]! }, { weight: 1, arbitrary: fc.constant("NULL") })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 3, maxLength: 30 }), async (rows) => {
        await expectToldAlike(to, types, rows);
      }),
      { seed, numRuns: runs(3), endOnFailure: true },
    );
  });
});
