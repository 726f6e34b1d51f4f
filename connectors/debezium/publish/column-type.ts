// The type that a published column has, by PostgreSQL's own name for it.
import type { ColumnMapping } from "../../../engine/model/share.ts";
import { readDeclaration } from "../../../engine/model/type-declaration.ts";

export interface PublishedType {
  /** As pg_type names it: `int4`, `bpchar`; of a type that PostgreSQL does not bring along as it is declared. */
  readonly name: string;
  /** Length, or precision and scale, as declared. */
  readonly numbers: readonly number[];
  /** Of an array: what its elements are. */
  readonly element: PublishedType | null;
  /** Of an enum: its labels in order. */
  readonly labels: readonly string[] | null;
}

/** As the column is declared in the copy; a domain is what lies under it. */
export function publishedType({ targetType, sourceType }: ColumnMapping): PublishedType {
  if (targetType !== null) return declaredType(targetType);
  const { kind, declaration, bare, definitions } = sourceType;
  if (kind === "domain") return declaredType(bare);
  const own = definitions.at(-1);
  if (kind === "enum" && own?.kind === "enum") return { name: "enum", numbers: [], element: null, labels: own.labels };
  return declaredType(declaration);
}

function declaredType(declaration: string): PublishedType {
  if (declaration.endsWith("[]")) {
    const element = declaredType(declaration.slice(0, -2));
    return { name: `_${element.name}`, numbers: [], element, labels: null };
  }
  const { name, numbers } = readDeclaration(declaration);
  // "char" in quotes is another type than char.
  const plain = name === '"char"' ? name : name.replace(/^pg_catalog\./, "").replaceAll('"', "");
  const known = plain.startsWith("interval") ? "interval" : (otherNames[plain] ?? plain);
  return { name: known, numbers, element: null, labels: null };
}

const otherNames: Readonly<Record<string, string>> = {
  smallint: "int2",
  integer: "int4",
  int: "int4",
  bigint: "int8",
  decimal: "numeric",
  real: "float4",
  "double precision": "float8",
  float: "float8",
  boolean: "bool",
  "character varying": "varchar",
  character: "bpchar",
  char: "bpchar",
  "bit varying": "varbit",
  "time without time zone": "time",
  "time with time zone": "timetz",
  "timestamp without time zone": "timestamp",
  "timestamp with time zone": "timestamptz",
};
