// The way back from a canonical form to the text form that a value has in its own database (row.ts): what the change stream calls
// a row, and what a key column is compared with.
import { assert } from "./assert.ts";
import type { CanonicalForm, ComparedCopy } from "./canonical-form.ts";
import type { Key } from "./row.ts";
import type { ColumnType } from "./table.ts";
import { modifiersOf } from "./type-declaration.ts";

/** A canonical key as the source's change stream would say it, byte for byte. */
export function sourceKey({ table, columns }: ComparedCopy, key: readonly string[]): Key {
  return table.key.map((name, place) => {
    const form = columns.find((column) => column.source === name)?.form;
    const type = table.columns.find((column) => column.source === name)?.sourceType;
    const text = key[place];
    assert(form !== undefined && type !== undefined && text !== undefined, "a key has a value for each of its columns");
    return Buffer.from(textForm(form, type, text), "utf8");
  });
}

/** The text form of a value in a column of this type, of either family. Not of float, real, address and array. */
export function textForm(form: CanonicalForm, type: ColumnType, text: string): string {
  switch (form) {
    case "boolean":
      return type.category === "boolean" ? (text === "1" ? "t" : "f") : text;
    case "decimal":
      return type.category === "decimal" ? withScale(text, type) : text;
    case "text":
      return type.category === "padded" ? withPadding(text, type) : text;
    case "bytes":
      return `\\x${text}`;
    case "uuid":
      return type.category === "bytes" ? `\\x${text.replaceAll("-", "")}` : text;
    case "timestamp":
      return type.category === "date" ? text.replace(" 00:00:00", "") : text;
    case "instant":
      return type.category === "instant" ? withZone(text) : text;
    case "printed":
    case "integer":
    case "date":
    case "time":
    case "span":
    case "bits":
      return text;
    case "float":
    case "real":
    case "address":
    case "array":
      assert(false, "columns of this form are in no key that is compared");
  }
}

/** A declared scale is printed whole; a number without one has more than one text, and is no key that is compared. */
function withScale(text: string, type: ColumnType): string {
  const [precision, scale = 0] = modifiersOf(type);
  const [, whole, fraction = ""] = /^(-?\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (precision === undefined || whole === undefined || scale <= 0) return text;
  return `${whole}.${fraction.padEnd(scale, "0")}`;
}

/** PostgreSQL's char(n) counts characters. */
function withPadding(text: string, type: ColumnType): string {
  const [length = 0] = modifiersOf(type);
  return text + " ".repeat(Math.max(0, length - Array.from(text).length));
}

/** `2026-01-02 03:04:05+00`, `0044-03-15 00:00:00+00 BC`, and `infinity` as it is. */
function withZone(text: string): string {
  return text.endsWith("infinity") ? text : text.replace(/(?= BC$)|(?<! BC)$/, "+00");
}
