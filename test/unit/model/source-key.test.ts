import { expect, test } from "vitest";
import type { CanonicalForm, ComparedCopy } from "../../../engine/model/canonical-form.ts";
import { sourceKey } from "../../../engine/model/source-key.ts";
import type { ColumnType } from "../../../engine/model/table.ts";
import { mysqlType, postgresType } from "../../support/family-types.ts";
import { catalogTable, column, tableMapping } from "../../support/table-builders.ts";

/** A copy whose key is of these types, compared in these forms. */
function copyOf(...parts: readonly (readonly [ColumnType, CanonicalForm])[]): ComparedCopy {
  const columns = parts.map(([type], index) => column(`k${index}`, type.category, { type, nullable: false }));
  const names = columns.map(({ name }) => name);
  const table = tableMapping(catalogTable([column("note", "text"), ...columns], { primaryKey: names.toReversed() }), ["note", ...names]);
  return {
    table,
    columns: [
      { source: "note", target: "note", form: "text" },
      ...parts.map(([, form], index) => ({ source: `k${index}`, target: `t${index}`, form })),
    ],
    skipped: [],
  };
}

const domain = postgresType("numeric", "kinds.money", {
  kind: "domain",
  definitions: [{ kind: "domain", name: { schema: "kinds", name: "money" }, base: "numeric(12,2)" }],
});

test.each<[ColumnType, CanonicalForm, string, string]>([
  [postgresType("int8", "bigint"), "integer", "-5", "-5"],
  [postgresType("inet"), "printed", "192.168.0.1/24", "192.168.0.1/24"],
  [postgresType("numeric", "numeric(10,2)"), "decimal", "0.5", "0.50"],
  [postgresType("numeric", "numeric(10,2)"), "decimal", "-12", "-12.00"],
  [postgresType("numeric", "numeric(5)"), "decimal", "12", "12"],
  [postgresType("numeric", "numeric(3,-2)"), "decimal", "12300", "12300"],
  [postgresType("numeric", "numeric(10,2)"), "decimal", "NaN", "NaN"],
  [domain, "decimal", "7", "7.00"],
  [mysqlType("decimal(65,30)"), "decimal", "0.1", `0.1${"0".repeat(29)}`],
  [mysqlType("bigint(20) unsigned"), "decimal", "18446744073709551615", "18446744073709551615"],
  [postgresType("bool", "boolean"), "boolean", "1", "t"],
  [postgresType("bool", "boolean"), "boolean", "0", "f"],
  [mysqlType("tinyint(1)"), "boolean", "1", "1"],
  [postgresType("bytea"), "bytes", "00ff", "\\x00ff"],
  [mysqlType("binary(4)"), "bytes", "ab000000", "\\xab000000"],
  [postgresType("bpchar", "character(6)"), "text", "Đỗ", "Đỗ    "],
  [postgresType("bpchar", "character(3)"), "text", "a😀b", "a😀b"],
  [postgresType("varchar", "character varying(6)"), "text", "ab ", "ab "],
  [mysqlType("char(6)"), "text", "ab", "ab"],
  [postgresType("date"), "date", "0044-03-15 BC", "0044-03-15 BC"],
  [postgresType("date"), "timestamp", "2024-02-29 00:00:00", "2024-02-29"],
  [postgresType("time", "time without time zone"), "time", "24:00:00", "24:00:00"],
  [mysqlType("time(6)"), "span", "-838:59:59.5", "-838:59:59.5"],
  [mysqlType("datetime(6)"), "timestamp", "2024-02-29 13:05:00.25", "2024-02-29 13:05:00.25"],
  [postgresType("timestamptz", "timestamp with time zone"), "instant", "2026-01-02 03:04:05.678901", "2026-01-02 03:04:05.678901+00"],
  [postgresType("timestamptz", "timestamp with time zone"), "instant", "0001-01-01 00:00:00 BC", "0001-01-01 00:00:00+00 BC"],
  [postgresType("timestamptz", "timestamp with time zone"), "instant", "-infinity", "-infinity"],
  [mysqlType("timestamp"), "instant", "1970-01-01 00:00:01", "1970-01-01 00:00:01+00"],
  [postgresType("timestamp", "timestamp without time zone"), "instant", "2026-01-02 03:04:05", "2026-01-02 03:04:05"],
  [postgresType("uuid"), "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  [mysqlType("binary(16)"), "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "\\xa0eebc999c0b4ef8bb6d6bb9bd380a11"],
  [postgresType("bit", "bit(5)"), "bits", "00101", "00101"],
])("a key of type %j in form %s: %s is %s", (type, form, canonical, text) => {
  expect(sourceKey(copyOf([type, form]), [canonical]).map(String)).toEqual([text]);
});

test("parts are in the key's order, and each has its own column's form", () => {
  const copy = copyOf([postgresType("bytea"), "bytes"], [postgresType("numeric", "numeric(10,2)"), "decimal"]);
  expect(copy.table.key).toEqual(["k1", "k0"]);
  expect(sourceKey(copy, ["1.5", "ff"])).toEqual([Buffer.from("1.50"), Buffer.from("\\xff")]);
});

test("no key that is compared has a form from which its text cannot be told", () => {
  expect(() => sourceKey(copyOf([postgresType("float8"), "float"]), ["3ff0000000000000"])).toThrow("in no key");
});
