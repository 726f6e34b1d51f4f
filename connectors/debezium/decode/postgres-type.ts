// PostgreSQL's built-in types with what its catalogue would say of a column (pg_type; manual, "Data Types"): decoded values take
// their text form, so mappings treat the columns as PostgreSQL's.
import { assert } from "../../../engine/model/assert.ts";
import type { ColumnType, ValueCategory } from "../../../engine/model/table.ts";

/** A type with its modifiers: `["varchar", 20]`, `["numeric", 10, 2]`. */
export interface PostgresType {
  readonly name: PostgresTypeName;
  readonly modifiers: readonly number[];
  readonly isArray: boolean;
}

interface TypeEntry {
  readonly oid: number;
  readonly arrayOid: number;
  /** As format_type writes it, where it is not the name; `()` marks the place of modifiers. */
  readonly declared?: string;
  readonly category?: ValueCategory;
  readonly isRange?: true;
}

const types = {
  bool: { oid: 16, arrayOid: 1000, declared: "boolean", category: "boolean" },
  bytea: { oid: 17, arrayOid: 1001, category: "bytes" },
  char: { oid: 18, arrayOid: 1002, declared: '"char"' },
  name: { oid: 19, arrayOid: 1003 },
  int8: { oid: 20, arrayOid: 1016, declared: "bigint", category: "integer" },
  int2: { oid: 21, arrayOid: 1005, declared: "smallint", category: "integer" },
  int4: { oid: 23, arrayOid: 1007, declared: "integer", category: "integer" },
  text: { oid: 25, arrayOid: 1009, category: "text" },
  oid: { oid: 26, arrayOid: 1028 },
  tid: { oid: 27, arrayOid: 1010 },
  json: { oid: 114, arrayOid: 199 },
  xml: { oid: 142, arrayOid: 143 },
  point: { oid: 600, arrayOid: 1017 },
  cidr: { oid: 650, arrayOid: 651 },
  float4: { oid: 700, arrayOid: 1021, declared: "real", category: "float" },
  float8: { oid: 701, arrayOid: 1022, declared: "double precision", category: "float" },
  macaddr8: { oid: 774, arrayOid: 775 },
  macaddr: { oid: 829, arrayOid: 1040 },
  inet: { oid: 869, arrayOid: 1041 },
  bpchar: { oid: 1042, arrayOid: 1014, declared: "character()", category: "padded" },
  varchar: { oid: 1043, arrayOid: 1015, declared: "character varying()", category: "text" },
  date: { oid: 1082, arrayOid: 1182, category: "date" },
  time: { oid: 1083, arrayOid: 1183, declared: "time() without time zone", category: "time" },
  timestamp: { oid: 1114, arrayOid: 1115, declared: "timestamp() without time zone", category: "timestamp" },
  timestamptz: { oid: 1184, arrayOid: 1185, declared: "timestamp() with time zone", category: "instant" },
  interval: { oid: 1186, arrayOid: 1187, declared: "interval()" },
  numeric: { oid: 1700, arrayOid: 1231, declared: "numeric()", category: "decimal" },
  bit: { oid: 1560, arrayOid: 1561, declared: "bit()" },
  uuid: { oid: 2950, arrayOid: 2951, category: "uuid" },
  pg_lsn: { oid: 3220, arrayOid: 3221 },
  tsvector: { oid: 3614, arrayOid: 3643 },
  tsquery: { oid: 3615, arrayOid: 3645 },
  jsonb: { oid: 3802, arrayOid: 3807 },
  int4range: { oid: 3904, arrayOid: 3905, isRange: true },
  numrange: { oid: 3906, arrayOid: 3907, isRange: true },
  tsrange: { oid: 3908, arrayOid: 3909, isRange: true },
  tstzrange: { oid: 3910, arrayOid: 3911, isRange: true },
  daterange: { oid: 3912, arrayOid: 3913, isRange: true },
  int8range: { oid: 3926, arrayOid: 3927, isRange: true },
  xid8: { oid: 5069, arrayOid: 271 },
} as const satisfies Readonly<Record<string, TypeEntry>>;

export type PostgresTypeName = keyof typeof types;

export const postgresTypeNames = Object.keys(types) as readonly PostgresTypeName[];

/** Names that are keywords, which the catalogue quotes. */
const keywords: ReadonlySet<string> = new Set(["bit", "char", "interval", "json", "numeric", "time", "timestamp", "varchar"]);

export function postgresType(name: PostgresTypeName, ...modifiers: number[]): PostgresType {
  return { name, modifiers, isArray: false };
}

export function arrayOf(element: PostgresType): PostgresType {
  return { ...element, isArray: true };
}

/** The column type as connectors/postgres describes the same column. */
export function columnTypeOf({ name, modifiers, isArray }: PostgresType): ColumnType {
  const entry: TypeEntry = types[name];
  const plain = keywords.has(name) ? `pg_catalog."${name}"` : `pg_catalog.${name}`;
  const declared = (entry.declared ?? name).replace("()", modifiers.length === 0 ? "" : `(${modifiers.join(",")})`);
  const suffix = isArray ? "[]" : "";
  return {
    family: "postgres",
    identity: `${isArray ? entry.arrayOid : entry.oid}:${modifierOf(name, modifiers)}`,
    declaration: declared + suffix,
    bare: plain + suffix,
    kind: isArray ? "array" : entry.isRange === true ? "range" : "base",
    category: isArray ? "other" : (entry.category ?? "other"),
    definitions: [],
    extension: null,
  };
}

/** pg_attribute.atttypmod: lengths and precisions as each type packs them; -1 without any. */
function modifierOf(name: PostgresTypeName, [first, second = 0]: readonly number[]): number {
  if (first === undefined) return -1;
  switch (name) {
    case "varchar":
    case "bpchar":
      return first + 4;
    case "numeric":
      return ((first << 16) | (second & 0x7ff)) + 4;
    case "interval":
      return (0x7fff << 16) | first;
    default:
      assert(name === "bit" || name === "time" || name === "timestamp" || name === "timestamptz", "the type takes a modifier");
      return first;
  }
}
