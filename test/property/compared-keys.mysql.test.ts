// A key's canonical parts find its row on both sides, bound ranges of the same rows where both servers order alike, and tell what the
// master's change stream calls the row.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sourceKey } from "../../engine/model/source-key.ts";
import type { KeyRange, RowDigest } from "../../engine/ports/compared-table.ts";
import { mysqlKeySamples } from "../e2e/type-samples-mysql.ts";
import { portableKeys } from "../e2e/type-samples-portable.ts";
import { keySamples, typeDefinitions } from "../e2e/type-samples.ts";
import { CompareLab, type CompareFamily } from "../support/compare-lab.ts";
import { bytewiseCollation, serverName } from "../support/mysql-server.ts";

const whole: KeyRange = { after: null, until: null };
const all = { groups: 1, wanted: [0] };
const names = { postgres: "PostgreSQL", mysql: serverName } as const;

let lab: CompareLab;
beforeAll(async () => {
  lab = await CompareLab.open(["postgres", "mysql"]);
  await lab.onMaster("postgres", ...typeDefinitions);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** Types and values as SQL that any copy takes, with what else such keys are. */
const morePostgres: readonly (readonly [type: string, values: readonly string[]])[] = [
  ["integer", ["0", "-1", "2147483647"]],
  ['text COLLATE "C"', ["''", "'a'", "'A'", "'a '", "'á'", "E'a\\\\b'", "'a''b'", "E'\\t'"]],
  ["uuid", ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000001'", "'ffffffff-0000-0000-0000-000000000001'"]],
  ["timestamp", ["'2026-01-02 03:04:05.5'", "'2026-01-02 03:04:05'", "'1999-12-31 23:59:59.999999'"]],
  ["timestamp(0)", ["'2026-01-02 03:04:05'", "'1999-12-31 23:59:59'"]],
  ["time", ["'23:59:59.999999'", "'00:00:00'", "'12:00:00.5'"]],
  ["bit(5)", ["B'00000'", "B'10101'", "B'11111'"]],
  ["numeric(12,0)", ["0", "-5", "999999999999"]],
];
const moreMysql: readonly (readonly [type: string, values: readonly string[]])[] = [
  ["int", ["0", "-1", "2147483647"]],
  ["int(6) unsigned zerofill", ["7", "1234567"]],
  [`varchar(40) collate ${bytewiseCollation}`, ["''", "'a'", "'A'", "'a '", "'á'", "'a\\\\b'", "'a''b'", "'\\t'"]],
  ["enum('b','a','it''s')", ["'a'", "'b'", "'it''s'"]],
  ["year", ["0", "1901", "2155"]],
  ["time(6)", ["'-838:59:59.999999'", "'00:00:00.5'", "'100:00:00'"]],
  ["datetime", ["'2026-01-02 03:04:05'", "'1000-01-01'"]],
  ["decimal(10,2) zerofill", ["1.5", "99999999.99", "0"]],
];

const keyed: Readonly<Record<`${CompareFamily} ${CompareFamily}`, readonly (readonly [type: string, values: readonly string[]])[]>> = {
  "postgres postgres": [...Object.entries(keySamples).map(([type, values]) => [type, values] as const), ...morePostgres],
  "postgres mysql": [...portableKeys.map(({ type, values }) => [type, values] as const), ...morePostgres],
  "mysql mysql": [...mysqlKeySamples.map(({ type, values }) => [type, values] as const), ...moreMysql],
  "mysql postgres": [...mysqlKeySamples.map(({ type, values }) => [type, values] as const), ...moreMysql],
};

const pairs: readonly (readonly [CompareFamily, CompareFamily])[] = [
  ["postgres", "postgres"],
  ["postgres", "mysql"],
  ["mysql", "postgres"],
  ["mysql", "mysql"],
];

let tables = 0;

describe.each(pairs)("a key from %s in %s", (from, to) => {
  test.each(keyed[`${from} ${to}`].map(([type, values]) => [type, values] as const))(
    `RC-01: %s finds its rows on both sides, ${names[from]} to ${names[to]}`,
    async (type, values) => {
      const name = `keys_${(tables += 1)}`;
      const rows = values.filter((value) => value !== "NULL");
      // Some are equal in another writing, others under a coarse collation.
      const ignore = from === "postgres" ? ["INSERT INTO", "ON CONFLICT DO NOTHING"] : ["INSERT IGNORE INTO", ""];
      await lab.onMaster(
        from,
        `CREATE TABLE ${name} (k ${type} NOT NULL, n int NOT NULL, note varchar(9), PRIMARY KEY (k, n))`,
        ...rows.flatMap((value) =>
          [1, 2].map((n) => `${ignore[0]} ${name} VALUES (${from === "postgres" ? `(${value})::${type}` : value}, ${n}, 'x') ${ignore[1]}`),
        ),
      );
      const pair = await lab.pair(from, to, name);
      const { copied, master, copy, mapping } = pair;
      const text = (row: RowDigest): string => JSON.stringify(row.key);
      const listed = (await master.list(whole, all)).answer;
      if (copied.skipped.some(({ column }) => column === "k")) throw new Error(`${type} is skipped: ${copied.skipped[0]!.why}`);
      expect(listed.length).toBeGreaterThan(1);
      expect(new Map((await copy.list(whole, all)).answer.map((row) => [text(row), row.digest]))).toEqual(
        new Map(listed.map((row) => [text(row), row.digest])),
      );
      // What the stream calls these rows.
      const called = (await lab.sourceKeys(mapping)).map(String).toSorted();
      expect(listed.map(({ key }) => String(sourceKey(copied, key))).toSorted()).toEqual(called);
      for (const side of [master, copy]) {
        for (const { key, digest } of listed) {
          expect((await side.find([key])).answer).toMatchObject([{ key, digest }]);
          expect(await side.values([key], copied.columns.length - 1)).toEqual([{ key, value: "x" }]);
        }
      }
      // The walk over borders meets every key once, in the server's own order.
      const walked: (readonly string[])[] = [];
      let border: readonly string[] | null = null;
      while ((border = await master.border({ after: border, until: null }, 1)) !== null) walked.push(border);
      expect(walked.map(String).toSorted()).toEqual(listed.map(({ key }) => String(key)).toSorted());
      const [theirs, ours] = [await master.keyOrder(), await copy.keyOrder()];
      if (theirs !== null && theirs === ours) {
        for (const [index, after] of walked.entries()) {
          for (const range of [
            { after, until: null },
            { after: null, until: after },
            { after, until: walked[index + 2] ?? null },
          ]) {
            const expected = walked.filter(
              (_, at) =>
                (range.after === null || at > index) && (range.after !== null ? range.until === null || at <= index + 2 : at <= index),
            );
            for (const side of [master, copy])
              expect((await side.list(range, all)).answer.map(text).toSorted()).toEqual(
                expected.map((key) => JSON.stringify(key)).toSorted(),
              );
          }
        }
      }
      await pair.close();
    },
  );
});
