import { describe, expect, test } from "vitest";
import type { ColumnMapping, TableMapping } from "../../../engine/model/share.ts";
import type { ColumnType } from "../../../engine/model/table.ts";
import { comparedCopy } from "../../../mappings/compared-columns.ts";
import { convertColumns } from "../../../mappings/convert-columns.ts";
import type { Family } from "../../../mappings/like-type.ts";
import { mysqlType, postgresType } from "../../support/family-types.ts";
import { catalogTable, column } from "../../support/table-builders.ts";

interface Chosen {
  readonly type?: string;
  readonly lossAccepted?: boolean;
  readonly key?: boolean;
}

/** A table with one column of the type beside its key, or as its key, resolved for a copy of the family. */
function mapping(type: ColumnType, family: Family, { type: targetType = "", lossAccepted = false, key = false }: Chosen): TableMapping {
  const id = column("id", "integer", { type: type.family === "mysql" ? mysqlType("bigint(20)") : postgresType("int8", "bigint") });
  const catalog = catalogTable([...(key ? [] : [id]), column("v", type.category, { type, nullable: !key })]);
  const columns = catalog.columns.map(({ name, type: sourceType, nullable }) => ({
    source: name,
    target: name,
    sourceType,
    targetType: name === "v" && targetType !== "" ? targetType : null,
    nullable,
    lossAccepted,
  }));
  return {
    source: catalog.table,
    target: catalog.table,
    physical: catalog.table,
    key: catalog.primaryKey,
    columns: convertColumns(columns, catalog.primaryKey, family).columns,
    filter: null,
    catalog,
  };
}

/** The form of the column, or why it is skipped. */
function formOf(type: ColumnType, family: Family, chosen: Chosen = {}): string {
  const copy = comparedCopy(mapping(type, family, chosen), family);
  return copy.columns.find(({ source }) => source === "v")?.form ?? copy.skipped.find(({ column: name }) => name === "v")?.why ?? "lost";
}

const colour = postgresType("x", "kinds.colour", {
  bare: "kinds.colour",
  kind: "enum",
  category: "enum",
  definitions: [{ kind: "enum", name: { schema: "kinds", name: "colour" }, labels: ["red"] }],
});
const colours: ColumnType = { ...colour, bare: "kinds.colour[]", declaration: "kinds.colour[]", kind: "array", category: "other" };
const codes: ColumnType = {
  ...colours,
  bare: "kinds.code[]",
  definitions: [{ kind: "domain", name: { schema: "kinds", name: "code" }, base: "boolean" }],
};
const no = /^no form is known in which .+ print alike$/;

describe("a column of PostgreSQL in a copy in MySQL or MariaDB is compared", () => {
  const cases: readonly (readonly [type: ColumnType, form: string | RegExp])[] = [
    [postgresType("int2", "smallint"), "integer"],
    [postgresType("int8", "bigint"), "integer"],
    [postgresType("oid"), "integer"],
    [postgresType("xid8"), "integer"],
    [postgresType("numeric", "numeric(10,2)"), "decimal"],
    [postgresType("numeric"), "decimal"],
    [postgresType("float4", "real"), "real"],
    [postgresType("float8", "double precision"), "real"],
    [postgresType("bool", "boolean"), "boolean"],
    [postgresType("text"), "text"],
    [postgresType("varchar", "character varying(20)"), "text"],
    [postgresType("bpchar", "character(6)"), "text"],
    [postgresType("char", '"char"'), "text"],
    [postgresType("bytea"), "bytes"],
    [postgresType("date"), "date"],
    [postgresType("time", "time without time zone"), "time"],
    [postgresType("timetz", "time with time zone"), "text"],
    [postgresType("timestamp", "timestamp(3) without time zone"), "timestamp"],
    [postgresType("timestamptz", "timestamp with time zone"), "instant"],
    [postgresType("interval"), "text"],
    [postgresType("uuid"), "uuid"],
    [postgresType("inet"), "text"],
    [postgresType("bit", "bit(5)"), "bits"],
    [postgresType("bit", "bit(65)"), "text"],
    [postgresType("varbit", "bit varying"), "text"],
    [postgresType("jsonb"), "text"],
    [postgresType("tsvector"), "text"],
    [postgresType("int4[]", "integer[]"), "array"],
    [postgresType("timestamptz[]", "timestamp with time zone[]"), "array"],
    [postgresType("inet[]"), no],
    [postgresType("bpchar[]", "character(6)[]"), no],
    [colour, "text"],
    [colours, "array"],
    [codes, no],
  ];
  test.each(cases.map(([type, form]) => [type.declaration, form, type] as const))("%s as %s", (_, form, type) => {
    if (form instanceof RegExp) expect(formOf(type, "mysql")).toMatch(form);
    else expect(formOf(type, "mysql")).toBe(form);
  });
});

describe("a column of MySQL or MariaDB is compared", () => {
  const cases: readonly (readonly [type: ColumnType, postgres: string | RegExp, mysql: string])[] = [
    [mysqlType("tinyint(1)"), "integer", "integer"],
    [mysqlType("bigint(20) unsigned"), "decimal", "integer"],
    [mysqlType("year(4)"), "integer", "integer"],
    [mysqlType("decimal(10,2)"), "decimal", "decimal"],
    [mysqlType("float"), "float", "real"],
    [mysqlType("double"), "float", "real"],
    [mysqlType("bit(10)"), "bits", "bits"],
    [mysqlType("char(6) CHARACTER SET latin1 COLLATE latin1_swedish_ci"), "text", "text"],
    [mysqlType("longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"), "text", "text"],
    [mysqlType("enum('a','b') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"), "text", "text"],
    [mysqlType("set('a','b') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"), "text", "text"],
    [mysqlType("json", "json"), "text", "text"],
    [mysqlType("binary(4)"), "bytes", "bytes"],
    [mysqlType("point"), "bytes", "bytes"],
    [mysqlType("date"), "date", "date"],
    [mysqlType("datetime(6)"), "timestamp", "timestamp"],
    [mysqlType("timestamp(3)"), "instant", "instant"],
    [mysqlType("time(6)"), "span", "time"],
    [mysqlType("uuid"), "uuid", "uuid"],
    [mysqlType("inet6"), "address", "text"],
  ];
  test.each(cases.map(([type, postgres, mysql]) => [type.declaration, postgres, mysql, type] as const))(
    "%s in PostgreSQL as %s, in its own family as %s",
    (_, postgres, mysql, type) => {
      expect(formOf(type, "postgres")).toBe(postgres);
      expect(formOf(type, "mysql")).toBe(mysql);
    },
  );
});

describe("between PostgreSQL servers", () => {
  test("everything is compared as it is printed, also arrays and types of the owner's own", () => {
    for (const type of [postgresType("int4"), postgresType("float8"), postgresType("inet[]"), colour, colours, codes])
      expect(formOf(type, "postgres")).toBe("printed");
  });

  const chosen: readonly (readonly [type: ColumnType, to: string, form: string | RegExp])[] = [
    [postgresType("int4", "integer"), "bigint", "printed"],
    [postgresType("int4", "integer"), "numeric(20,4)", "decimal"],
    [postgresType("numeric", "numeric(10,2)"), "numeric(20,4)", "decimal"],
    [postgresType("bpchar", "character(6)"), "text", "printed"],
    [postgresType("text"), "character(10)", "text"],
    [postgresType("uuid"), "text", "printed"],
    [postgresType("int4[]", "integer[]"), "text", "printed"],
    [postgresType("jsonb"), "jsonb", "printed"],
    [postgresType("timestamp", "timestamp without time zone"), "timestamp with time zone", "instant"],
    [postgresType("timestamp", "timestamp(3) without time zone"), "timestamp(6) without time zone", "printed"],
    [postgresType("float4", "real"), "double precision", no],
    [postgresType("text"), "integer[]", no],
  ];
  test.each(chosen.map(([type, to, form]) => [type.declaration, to, form, type] as const))("%s in a chosen %s: %s", (_, to, form, type) => {
    if (form instanceof RegExp) expect(formOf(type, "postgres", { type: to })).toMatch(form);
    else expect(formOf(type, "postgres", { type: to })).toBe(form);
  });
});

describe("a type that the configuration chooses in the other family", () => {
  const cases: readonly (readonly [type: ColumnType, to: string, form: string | RegExp])[] = [
    [postgresType("uuid"), "binary(16)", "uuid"],
    [postgresType("bool", "boolean"), "bit(1)", "boolean"],
    [postgresType("interval"), "time(6)", "span"],
    [postgresType("date"), "datetime", "timestamp"],
    [postgresType("int4", "integer"), "decimal(20,4)", "decimal"],
    [postgresType("float4", "real"), "double", "real"],
    [postgresType("text"), "json", no],
    [postgresType("int4[]", "integer[]"), "json", no],
    [postgresType("inet"), "inet6", no],
    [postgresType("text"), "longblob", no],
    [mysqlType("tinyint(1)"), "boolean", "boolean"],
    [mysqlType("timestamp"), "timestamp without time zone", "instant"],
    [mysqlType("time"), "time without time zone", "time"],
    [mysqlType("float"), "double precision", no],
    [mysqlType("int(11)"), "text", "text"],
    [mysqlType("uuid"), "text", "uuid"],
    [mysqlType("char(36) CHARACTER SET ascii COLLATE ascii_bin"), "uuid", no],
    [mysqlType("blob"), "text", no],
    [mysqlType("double"), "text", no],
    [mysqlType("json", "json"), "jsonb", no],
  ];
  test.each(cases.map(([type, to, form]) => [type.declaration, to, form, type] as const))("%s in %s: %s", (_, to, form, type) => {
    const family = type.family === "mysql" ? "postgres" : "mysql";
    if (form instanceof RegExp) expect(formOf(type, family, { type: to })).toMatch(form);
    else expect(formOf(type, family, { type: to })).toBe(form);
  });

  test("is not compared where it may hold less", () => {
    const type = postgresType("timestamp", "timestamp without time zone");
    expect(formOf(type, "mysql", { type: "date", lossAccepted: true })).toBe(
      "the configuration accepts that date holds less than the master",
    );
  });
});

describe("a key", () => {
  test.each([
    [postgresType("numeric", "numeric(10,2)"), "mysql", "decimal"],
    [postgresType("numeric"), "mysql", "a key without a declared scale has more than one text for a number"],
    [postgresType("numeric"), "postgres", "printed"],
    [postgresType("float8", "double precision"), "mysql", "a key of type double precision cannot be told from its canonical form"],
    [postgresType("bpchar", "character(6)"), "mysql", "text"],
    [postgresType("bpchar", "bpchar"), "mysql", "a key without a declared length has more than one text"],
    [mysqlType("decimal(10,2)"), "postgres", "decimal"],
    [mysqlType("bigint(20) unsigned"), "postgres", "decimal"],
    [mysqlType("inet6"), "postgres", "a key of type inet6 cannot be told from its canonical form"],
    [mysqlType("inet6"), "mysql", "text"],
  ] as const)("of type %j in %s: %s", (type, family, form) => {
    expect(formOf(type, family, { key: true })).toBe(form);
  });
});

test("columns come in the mapping's order under both names, and what is skipped is told", () => {
  const table = mapping(postgresType("bpchar[]"), "mysql", {});
  const renamed: ColumnMapping[] = table.columns.map((each) => ({ ...each, target: `their_${each.target}` }));
  expect(comparedCopy({ ...table, columns: renamed }, "mysql")).toMatchObject({
    columns: [{ source: "id", target: "their_id", form: "integer" }],
    skipped: [{ column: "v" }],
  });
});
