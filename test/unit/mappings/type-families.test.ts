import { describe, expect, test } from "vitest";
import type { ColumnType } from "../../../engine/model/table.ts";
import { judgeChosen } from "../../../mappings/chosen-type.ts";
import { convertColumns, type PlainColumn } from "../../../mappings/convert-columns.ts";
import { typeInFamily } from "../../../mappings/type-families.ts";
import { mysqlType, postgresType } from "../../support/family-types.ts";

const value = { key: false, bytesMax: 65_532, insideMax: 255 };

function like(source: ColumnType, role = value): string {
  const { declaration, fidelity } = typeInFamily(source, source.family === "mysql" ? "postgres" : "mysql", role);
  return `${fidelity} ${declaration}`;
}

describe("a type of MySQL in PostgreSQL", () => {
  test.each([
    ["tinyint(4)", "widened smallint"],
    ["tinyint(1)", "widened smallint"],
    ["tinyint unsigned", "widened smallint"],
    ["smallint(6)", "exact smallint"],
    ["smallint(5) unsigned", "widened integer"],
    ["mediumint(8) unsigned", "widened integer"],
    ["int(11)", "exact integer"],
    ["int(10) unsigned zerofill", "widened bigint"],
    ["bigint(20)", "exact bigint"],
    ["bigint(20) unsigned", "widened numeric(20,0)"],
    ["decimal(65,30)", "exact numeric(65,30)"],
    ["decimal(10,0) unsigned", "widened numeric(10,0)"],
    ["float", "exact real"],
    ["double", "exact double precision"],
    ["bit(5)", "exact bit(5)"],
    ["char(6)", "exact character varying(6)"],
    ["varchar(80) CHARACTER SET latin1", "exact character varying(80)"],
    ["mediumtext", "exact text"],
    ["binary(16)", "exact bytea"],
    ["varbinary(16)", "exact bytea"],
    ["longblob", "exact bytea"],
    ["date", "exact date"],
    ["datetime", "exact timestamp(0) without time zone"],
    ["datetime(6)", "exact timestamp(6) without time zone"],
    ["timestamp(3)", "exact timestamp(3) with time zone"],
    ["time(6)", "widened interval(6)"],
    ["year(4)", "widened smallint"],
    ["enum('a)','b''(')", "widened text"],
    ["set('a','b')", "widened text"],
    ["geometry", "widened bytea"],
    ["multipolygon", "widened bytea"],
    ["uuid", "exact uuid"],
    ["inet6", "exact inet"],
    ["vector(3)", "widened bytea"],
  ])("%s is %s", (declaration, expected) => {
    expect(like(mysqlType(declaration))).toBe(expected);
  });

  test("JSON keeps its text, also where MariaDB declares it as longtext", () => {
    expect(like(mysqlType("json", "json"))).toBe("exact json");
    expect(like(mysqlType("longtext"))).toBe("exact text");
  });
});

describe("a type of PostgreSQL in MySQL", () => {
  test.each([
    ["int2", "smallint", "exact smallint"],
    ["int4", "integer", "exact int"],
    ["int8", "bigint", "exact bigint"],
    ["oid", "oid", "widened int unsigned"],
    ["numeric", "numeric(10,2)", "exact decimal(10,2)"],
    ["numeric", "numeric(3,-2)", "widened decimal(5,0)"],
    ["numeric", "numeric(3,5)", "widened decimal(5,5)"],
    ["numeric", "numeric(1000,800)", "widened decimal(65,30)"],
    ["numeric", "numeric(70,2)", "widened decimal(65,2)"],
    ["numeric", "numeric", "widened decimal(65,30)"],
    ["float4", "real", "exact float"],
    ["float8", "double precision", "exact double"],
    ["bool", "boolean", "exact tinyint(1)"],
    ["text", "text", "exact longtext"],
    ["varchar", "character varying(20)", "exact varchar(20)"],
    ["varchar", "character varying", "exact longtext"],
    ["varchar", "character varying(20000)", "widened longtext"],
    ["bpchar", "character(6)", "exact char(6)"],
    ["bpchar", "character(300)", "widened varchar(300)"],
    ["bytea", "bytea", "exact longblob"],
    ["date", "date", "exact date"],
    ["time", "time(3) without time zone", "exact time(3)"],
    ["timestamp", "timestamp without time zone", "exact datetime(6)"],
    ["timestamptz", "timestamp(0) with time zone", "widened datetime(0)"],
    ["interval", "interval day to second(3)", "widened varchar(128)"],
    ["uuid", "uuid", "widened char(36)"],
    ["bit", "bit(5)", "exact bit(5)"],
    ["bit", "bit(65)", "widened longtext"],
    ["varbit", "bit varying(8)", "widened longtext"],
    ["jsonb", "jsonb", "widened longtext"],
    ["int4[]", "integer[]", "widened longtext"],
    ["tsvector", "tsvector", "widened longtext"],
    ["regclass", "regclass", "none null"],
  ])("%s as %s is %s", (name, declaration, expected) => {
    expect(like(postgresType(name, declaration))).toBe(expected);
  });

  test("of its owner's own making is what lies under it, its label, or text", () => {
    const base = "character varying(3)";
    const code = postgresType("varchar", "kinds.code", {
      kind: "domain",
      definitions: [{ kind: "domain", name: { schema: "kinds", name: "code" }, base }],
    });
    expect(like(code)).toBe("exact varchar(3)");
    expect(like(postgresType("x", "kinds.colour", { bare: "kinds.colour", kind: "enum", category: "enum" }))).toBe("widened varchar(64)");
    expect(like(postgresType("x", "kinds.address", { bare: "kinds.address", kind: "composite" }))).toBe("widened longtext");
  });

  test("is bounded where it is a key", () => {
    const key = { key: true, bytesMax: 1536, insideMax: 255 };
    expect(like(postgresType("text"), key)).toBe("widened varchar(384)");
    expect(like(postgresType("varchar", "character varying(20)"), key)).toBe("exact varchar(20)");
    expect(like(postgresType("varchar", "character varying(999)"), key)).toBe("widened varchar(384)");
    expect(like(postgresType("bytea"), key)).toBe("widened varbinary(1536)");
    expect(like(postgresType("interval"), key)).toBe("widened varchar(128)");
    expect(like(postgresType("int4range"), key)).toBe("widened varchar(384)");
  });
});

describe("a type that the configuration chooses", () => {
  const cases: readonly [ColumnType, string, string][] = [
    [postgresType("timestamp", "timestamp without time zone"), "datetime", "lossy"],
    [postgresType("timestamptz", "timestamp(3) with time zone"), "timestamp(3)", "exact"],
    [postgresType("timestamp", "timestamp(0) without time zone"), "date", "lossy"],
    [postgresType("numeric", "numeric(10,4)"), "decimal(10,2)", "lossy"],
    [postgresType("numeric", "numeric(10,2)"), "decimal(20,2)", "exact"],
    [postgresType("numeric"), "decimal(20,6)", "lossy"],
    [postgresType("int8", "bigint"), "double", "lossy"],
    [postgresType("int4", "integer"), "double", "exact"],
    [postgresType("int8", "bigint"), "int", "exact"],
    [postgresType("float8", "double precision"), "float", "lossy"],
    [postgresType("float8", "double precision"), "decimal(20,6)", "lossy"],
    [postgresType("jsonb"), "json", "lossy"],
    [postgresType("json"), "longtext", "widened"],
    [postgresType("uuid"), "binary(16)", "unknown"],
    [postgresType("int4[]", "integer[]"), "json", "unknown"],
    [mysqlType("json", "json"), "jsonb", "lossy"],
    [mysqlType("json", "json"), "text", "widened"],
    [mysqlType("tinyint(1)"), "boolean", "exact"],
    [mysqlType("int(11)"), "boolean", "exact"],
    [mysqlType("datetime(6)"), "timestamp(3)", "lossy"],
    [mysqlType("time"), "time", "exact"],
    [mysqlType("decimal(10,2)"), "integer", "lossy"],
    [mysqlType("enum('a','b')"), "varchar(1)", "widened"],
    [mysqlType("varchar(20)"), "integer[]", "unknown"],
  ];

  test.each(cases.map(([source, ...rest]) => [source.bare, ...rest, source] as const))(
    "of %s, %s: %s",
    (_, declaration, fidelity, source) => {
      expect(judgeChosen(source, declaration, source.family === "mysql" ? "postgres" : "mysql").fidelity).toBe(fidelity);
    },
  );
});

describe("the columns of a copy in another family", () => {
  const column = (source: string, sourceType: ColumnType, options: Partial<PlainColumn> = {}): PlainColumn => ({
    source,
    target: source,
    sourceType,
    targetType: null,
    nullable: true,
    lossAccepted: false,
    ...options,
  });

  test("are of the like types, or of those chosen", () => {
    const columns = [
      column("id", postgresType("int8", "bigint")),
      column("born", postgresType("timestamp", "timestamp without time zone"), { targetType: "datetime", lossAccepted: true }),
      column("name", postgresType("text"), { targetType: "varchar(80)" }),
    ];
    const converted = convertColumns(columns, ["id"], "mysql");
    expect(converted.columns.map(({ targetType, conversion }) => [targetType, conversion])).toEqual([
      ["bigint", "like"],
      ["datetime", "lossy"],
      ["varchar(80)", undefined],
    ]);
    expect(converted.conversions.map(({ from, to, fidelity }) => [from, to, fidelity])).toEqual([
      ["bigint", "bigint", "exact"],
      ["timestamp without time zone", "datetime", "lossy"],
      ["text", "varchar(80)", "widened"],
    ]);
  });

  test("keep their declaration within a family", () => {
    const columns = [column("id", mysqlType("int(11)")), column("name", mysqlType("varchar(80)"), { targetType: "text" })];
    const converted = convertColumns(columns, ["id"], "mysql");
    expect(converted.columns.map(({ targetType, conversion }) => [targetType, conversion])).toEqual([
      [null, undefined],
      ["text", undefined],
    ]);
    expect(converted.conversions).toEqual([]);
  });

  test("share the bytes that a key may have", () => {
    const columns = [column("a", postgresType("text")), column("b", postgresType("text"))];
    expect(convertColumns(columns, ["a", "b"], "mysql").columns.map(({ targetType }) => targetType)).toEqual([
      "varchar(384)",
      "varchar(384)",
    ]);
  });

  test("leave the widest texts out of rows that would be too long", () => {
    const text = (length: number): ColumnType => postgresType("varchar", `character varying(${length})`);
    const columns = [column("id", postgresType("int4")), ...[40, 9000, 255, 8000].map((length) => column(`c${length}`, text(length)))];
    const types = (some: readonly PlainColumn[]): (string | null)[] =>
      convertColumns(some, ["id"], "mysql").columns.map(({ targetType }) => targetType);
    expect(types(columns)).toEqual(["int", "varchar(40)", "longtext", "varchar(255)", "varchar(8000)"]);
    const many = Array.from({ length: 100 }, (_, index) => column(`c${index}`, text(150 + index)));
    expect(types(many).filter((type) => type === "longtext").length).toBeGreaterThan(0);
    const narrow = Array.from({ length: 100 }, (_, index) => column(`c${index}`, text(150)));
    expect(types(narrow)).not.toContain("longtext");
  });
});
