// Column types of both families as their catalogues state them, for tests that need no server.
import type { ColumnType, ValueCategory } from "../../engine/model/table.ts";

const mysqlCategories: Readonly<Record<string, ValueCategory>> = {
  decimal: "decimal",
  float: "float",
  double: "float",
  date: "date",
  datetime: "timestamp",
  timestamp: "instant",
  enum: "enum",
  uuid: "uuid",
  ...Object.fromEntries(["tinyint", "smallint", "mediumint", "int", "bigint", "year"].map((name) => [name, "integer"] as const)),
  ...Object.fromEntries(["char", "varchar", "tinytext", "text", "mediumtext", "longtext"].map((name) => [name, "text"] as const)),
  ...Object.fromEntries(["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"].map((name) => [name, "bytes"] as const)),
};

/** A type of MySQL by its declaration; MariaDB's JSON is declared as longtext. */
export function mysqlType(declaration: string, bare = declaration.split(/[ (]/)[0] ?? ""): ColumnType {
  return {
    family: "mysql",
    identity: declaration,
    declaration: bare === "json" ? "longtext" : declaration,
    bare,
    kind: bare === "enum" ? "enum" : "base",
    category: mysqlCategories[bare] ?? "other",
    definitions: [],
    extension: null,
  };
}

const postgresCategories: Readonly<Record<string, ValueCategory>> = {
  int2: "integer",
  int4: "integer",
  int8: "integer",
  numeric: "decimal",
  float4: "float",
  float8: "float",
  bool: "boolean",
  text: "text",
  varchar: "text",
  bpchar: "padded",
  date: "date",
  time: "time",
  timestamp: "timestamp",
  timestamptz: "instant",
  uuid: "uuid",
  bytea: "bytes",
};

/** A built-in type of PostgreSQL by its name in pg_catalog, `int4` or `int4[]`, and its declaration. */
export function postgresType(name: string, declaration = name, overrides: Partial<ColumnType> = {}): ColumnType {
  const array = name.endsWith("[]");
  return {
    family: "postgres",
    identity: declaration,
    declaration,
    bare: array ? `pg_catalog."${name.slice(0, -2)}"[]` : `pg_catalog."${name}"`,
    kind: array ? "array" : "base",
    category: postgresCategories[name] ?? "other",
    definitions: [],
    extension: null,
    ...overrides,
  };
}
