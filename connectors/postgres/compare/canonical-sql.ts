// How PostgreSQL prints the values that are compared, and what it hashes of a row (engine/model/canonical-form.ts). Functions and types
// are named without their schema: the session has an empty search_path, and fixed settings (postgres-client.ts).
import { assert } from "../../../engine/model/assert.ts";
import { longValueOctets, selfEndingForms } from "../../../engine/model/canonical-form.ts";
import type { ColumnType } from "../../../engine/model/table.ts";
import { systemTypeName } from "../../../engine/model/type-declaration.ts";
import type { SideColumn } from "../../compared-side.ts";
import { quoteIdentifier } from "../quote.ts";

/** What is known of a server once a session is open. */
export interface Printing {
  /** The database's own encoding is UTF8: its text need not be converted before it is hashed. */
  readonly utf8: boolean;
  /** Rows are hashed by `hashtextextended`, not by MD5. */
  readonly quick: boolean;
}

/** A column's canonical text as an expression; NULL for NULL. */
export function canonicalText({ name, form, type }: SideColumn): string {
  const column = quoteIdentifier(name);
  switch (form) {
    case "printed":
      return outputText(column, type);
    case "text":
      // The cast takes the padding away.
      return type.category === "padded" ? `${column}::text` : outputText(column, type);
    case "integer":
    case "date":
    case "time":
    case "span":
    case "bits":
    case "uuid":
      return `${column}::text`;
    case "decimal":
      return type.category === "decimal" ? `trim_scale(${column})::text` : `${column}::text`;
    case "float":
      return `encode(float8send(${column}::float8), 'hex')`;
    case "real":
      return `encode(float8send(${column}::float8 + 0), 'hex')`;
    case "boolean":
      return type.category === "boolean" ? `${column}::int::text` : `${column}::text`;
    case "bytes":
      return `encode(${column}, 'hex')`;
    case "timestamp":
      return `${column}::timestamp::text`;
    case "instant":
      // The session's zone is UTC.
      return `${column}::timestamp::text`;
    case "address":
      return `encode(inet_send(${column}), 'hex')`;
    case "array":
      return arrayJson(column, type);
  }
}

/** Types that a cast to text prints in another way than the change stream does. */
const castsOfTheirOwn: ReadonlySet<string> = new Set(["bool", "bpchar", "char", "inet", "cidr", "xml"]);

/** As the type's output function prints it, which is what COPY and the change stream send. */
function outputText(column: string, type: ColumnType): string {
  const name = systemTypeName(type);
  if (name !== null && !castsOfTheirOwn.has(name)) return `${column}::text`;
  // A row of nulls is a value, and IS NULL all the same.
  return `CASE WHEN ${column} IS NOT DISTINCT FROM NULL THEN NULL ELSE concat(${column}) END`;
}

/** As connectors/mysql/apply/array-json.ts writes it. An array that is numbered from elsewhere than 1 is no JSON anywhere. */
function arrayJson(column: string, { bare }: ColumnType): string {
  const element = /^pg_catalog\."?(\w+)"?\[\]$/.exec(bare)?.[1] ?? "";
  const elements = asJson.has(element) ? column : `${column}::${element === "oid" ? "int8" : "text"}[]`;
  return `CASE WHEN starts_with(concat(${column}), '[') THEN concat(${column}) ELSE array_to_json(${elements})::text END`;
}

/** Element types that JSON has a form for; all others come as strings. */
const asJson: ReadonlySet<string> = new Set(["int2", "int4", "int8", "numeric", "float4", "float8", "bool"]);

/** What a row's digest is made from: expressions for an inner SELECT, and how the outer one puts them together. */
export interface RowText {
  /** Named v0, v1 …; empty: the digest is made from the table's columns themselves. */
  readonly values: readonly string[];
  /** What is hashed, text or bytes. */
  readonly text: string;
}

export function rowText(columns: readonly SideColumn[], printing: Printing): RowText {
  assert(columns.length > 0, "a copy has a key");
  if (columns.every(({ form }) => form === "printed")) {
    const row = `ROW(${columns.map(({ name }) => quoteIdentifier(name)).join(", ")})::text`;
    return { values: [], text: hashed(row, printing) };
  }
  // A value that is named twice must not be printed twice.
  const direct = columns.every((column) => selfEndingForms.has(column.form) || isAtHand(column));
  const value = (column: SideColumn, place: number): string => (direct ? valueOf(column) : `v${place}`);
  const head = columns.map((column, place) => headOf(column, value(column, place), printing));
  const tail = columns.flatMap((column, place) => tailOf(column, value(column, place), printing));
  const text = joined("concat_ws", "'|'", tail.length === 0 ? head : [...head, joined("concat", "", tail)]);
  return { values: direct ? [] : columns.map(valueOf), text: hashed(text, printing) };
}

/** Digest of one column's canonical text over `value`, which is what `digestedValue` gives; NULL for NULL. */
export function columnDigest({ form }: SideColumn, value: string, printing: Printing): string {
  return `md5(${form === "bytes" ? value : hashed(value, printing)})`;
}

/** Of bytes the bytes themselves: hexadecimal digits would be twice as much. */
export function digestedValue(column: SideColumn): string {
  return column.form === "bytes" ? quoteIdentifier(column.name) : canonicalText(column);
}

/** A printed value beside others goes as a row of one, which the server quotes, and which is never NULL. */
function valueOf(column: SideColumn): string {
  return column.form === "printed" ? `ROW(${quoteIdentifier(column.name)})::text` : digestedValue(column);
}

/** The column as it is stored. */
function isAtHand({ form, type }: SideColumn): boolean {
  return form === "bytes" || (form === "text" && ["text", "varchar"].includes(systemTypeName(type) ?? ""));
}

function headOf({ form }: SideColumn, value: string, printing: Printing): string {
  if (selfEndingForms.has(form)) return `coalesce(${value}, '~')`;
  return form === "bytes" ? `coalesce(octet_length(${value}) * 2, -1)` : `coalesce(octet_length(${hashed(value, printing)}), -1)`;
}

/** NULL adds nothing. */
function tailOf({ form }: SideColumn, value: string, printing: Printing): string[] {
  if (selfEndingForms.has(form)) return [];
  if (form === "bytes")
    return [`CASE WHEN octet_length(${value}) > ${longValueOctets / 2} THEN md5(${value}) ELSE encode(${value}, 'hex') END`];
  const source = hashed(value, printing);
  return [`CASE WHEN octet_length(${source}) > ${longValueOctets} THEN md5(${source}) ELSE ${value} END`];
}

function hashed(text: string, { utf8 }: Printing): string {
  return utf8 ? text : `convert_to(${text}, 'UTF8')`;
}

/** A function takes a hundred arguments at most. */
const argumentsMax = 90;

/** What a function that puts texts together, `separator` first where it takes one, makes of all of them. */
function joined(name: "concat" | "concat_ws", separator: string, parts: readonly string[]): string {
  if (parts.length <= argumentsMax) return `${name}(${(separator === "" ? parts : [separator, ...parts]).join(", ")})`;
  const groups: string[] = [];
  for (let from = 0; from < parts.length; from += argumentsMax)
    groups.push(joined(name, separator, parts.slice(from, from + argumentsMax)));
  return joined(name, separator, groups);
}
