import fc from "fast-check";
import { expect, test } from "vitest";
import type { Predicate } from "../../engine/model/predicate.ts";
import { ABSENT, UNCHANGED, type ColumnValue, type Row } from "../../engine/model/row.ts";
import { daysFromCivil, readMoment } from "../../mappings/date-text.ts";
import { compareDecimals, decimalKey, decimalParts, scanDecimal, type DecimalParts } from "../../mappings/decimal-text.ts";
import { FilterIndex } from "../../mappings/filter-index.ts";
import { compileFilter, UNKNOWN } from "../../mappings/row-filter.ts";
import { filters, runs, seed, type SampleColumn } from "../support/filter-samples.ts";
import { column } from "../support/table-builders.ts";

// Few values a column, so that filters overlap and rows meet them.
const samples: readonly SampleColumn[] = [
  { name: "home", declaration: "text", values: fc.constantFrom("01", "48", "79", "Huế"), ordered: true, prefixes: true },
  { name: "work", declaration: "text", values: fc.constantFrom("01", "48", "79"), prefixes: true },
  { name: "code", declaration: "char(4)", values: fc.constantFrom("a", "a  ", "ab"), prefixes: true },
  { name: "amount", declaration: "numeric", values: fc.constantFrom("1", "1.0", "2", "NaN"), ordered: true },
  { name: "born", declaration: "date", values: fc.constantFrom("2000-01-01", "0001-01-01 BC", "infinity"), ordered: true },
];
const categories = ["text", "text", "padded", "decimal", "date"] as const;
const columns = samples.map((sample, index) => column(sample.name, categories[index] ?? "other"));
const predicates = filters(samples, new Map(samples.map((sample) => [sample.name, fc.sample(sample.values, { seed, numRuns: 6 })])));

const value = (sample: SampleColumn): fc.Arbitrary<ColumnValue> =>
  fc.option(
    sample.values.map((text) => Buffer.from(text)),
    { freq: 5 },
  );
const fullRow: fc.Arbitrary<Row> = fc.tuple(...samples.map(value)).map((values) => [...values]);
/** Bytes that are no value of their type, and columns that were not sent. */
const strange = fc.constantFrom<ColumnValue>(ABSENT, UNCHANGED, ABSENT, UNCHANGED, Buffer.from("?"));
const anyRow: fc.Arbitrary<Row> = fc
  .tuple(...samples.map((sample) => fc.oneof(value(sample), value(sample), strange)))
  .map((values) => [...values]);

/** Filters as shares have them: one column's values, alone or beside other conditions. */
const province: fc.Arbitrary<Predicate> = fc.oneof(
  fc.record({ op: fc.constant("eq" as const), column: fc.constantFrom("home", "work"), value: fc.constantFrom("01", "48", "79") }),
  fc.record({ op: fc.constant("in" as const), column: fc.constant("home"), values: fc.subarray(["01", "48", "79", "Huế"]) }),
);
const shareLike: fc.Arbitrary<Predicate> = fc.oneof(
  province,
  fc.record({ op: fc.constant("all" as const), of: fc.tuple(province, predicates) }),
  fc.record({ op: fc.constant("any" as const), of: fc.array(province, { maxLength: 3 }) }),
);

test("an index of many filters gives each the verdict that it gives alone", () => {
  const subscriptions = fc.array(fc.option(fc.oneof(predicates, shareLike, shareLike), { freq: 8 }), { maxLength: 20 });
  const changes = fc.array(fc.nat(19), { maxLength: 5 });
  fc.assert(
    fc.property(subscriptions, changes, fc.array(anyRow, { maxLength: 8 }), (entries, removals, rows) => {
      const index = new FilterIndex<number>(columns);
      for (const [entry, predicate] of entries.entries()) index.add(entry, predicate);
      const gone = new Set(removals.filter((entry) => index.remove(entry)));
      for (const row of rows) {
        const expected = new Map<number, unknown>();
        for (const [entry, predicate] of entries.entries()) {
          const verdict = compileFilter(predicate, columns).evaluate(row);
          if (!gone.has(entry) && (verdict === true || verdict === UNKNOWN)) expected.set(entry, verdict);
        }
        const visited: [number, unknown][] = [];
        index.matches(row, (entry, verdict) => visited.push([entry, verdict]));
        expect(visited.toSorted(([a], [b]) => a - b)).toEqual([...expected]);
      }
    }),
    { seed, numRuns: runs(500) },
  );
});

test("a verdict given without some columns holds whatever these columns are", () => {
  let decided = 0;
  fc.assert(
    fc.property(predicates, fullRow, fc.array(fc.nat(samples.length - 1), { minLength: 1, maxLength: 3 }), (predicate, row, missing) => {
      const filter = compileFilter(predicate, columns);
      const image = row.map((known, index) => (missing.includes(index) ? UNCHANGED : known));
      const verdict = filter.evaluate(image);
      if (verdict === UNKNOWN) return;
      decided += 1;
      expect(filter.evaluate(row) === true).toBe(verdict === true);
    }),
    { seed, numRuns: runs(3000) },
  );
  expect(decided).toBeGreaterThan(0);
});

const scale = 12;

/** Digits with a point before the last `places`, and zeros that mean nothing. */
const written = ([digits, places, zeros, lead]: readonly [bigint, number, number, string]): string => {
  const magnitude = (digits < 0n ? -digits : digits).toString().padStart(places + 1, "0");
  const split = magnitude.length - places;
  const fraction = `${magnitude.slice(split)}${"0".repeat(zeros)}`;
  const sign = digits < 0n ? "-" : lead === "+" ? "+" : "";
  return `${sign}${lead === "00" ? lead : ""}${magnitude.slice(0, split)}${fraction === "" ? "" : `.${fraction}`}`;
};
const scanned = (text: string): DecimalParts => {
  const parts = decimalParts();
  expect(scanDecimal(Buffer.from(text), parts)).toBe(true);
  return parts;
};
test("decimals compare as the integers they are at a common scale", () => {
  const number = fc.tuple(fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n }), fc.nat(scale), fc.nat(3), fc.constantFrom("", "+", "00"));
  fc.assert(
    fc.property(number, number, (a, b) => {
      const [left, right] = [scanned(written(a)), scanned(written(b))];
      const [exactLeft, exactRight] = [a, b].map(([digits, places]) => digits * 10n ** BigInt(scale - places)) as [bigint, bigint];
      const order = exactLeft < exactRight ? -1 : exactLeft > exactRight ? 1 : 0;
      expect(Math.sign(compareDecimals(left, right)) + 0).toBe(order);
      expect(decimalKey(left) === decimalKey(right)).toBe(order === 0);
    }),
    { seed, numRuns: runs(2000) },
  );
});

test("days are counted as the calendar of the language does, over its whole range", () => {
  const moment = { day: 0, micros: 0 };
  fc.assert(
    fc.property(fc.date({ min: new Date(-8.64e15), max: new Date(8.64e15), noInvalidDate: true }), (date) => {
      const day = Math.floor(date.getTime() / 86_400_000);
      const year = date.getUTCFullYear();
      expect(daysFromCivil(year, date.getUTCMonth() + 1, date.getUTCDate())).toBe(day);
      const [, rest] = /^(?:[+-]\d\d)?\d{4}-(.*)T/.exec(date.toISOString()) ?? [];
      const text = `${String(year > 0 ? year : 1 - year).padStart(4, "0")}-${rest} ${date.toISOString().slice(-13, -1)}${year > 0 ? "" : " BC"}`;
      expect(readMoment(Buffer.from(text), moment)).toBe(true);
      expect(moment).toEqual({ day, micros: (date.getTime() - day * 86_400_000) * 1000 });
    }),
    { seed, numRuns: runs(2000) },
  );
});
