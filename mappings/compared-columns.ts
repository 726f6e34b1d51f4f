// In which form the columns of a copy are compared with the master's. What no form is known for on both sides is not compared, and is
// said to be so.
import type { CanonicalForm, ComparedColumn, ComparedCopy } from "../engine/model/canonical-form.ts";
import type { ColumnMapping, TableMapping } from "../engine/model/share.ts";
import { modifiersOf, readDeclaration } from "../engine/model/type-declaration.ts";
import { kindOfDeclaration, kindOfType, type ValueKind } from "./compared-kinds.ts";
import type { Family } from "./like-type.ts";

/** What is compared of a copy on a server of this family, in the mapping's order. */
export function comparedCopy(table: TableMapping, family: Family): ComparedCopy {
  const columns: ComparedColumn[] = [];
  const skipped: { readonly column: string; readonly why: string }[] = [];
  for (const column of table.columns) {
    const found = formOf(column, family);
    const verdict = "form" in found && table.key.includes(column.source) ? forKey(found.form, column) : found;
    if ("form" in verdict) columns.push({ source: column.source, target: column.target, form: verdict.form });
    else skipped.push({ column: column.source, why: verdict.why });
  }
  return { table, columns, skipped };
}

type Found = { readonly form: CanonicalForm } | { readonly why: string };

function formOf(column: ColumnMapping, family: Family): Found {
  const { sourceType, targetType, conversion } = column;
  if (conversion === "lossy") return { why: `the configuration accepts that ${targetType ?? "the copy"} holds less than the master` };
  const form = targetType === null ? sameTypeForm(column, family) : formInto(targetType, column, family);
  return form === null
    ? { why: `no form is known in which ${plain(sourceType.declaration)} and ${targetType ?? "the copy's type"} print alike` }
    : { form };
}

/** Where both sides have the master's type. */
function sameTypeForm({ sourceType }: ColumnMapping, family: Family): CanonicalForm | null {
  if (sourceType.family !== family) return null;
  return family === "postgres" ? "printed" : ownForm(kindOfType(sourceType));
}

/** Between MySQL and MariaDB servers, of a type that both have. */
function ownForm(kind: ValueKind): CanonicalForm | null {
  switch (kind) {
    case "integer":
    case "decimal":
    case "date":
    case "time":
    case "timestamp":
    case "instant":
    case "bits":
    case "uuid":
    case "bytes":
    case "boolean":
    case "span":
      return kind;
    case "single":
    case "double":
      return "real";
    case "other":
    case "array":
      return null;
    default:
      return "text";
  }
}

interface Pair {
  readonly from: ValueKind;
  readonly to: ValueKind;
  /** Of the copy. */
  readonly family: Family;
}

/** Null: none is known. */
function formInto(targetType: string, column: ColumnMapping, family: Family): CanonicalForm | null {
  const pair = { from: kindOfType(column.sourceType), to: kindOfDeclaration(targetType, family), family };
  const { from, to } = pair;
  const within = column.sourceType.family === family;
  if (within && family === "postgres" && printsAlike(column, pair)) return "printed";
  if (to === "text" || to === "label" || to === "padded") return textForm(column, pair);
  // JSON of MySQL is rewritten there; PostgreSQL keeps it as it is written.
  if (to === "json") return from === "json" && (within || family === "postgres") ? "text" : null;
  if (from === "single" || from === "double") return floatForm(pair);
  // An INET6 of MariaDB makes another address of PostgreSQL's shorter ones.
  if (from === "address" && column.sourceType.family === "postgres") return null;
  return pairs[`${from} ${to}`] ?? null;
}

/** Kinds of which a value and its copy are printed alike by PostgreSQL, whatever precision the types have. */
const printedKinds: ReadonlySet<ValueKind> = new Set([
  "integer",
  "boolean",
  "bytes",
  "date",
  "time",
  "timestamp",
  "instant",
  "span",
  "uuid",
  "single",
  "double",
]);

/** Text holds what the master prints. */
function printsAlike({ sourceType, targetType }: ColumnMapping, { from, to }: Pair): boolean {
  if (to === "text") return true;
  if (from === to && printedKinds.has(from)) return true;
  return readDeclaration(targetType ?? "").name === readDeclaration(sourceType.declaration).name && to !== "decimal" && to !== "padded";
}

/** Of numbers and times, by their kinds in the master and in the copy. */
const pairs: Readonly<Record<string, CanonicalForm>> = {
  "integer integer": "integer",
  "integer decimal": "decimal",
  "decimal integer": "decimal",
  "decimal decimal": "decimal",
  "integer boolean": "boolean",
  "boolean integer": "boolean",
  "boolean boolean": "boolean",
  "boolean bits": "boolean",
  "bits boolean": "boolean",
  "bits bits": "bits",
  "bytes bytes": "bytes",
  "date date": "date",
  "date timestamp": "timestamp",
  "timestamp timestamp": "timestamp",
  "timestamp instant": "instant",
  "instant timestamp": "instant",
  "instant instant": "instant",
  "time time": "time",
  "time span": "span",
  "span time": "span",
  "span span": "span",
  "uuid uuid": "uuid",
  "uuid bytes": "uuid",
  "address address": "address",
};

/** PostgreSQL is given the shortest digits of a single, which are those of another double. */
function floatForm({ from, to, family }: Pair): CanonicalForm | null {
  if (family === "mysql") return to === "single" || to === "double" ? "real" : null;
  return from === to ? "float" : null;
}

/** Kinds that MySQL prints as it gives them to the copy. */
const printedByMysql: ReadonlySet<ValueKind> = new Set([
  "text",
  "label",
  "json",
  "integer",
  "decimal",
  "date",
  "time",
  "timestamp",
  "bits",
  "uuid",
  "address",
]);

function textForm({ sourceType }: ColumnMapping, { from, to }: Pair): CanonicalForm | null {
  if (from === "array") return to === "text" && isPlainArray(sourceType) ? "array" : null;
  if (from === "uuid") return "uuid";
  return sourceType.family === "postgres" || printedByMysql.has(from) ? "text" : null;
}

/** Elements whose text is the same in an array as in a cast to text, or for which JSON has a form. */
function isPlainArray({ bare, definitions }: ColumnMapping["sourceType"]): boolean {
  const element = /^pg_catalog\."?(\w+)"?\[\]$/.exec(bare)?.[1];
  if (element !== undefined) return !castsOfTheirOwn.has(element);
  const own = definitions.at(-1);
  return own !== undefined && own.kind !== "domain" && [`${own.name.schema}.${own.name.name}[]`, quoted(own.name)].includes(bare);
}

/** Where a cast to text drops blanks, or writes more or less than the array shows. */
const castsOfTheirOwn: ReadonlySet<string> = new Set(["bpchar", "char", "inet", "cidr", "xml"]);

/** As the catalogue qualifies a name, where it must be quoted. */
function quoted({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${[schema, name].map(quotedPart).join(".")}[]`;
}

function quotedPart(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** A key must be found by its form, and be told in the master's own text. */
function forKey(form: CanonicalForm, { sourceType }: ColumnMapping): Found {
  switch (form) {
    case "float":
    case "real":
    case "address":
    case "array":
      return { why: `a key of type ${plain(sourceType.declaration)} cannot be told from its canonical form` };
    case "decimal":
      if (sourceType.category !== "decimal" || modifiersOf(sourceType).length > 0) return { form };
      return { why: "a key without a declared scale has more than one text for a number" };
    case "text":
      if (sourceType.category !== "padded" || modifiersOf(sourceType).length > 0) return { form };
      return { why: "a key without a declared length has more than one text" };
    default:
      return { form };
  }
}

function plain(declaration: string): string {
  return declaration.replace(/ CHARACTER SET .*$/s, "");
}
