// What of a type decides how its values are printed for comparison.
import type { ColumnType } from "../engine/model/table.ts";
import { readDeclaration, systemTypeName } from "../engine/model/type-declaration.ts";
import type { Family } from "./like-type.ts";

/**
 * single, double: inexact numbers · padded: char(n) of PostgreSQL · label: enum and set · json: of MySQL, or PostgreSQL's that keeps its text ·
 * span: a length of time · address: MariaDB's and PostgreSQL's of one host · other: what only PostgreSQL has.
 */
export type ValueKind =
  | "integer"
  | "decimal"
  | "single"
  | "double"
  | "boolean"
  | "text"
  | "padded"
  | "label"
  | "json"
  | "bytes"
  | "date"
  | "time"
  | "timestamp"
  | "instant"
  | "span"
  | "bits"
  | "uuid"
  | "address"
  | "array"
  | "other";

/** Of a column of the master. */
export function kindOfType(type: ColumnType): ValueKind {
  if (type.family === "mysql") return type.bare === "json" ? "json" : kindOfDeclaration(type.declaration, "mysql");
  if (type.bare.endsWith("]")) return "array";
  const name = systemTypeName(type) ?? "";
  // The catalogue's own "char" is one byte, and not what is declared as char(n).
  return name === "char" ? "other" : (postgresKinds[name] ?? "other");
}

/** Of a type as it is written in DDL of this family. */
export function kindOfDeclaration(declaration: string, family: Family): ValueKind {
  const { name } = readDeclaration(declaration);
  if (family === "postgres") return name.endsWith("]") ? "array" : (postgresKinds[name] ?? "other");
  return mysqlKinds[name.split(" ")[0] ?? ""] ?? "other";
}

const postgresKinds: Readonly<Record<string, ValueKind>> = {
  ...all(["int2", "int4", "int8", "smallint", "int", "integer", "bigint", "oid", "xid", "xid8"], "integer"),
  ...all(["numeric", "decimal"], "decimal"),
  ...all(["float4", "real"], "single"),
  ...all(["float8", "double precision"], "double"),
  ...all(["bool", "boolean"], "boolean"),
  ...all(["text", "varchar", "character varying"], "text"),
  ...all(["bpchar", "char", "character"], "padded"),
  json: "json",
  bytea: "bytes",
  date: "date",
  ...all(["time", "time without time zone"], "time"),
  ...all(["timestamp", "timestamp without time zone"], "timestamp"),
  ...all(["timestamptz", "timestamp with time zone"], "instant"),
  interval: "span",
  bit: "bits",
  uuid: "uuid",
  inet: "address",
};

const mysqlKinds: Readonly<Record<string, ValueKind>> = {
  ...all(["tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"], "integer"),
  ...all(["bool", "boolean"], "boolean"),
  ...all(["decimal", "numeric", "dec", "fixed"], "decimal"),
  float: "single",
  ...all(["double", "real"], "double"),
  bit: "bits",
  ...all(["char", "character", "varchar", "nchar", "nvarchar", "tinytext", "text", "mediumtext", "longtext"], "text"),
  ...all(["enum", "set"], "label"),
  json: "json",
  ...all(["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"], "bytes"),
  ...all(["geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"], "bytes"),
  ...all(["geometrycollection", "geomcollection"], "bytes"),
  date: "date",
  time: "time",
  datetime: "timestamp",
  timestamp: "instant",
  uuid: "uuid",
  ...all(["inet4", "inet6"], "address"),
};

function all(names: readonly string[], kind: ValueKind): Record<string, ValueKind> {
  return Object.fromEntries(names.map((name) => [name, kind]));
}
