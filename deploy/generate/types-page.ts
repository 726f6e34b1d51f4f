// The page of deploy/reference about types between families, made by the table that the program itself uses.
import type { ColumnType, ValueCategory } from "../../engine/model/table.ts";
import { judgeChosen } from "../../mappings/chosen-type.ts";
import type { ColumnRole } from "../../mappings/like-type.ts";
import { typeInFamily } from "../../mappings/type-families.ts";
import { generated } from "./reference-pages.ts";

const mysqlTypes = [
  "tinyint",
  "tinyint(1)",
  "smallint",
  "smallint unsigned",
  "mediumint",
  "int",
  "int unsigned",
  "bigint",
  "bigint unsigned",
  "decimal(10,2)",
  "float",
  "double",
  "bit(8)",
  "char(10)",
  "varchar(100)",
  "text",
  "binary(16)",
  "blob",
  "date",
  "datetime(6)",
  "timestamp(6)",
  "time(6)",
  "year",
  "enum('a','b')",
  "set('a','b')",
  "json",
  "geometry",
  "uuid",
  "inet6",
] as const;

/** Name in pg_catalog → a declaration; more than one where it decides. */
const postgresTypes: readonly (readonly [name: string, declaration: string])[] = [
  ["int2", "smallint"],
  ["int4", "integer"],
  ["int8", "bigint"],
  ["numeric", "numeric(10,2)"],
  ["numeric", "numeric"],
  ["float4", "real"],
  ["float8", "double precision"],
  ["bool", "boolean"],
  ["text", "text"],
  ["varchar", "varchar(100)"],
  ["bpchar", "char(10)"],
  ["bytea", "bytea"],
  ["date", "date"],
  ["time", "time"],
  ["timestamp", "timestamp"],
  ["timestamptz", "timestamptz"],
  ["interval", "interval"],
  ["timetz", "timetz"],
  ["uuid", "uuid"],
  ["bit", "bit(8)"],
  ["varbit", "varbit"],
  ["money", "money"],
  ["inet", "inet"],
  ["macaddr", "macaddr"],
  ["json", "json"],
  ["jsonb", "jsonb"],
  ["int4[]", "integer[]"],
  ["int4range", "int4range"],
  ["tsvector", "tsvector"],
  ["oid", "oid"],
  ["regclass", "regclass"],
];

const enumType = columnType("postgres", { name: "kinds.colour", declaration: "an enum", category: "enum" });
const compositeType = columnType("postgres", { name: "kinds.address", declaration: "a composite, extension's or range type" });

const losses: readonly (readonly [source: ColumnType, chosen: string])[] = [
  [postgresType("timestamp", "timestamp"), "datetime"],
  [postgresType("timestamp", "timestamp"), "date"],
  [postgresType("numeric", "numeric(10,4)"), "decimal(10,2)"],
  [postgresType("int8", "bigint"), "double"],
  [postgresType("float8", "double precision"), "float"],
  [postgresType("float8", "double precision"), "decimal(20,6)"],
  [postgresType("jsonb", "jsonb"), "json"],
  [mysqlType("datetime(6)"), "timestamp(0)"],
  [mysqlType("decimal(10,4)"), "numeric(10,2)"],
  [mysqlType("decimal(30,0)"), "double precision"],
  [mysqlType("double"), "real"],
  [mysqlType("json"), "jsonb"],
];

/** Three tables: there and back, and what a chosen type may lose. */
export function typesPage(): string {
  const value: ColumnRole = { key: false, bytesMax: 1024, insideMax: 255 };
  const key: ColumnRole = { key: true, bytesMax: 3072, insideMax: 255 };
  const toPostgres = mysqlTypes.map((declaration) => likeRow(mysqlType(declaration), value));
  const sources = [...postgresTypes.map(([name, declaration]) => postgresType(name, declaration)), enumType, compositeType];
  const keys = [postgresType("text", "text, in a key"), postgresType("bytea", "bytea, in a key")];
  const toMysql = [...sources.map((source) => likeRow(source, value)), ...keys.map((source) => likeRow(source, key))];
  const lossRows = losses.map(([source, chosen]) => {
    const { note } = judgeChosen(source, chosen, source.family === "mysql" ? "postgres" : "mysql");
    return [source.declaration, chosen, note ?? ""];
  });
  return `${[
    "# Types between PostgreSQL and MySQL or MariaDB",
    generated,
    "Within a family a column keeps its type. Between families it gets the type below, unless the share gives it one with `type:`. *exact*: every\nvalue comes back as it was. *widened*: every value is held exactly, in a wider type or as text. A value that the type cannot hold (infinity or a\nyear beyond 9999 in MySQL, a zero date or text with NUL in PostgreSQL) is never changed: its row is set aside, and `dongbo status` says so.",
    "## From MySQL or MariaDB to PostgreSQL",
    table(["At the master", "In the copy", "Held", "Note"], toPostgres),
    "## From PostgreSQL to MySQL or MariaDB",
    table(["At the master", "In the copy", "Held", "Note"], toMysql),
    "## What a chosen type may lose",
    "Such a `type:` needs `accept_loss: true` at its column, which no column of a key can have. Without it the table stops and says what would be lost.",
    table(["At the master", "`type:`", "Lost"], lossRows),
  ].join("\n\n")}\n`;
}

function likeRow(source: ColumnType, role: ColumnRole): string[] {
  const { declaration, fidelity, note } = typeInFamily(source, source.family === "mysql" ? "postgres" : "mysql", role);
  return [source.declaration, declaration ?? "", fidelity, note ?? ""];
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function mysqlType(declaration: string): ColumnType {
  return columnType("mysql", { name: declaration.split(/[ (]/)[0] ?? "", declaration });
}

function postgresType(name: string, declaration: string): ColumnType {
  return columnType("postgres", { name: `pg_catalog.${name}`, declaration });
}

interface Described {
  readonly name: string;
  readonly declaration: string;
  readonly category?: ValueCategory;
}

/** A type as the page needs it: what the tables do not ask for is left plain. */
function columnType(family: ColumnType["family"], { name, declaration, category = "other" }: Described): ColumnType {
  return { family, identity: declaration, declaration, bare: name, kind: "base", category, definitions: [], extension: null };
}
