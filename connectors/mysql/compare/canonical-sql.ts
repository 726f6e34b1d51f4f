// How MySQL and MariaDB print the values that are compared, and what they hash of a row (engine/model/canonical-form.ts). The session's
// character set is utf8mb4 and its zone UTC (mysql-client.ts).
import { assert } from "../../../engine/model/assert.ts";
import { longValueOctets, selfEndingForms } from "../../../engine/model/canonical-form.ts";
import type { ColumnType } from "../../../engine/model/table.ts";
import { readDeclaration } from "../../../engine/model/type-declaration.ts";
import type { SideColumn } from "../../compared-side.ts";
import { textComparison } from "../mysql-collations.ts";
import { quoteIdentifier } from "../quote.ts";

/** A column's canonical text as an expression; NULL for NULL. */
export function canonicalText({ name, form, type }: SideColumn): string {
  const column = quoteIdentifier(name);
  switch (form) {
    case "integer":
    case "boolean":
      return numberText(column, type);
    case "decimal":
      return trimmedText(numberText(column, type), scaleOf(type));
    case "float":
      return doubleBytes(column);
    case "real":
      return doubleBytes(`${column} + 0e0`);
    case "text":
    case "array":
      return plainText(column, type);
    case "bytes":
      return `LOWER(HEX(${column}))`;
    case "date":
      return `CAST(${column} AS CHAR)`;
    case "timestamp":
    case "instant":
      return type.bare === "date" ? `CAST(CAST(${column} AS DATETIME) AS CHAR)` : momentText(column, type);
    case "time":
    case "span":
      return momentText(column, type);
    case "bits":
      return bitText(column, type);
    case "uuid":
      return uuidText(column, type);
    case "address":
      return `CONCAT('${type.bare === "inet4" ? "02200004" : "03800010"}', LOWER(HEX(INET6_ATON(CAST(${column} AS CHAR)))))`;
    case "printed":
      assert(false, "a form between PostgreSQL servers");
  }
}

/** ZEROFILL and YEAR print zeros in front; BIT is bytes unless it is counted with. */
function numberText(column: string, { declaration, bare }: ColumnType): string {
  const counted = bare === "year" || bare === "bit" || declaration.endsWith(" zerofill");
  return `CAST(${counted ? `${column} + 0` : column} AS CHAR)`;
}

function trimmedText(text: string, fraction: number): string {
  return fraction === 0 ? text : `TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM ${text}))`;
}

function scaleOf({ declaration, bare }: ColumnType): number {
  return bare === "decimal" ? (readDeclaration(declaration).numbers[1] ?? 0) : 0;
}

function momentText(column: string, { declaration }: ColumnType): string {
  return trimmedText(`CAST(${column} AS CHAR)`, readDeclaration(declaration).numbers[0] ?? 0);
}

/**
 * Well-known binary holds the number's eight bytes, the lowest first, after one of order and four of type. The server prints a single
 * with six digits only, and no sign of zero.
 */
function doubleBytes(number: string): string {
  return `LOWER(HEX(REVERSE(SUBSTR(ST_AsWKB(POINT(${number}, 0)), 6, 8))))`;
}

function bitText(column: string, { declaration }: ColumnType): string {
  return `LPAD(BIN(${column} + 0), ${readDeclaration(declaration).numbers[0] ?? 1}, '0')`;
}

function uuidText(column: string, type: ColumnType): string {
  if (type.category !== "bytes") return plainText(column, type);
  const parts = [
    [1, 8],
    [9, 4],
    [13, 4],
    [17, 4],
    [21, 12],
  ].map(([from, length]) => `SUBSTR(HEX(${column}), ${from}, ${length})`);
  // CONCAT_WS would pass over NULL.
  return `LOWER(CONCAT(${parts.join(", '-', ")}))`;
}

/** Text in UTF-8; of other types what the text form of a value is (value-text.ts). */
function plainText(column: string, type: ColumnType): string {
  switch (type.bare) {
    case "bit":
      return bitText(column, type);
    case "datetime":
    case "time":
      return momentText(column, type);
    case "date":
    case "uuid":
    case "inet4":
    case "inet6":
      return `CAST(${column} AS CHAR)`;
    default:
      if (type.category === "integer" || type.category === "decimal") return numberText(column, type);
      return isUtf8(type) ? column : `CONVERT(${column} USING utf8mb4)`;
  }
}

function isUtf8({ declaration, kind, bare }: ColumnType): boolean {
  return kind !== "enum" && bare !== "set" && textComparison(declaration)?.charset === "utf8mb4";
}

/**
 * A row's digest, 16 bytes. NULL where the texts together are more than the server puts together (max_allowed_packet): CONCAT is NULL
 * then, while CONCAT_WS would only pass over it.
 */
export function rowDigest(columns: readonly SideColumn[]): string {
  assert(columns.length > 0, "a copy has a key");
  const tail = columns.flatMap(tailOf);
  const head = columns.map((column) => headOf(column)).join(", '|', ");
  return `UNHEX(MD5(CONCAT(${head}${tail.length === 0 ? "" : `, '|', CONCAT_WS('', ${tail.join(", ")})`})))`;
}

/** Digest of one column's canonical text, hexadecimal; NULL for NULL. */
export function columnDigest(column: SideColumn): string {
  return `MD5(${digestedValue(column)})`;
}

/** Of bytes the bytes themselves: hexadecimal digits would be twice as much. */
function digestedValue(column: SideColumn): string {
  return column.form === "bytes" ? quoteIdentifier(column.name) : canonicalText(column);
}

/** NULL only where the column is not. */
function headOf(column: SideColumn): string {
  const isNull = `${quoteIdentifier(column.name)} IS NULL`;
  if (selfEndingForms.has(column.form)) return `IF(${isNull}, '~', ${canonicalText(column)})`;
  const octets = `OCTET_LENGTH(${digestedValue(column)})`;
  return `IF(${isNull}, -1, ${column.form === "bytes" ? `${octets} * 2` : octets})`;
}

/** NULL adds nothing. */
function tailOf(column: SideColumn): string[] {
  if (selfEndingForms.has(column.form)) return [];
  const text = canonicalText(column);
  if (isShort(column.type)) return [text];
  const source = digestedValue(column);
  const limit = column.form === "bytes" ? longValueOctets / 2 : longValueOctets;
  return [`IF(OCTET_LENGTH(${source}) > ${limit}, MD5(${source}), ${text})`];
}

/** No value is longer than what goes into a row as it is. */
function isShort({ bare, declaration }: ColumnType): boolean {
  const [length = 1] = readDeclaration(declaration).numbers;
  const octetsPerUnit = { char: 4, varchar: 4, binary: 2, varbinary: 2, uuid: 36, enum: 0, inet4: 36, inet6: 64, bit: 1 }[bare];
  return octetsPerUnit !== undefined && length * octetsPerUnit <= longValueOctets;
}
