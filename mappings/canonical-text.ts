// Canonical forms of values that no server holds: of their text form as the change stream tells it (row.ts). It gives, octet for octet,
// what the servers print and hash (engine/model/canonical-form.ts), so that a row that was sent can be held against the copy. Pure.
import { createHash } from "node:crypto";
import { type CanonicalForm, longValueOctets, selfEndingForms } from "../engine/model/canonical-form.ts";
import type { ColumnType } from "../engine/model/table.ts";
import { systemTypeName } from "../engine/model/type-declaration.ts";

/** Forms that can be told from a text form alone. */
export type ToldForm = Exclude<CanonicalForm, "printed" | "real" | "span" | "address" | "array">;

/** The canonical text of a value in its own database's text form. */
export function canonicalText(form: ToldForm, type: ColumnType, value: Buffer): Buffer {
  switch (form) {
    case "text":
      return type.category === "padded" ? Buffer.from(value.toString("latin1").replace(/ +$/, ""), "latin1") : value;
    case "integer":
    case "bits":
    case "date":
    case "time":
      return value;
    case "boolean":
      return type.category === "boolean" ? Buffer.from(value.toString("latin1") === "t" ? "1" : "0") : value;
    case "decimal":
      return Buffer.from(withoutZeros(value.toString("latin1")));
    case "float":
      return Buffer.from(doubleBytes(value.toString("latin1")).toString("hex"));
    case "bytes":
      return value.subarray("\\x".length);
    case "uuid":
      return Buffer.from(value.toString("latin1").toLowerCase());
    case "timestamp":
      return type.category === "date" ? Buffer.from(value.toString("latin1").replace(/^[\d-]+/, "$& 00:00:00")) : value;
    case "instant":
      return type.category === "instant" ? Buffer.from(value.toString("latin1").replace(/\+00(?= BC$|$)/, "")) : value;
  }
}

function withoutZeros(text: string): string {
  const trimmed = /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, "") : text;
  return trimmed === "-0" ? "0" : trimmed;
}

function doubleBytes(text: string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(Number(text));
  return bytes;
}

/** Whether the form says of these values what the server would: of the shorter inexact numbers the text is that of another double. */
export function isTold(form: CanonicalForm, type: ColumnType): form is ToldForm {
  if (form === "float") return systemTypeName(type) === "float8";
  return form !== "printed" && form !== "real" && form !== "span" && form !== "address" && form !== "array";
}

/** A compared column's form and its canonical text; null: NULL. */
export interface CanonicalValue {
  readonly form: ToldForm;
  readonly text: Buffer | null;
}

/** Digest of one column's canonical text, hexadecimal; null for NULL. */
export function columnDigest({ form, text }: CanonicalValue): string | null {
  return text === null ? null : md5(form === "bytes" ? fromHex(text) : text);
}

/** Digest of a row, of its compared columns in their order, 32 hexadecimal digits. */
export function rowDigest(values: readonly CanonicalValue[]): string {
  const head = values.map(({ form, text }) => {
    if (selfEndingForms.has(form)) return text === null ? "~" : text.toString("latin1");
    return String(text?.length ?? -1);
  });
  const others = values.filter(({ form }) => !selfEndingForms.has(form));
  if (others.length === 0) return md5(Buffer.from(head.join("|")));
  return md5(Buffer.concat([Buffer.from(`${head.join("|")}|`), ...others.flatMap(tailOf)]));
}

function tailOf(value: CanonicalValue): Buffer[] {
  if (value.text === null) return [];
  return [value.text.length > longValueOctets ? Buffer.from(columnDigest(value) ?? "") : value.text];
}

function fromHex(text: Buffer): Buffer {
  return Buffer.from(text.toString("latin1"), "hex");
}

function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}
