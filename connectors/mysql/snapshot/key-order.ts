// Conditions that say where a row's key lies against another, in the server's own order of the index. They are written as
// the optimizer understands them as ranges of an index: row constructors it does not.
import { assert } from "../../../engine/model/assert.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { CatalogColumn, ColumnType } from "../../../engine/model/table.ts";
import { textComparison } from "../mysql-collations.ts";
import { labelsOf } from "../mysql-types.ts";
import { quoteIdentifier } from "../quote.ts";
import { textBytes } from "../value-text.ts";

/** Every key column has the value. Under a coarse collation other spellings are equal too. */
export function isEqual(columns: readonly CatalogColumn[], key: Key): string {
  return `(${columns.map((column, index) => compare(column, "=", part(key, index))).join(" AND ")})`;
}

export function isAfter(columns: readonly CatalogColumn[], key: Key): string {
  return lies(columns, key, ">", ">");
}

export function isUpTo(columns: readonly CatalogColumn[], key: Key): string {
  return lies(columns, key, "<", "<=");
}

type Comparison = "=" | "<" | "<=" | ">";

/** `a > x OR (a = x AND (b > y OR (b = y AND …)))`; `last` compares the last column. */
function lies(columns: readonly CatalogColumn[], key: Key, comparison: Comparison, last: Comparison): string {
  assert(columns.length === key.length, "a key has a value for each of its columns");
  let sql = "";
  for (const [index, column] of [...columns.entries()].toReversed()) {
    const value = part(key, index);
    sql =
      sql === "" ? compare(column, last, value) : `(${compare(column, comparison, value)} OR (${compare(column, "=", value)} AND ${sql}))`;
  }
  return sql;
}

function compare({ name, type }: CatalogColumn, comparison: Comparison, value: Buffer): string {
  if (type.kind === "enum") return compareLabel(quoteIdentifier(name), type, comparison, value.toString("utf8"));
  return `${quoteIdentifier(name)} ${comparison} ${keyLiteral(type, value)}`;
}

/** Enums are ordered by number, and compared with text by text. The error value, number 0, prints as nothing. */
function compareLabel(column: string, type: ColumnType, comparison: Comparison, label: string): string {
  const labels = labelsOf(type.declaration);
  const number = labels.indexOf(label);
  const among = (wanted: readonly string[]): string =>
    wanted.length === 0 ? "FALSE" : `${column} IN (${wanted.map((text) => textLiteral(type, Buffer.from(text, "utf8"))).join(", ")})`;
  switch (comparison) {
    case "=":
      return number < 0 ? `${column} = 0` : among([label]);
    case ">":
      return among(labels.slice(number + 1));
    case "<":
    case "<=": {
      const below = labels.slice(0, comparison === "<" ? Math.max(number, 0) : number + 1);
      return comparison === "<" && number < 0 ? "FALSE" : `(${column} = 0 OR ${among(below)})`;
    }
  }
}

/** A value of a key column as the constant that lets the index be used: of the column's own type, character set and collation. */
function keyLiteral(type: ColumnType, value: Buffer): string {
  switch (type.category) {
    case "integer":
    case "decimal":
      return plain(value, /^-?\d+(\.\d+)?$/);
    case "bytes":
      return `X'${textBytes(value).toString("hex")}'`;
    case "text":
      return textLiteral(type, value);
    case "instant":
      // The session's zone is UTC.
      return `'${plain(value, /^[-0-9 :.]+\+00$/).slice(0, -3)}'`;
    default:
      // Digits in quotes would be a text, and its bytes the number.
      if (type.bare === "bit") return `b'${plain(value, /^[01]+$/)}'`;
      return `'${plain(value, /^[-0-9a-f :.]+$/i)}'`;
  }
}

function plain(value: Buffer, form: RegExp): string {
  const text = value.toString("latin1");
  assert(form.test(text), "a key's text has the form of its column's type");
  return text;
}

function textLiteral(type: ColumnType, value: Buffer): string {
  const comparison = textComparison(type.declaration);
  assert(comparison !== null, "text has a character set and a collation");
  const utf8 = `CONVERT(X'${value.toString("hex")}' USING utf8mb4)`;
  return `CONVERT(${utf8} USING ${comparison.charset}) COLLATE ${comparison.collation}`;
}

function part(key: Key, index: number): Buffer {
  const value = key[index];
  assert(value !== undefined, "a key has a value for each of its columns");
  return value;
}
