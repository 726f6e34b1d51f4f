import { expect, test } from "vitest";
import { parseDuration } from "../../../engine/config/duration.ts";
import { parseInstant } from "../../../engine/config/instant.ts";
import { parseListenAddress } from "../../../engine/config/listen-address.ts";
import { parseTableName, parseTypeDeclaration } from "../../../engine/config/names.ts";
import type { Reading } from "../../../engine/config/reading.ts";
import { parseSize } from "../../../engine/config/size.ts";
import { sourceObjectName } from "../../../engine/config/source-names.ts";
import { chooseAmong, closest } from "../../../engine/config/suggestion.ts";

/** The value, or the code of what is wrong with it. */
function outcome<T>(reading: Reading<T>): T | string {
  return reading.ok ? reading.value : reading.problem.code;
}

test.each([
  ["PT24H", 86_400],
  ["P1D", 86_400],
  ["PT90S", 90],
  ["PT0.5S", 0.5],
  ["PT1M", 60],
  ["P1M", 30 * 86_400],
  ["P2W", 14 * 86_400],
  ["P1Y", 365 * 86_400],
  ["P1Y2M3DT4H5M6S", 36_993_906],
  ["PT0S", 0],
  ["P200Y", 200 * 365 * 86_400],
])("the duration %s is %d seconds", (text, seconds) => {
  expect(outcome(parseDuration(text))).toBe(seconds);
});

test.each([
  "",
  "P",
  "PT",
  "P1",
  "24H",
  "PT24",
  "P1H",
  "PT1D",
  "-PT1S",
  "PT-1S",
  "pt1s",
  "P1.5D",
  "PT1.0001S",
  "P1M1Y",
  " PT1S",
  "P201Y",
  "P99999999999999Y",
  `P${"1".repeat(70)}D`,
])("%j is no duration", (text) => {
  expect(outcome(parseDuration(text))).toBe("DB-CFG-030");
});

test.each([
  ["1B", 1],
  ["512kB", 524_288],
  ["512MB", 536_870_912],
  ["8GB", 8_589_934_592],
  ["8 GB", 8_589_934_592],
  ["1.5GiB", 1_610_612_736],
  ["1TB", 1_099_511_627_776],
])("the size %s is %d bytes, counted as PostgreSQL counts", (text, bytes) => {
  expect(outcome(parseSize(text))).toBe(bytes);
});

test.each(["", "8", "GB", "8gb", "8 G B", "-1GB", "0MB", "0.1B", "1e3MB", "999999999999999TB", "8PB"])("%j is no size", (text) => {
  expect(outcome(parseSize(text))).toBe("DB-CFG-031");
});

test.each([
  ["2026-01-01", "2025-12-31T17:00:00.000Z"],
  ["2024-02-29", "2024-02-28T17:00:00.000Z"],
  ["2026-01-01T08:30", "2026-01-01T01:30:00.000Z"],
  ["2026-01-01 08:30:15", "2026-01-01T01:30:15.000Z"],
  ["2026-01-01T08:30:15.250Z", "2026-01-01T08:30:15.250Z"],
  ["2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.000Z"],
  ["2026-01-01T00:00:00-05:00", "2026-01-01T05:00:00.000Z"],
])("the date %s is %s: without a zone it is Vietnam's", (text, instant) => {
  const value = outcome(parseInstant(text));
  expect(value instanceof Date ? value.toISOString() : value).toBe(instant);
});

test.each([
  "",
  "2026",
  "2026-1-1",
  "01/01/2026",
  "2026-02-30",
  "2025-02-29",
  "2026-13-01",
  "0000-01-01",
  "2026-01-01T25:00",
  "2026-01-01T24:00",
  "2026-01-01T08:60",
  "2026-01-01T08",
  "2026-01-01T08:00+7",
  "2026-01-01T08:00+99:00",
  "20260101",
  "2026-01-01Z",
])("%j is no date", (text) => {
  expect(outcome(parseInstant(text))).toBe("DB-CFG-032");
});

test.each([
  ["127.0.0.1:9464", { host: "127.0.0.1", port: 9464 }],
  ["[::1]:0", { host: "::1", port: 0 }],
  ["db-1.example.vn:65535", { host: "db-1.example.vn", port: 65_535 }],
  ["off", null],
  ["9464", "DB-CFG-033"],
  [":9464", "DB-CFG-033"],
  ["::1:9464", "DB-CFG-033"],
  ["[1.2.3.4]:1", "DB-CFG-033"],
  ["h:65536", "DB-CFG-033"],
  ["h:-1", "DB-CFG-033"],
])("the listening address %j is %j", (text, expected) => {
  expect(outcome(parseListenAddress(text))).toEqual(expected);
});

test.each([
  ["public.citizen", { schema: "public", name: "citizen" }],
  ["Dân cư.Công dân", { schema: "Dân cư", name: "Công dân" }],
  ["a.b.c", { schema: "a", name: "b.c" }],
  [["a.b", "c"], { schema: "a.b", name: "c" }],
  ['public."citizen"', { schema: "public", name: '"citizen"' }],
  [`s.${"ệ".repeat(21)}`, { schema: "s", name: "ệ".repeat(21) }],
  ["citizen", "DB-CFG-040"],
  [["citizen"], "DB-CFG-040"],
  [["a", "b", "c"], "DB-CFG-040"],
  ["", "DB-CFG-040"],
  [".b", "DB-CFG-041"],
  ["a.", "DB-CFG-041"],
  ["a.b\0", "DB-CFG-041"],
  [`s.${"ệ".repeat(22)}`, "DB-CFG-041"],
])("the table name %j is %j: split at the first dot, taken literally", (written, expected) => {
  expect(outcome(parseTableName(written))).toEqual(expected);
});

test.each([
  "text",
  "integer",
  "varchar(20)",
  "numeric(10,2)",
  "numeric(10, -2)",
  "double precision",
  "timestamp(3) with time zone",
  "timestamp without time zone",
  "text[]",
  "public.citizen_status",
  'population."Giới tính"',
  'population."Giới tính"[]',
])("%s may be a column's type", (text) => {
  expect(outcome(parseTypeDeclaration(text))).toBe(text);
});

test.each(["", "text;", "text) --", "text /* x */", "text DEFAULT 'x'", "int CHECK (x>0)", 'a."b"."c"', "varchar(20", "a\nb"])(
  "%j may not be a column's type",
  (text) => {
    expect(outcome(parseTypeDeclaration(text))).toBe("DB-CFG-009");
  },
);

test("a source's objects carry its id, with a digest where a slot's name cannot hold it", () => {
  expect(sourceObjectName("population")).toBe("dongbo_population");
  expect(sourceObjectName("land_2")).toBe("dongbo_land_2");
  expect(sourceObjectName("Population")).toMatch(/^dongbo_population_[0-9a-f]{8}$/);
  expect(sourceObjectName("a-b")).not.toBe(sourceObjectName("a_b"));
  expect(sourceObjectName("a-b")).not.toBe(sourceObjectName("A-b"));
  const long = [sourceObjectName(`${"x".repeat(62)}a`), sourceObjectName(`${"x".repeat(62)}b`)];
  for (const name of long) expect(name).toMatch(/^[a-z0-9_]{63}$/);
  expect(long[0]).not.toBe(long[1]);
  expect(sourceObjectName("x".repeat(56))).toBe(`dongbo_${"x".repeat(56)}`);
});

test("a misspelt word is answered with the one that was probably meant, another with all that are known", () => {
  expect(closest("agreemnt", ["agreement", "regulation"])).toBe("agreement");
  expect(closest("Target", ["target"])).toBe("target");
  expect(closest("xyz", ["agreement"])).toBeNull();
  expect(closest("x".repeat(100_000), ["x"])).toBeNull();
  expect(chooseAmong("agreemnt", ["agreement"])).toBe("Write `agreement`, if that is what was meant");
  expect(chooseAmong("xyz", ["hcm", "hue"])).toBe("Use one of: hcm, hue");
  expect(chooseAmong("xyz", [])).toBe("Remove it");
});
