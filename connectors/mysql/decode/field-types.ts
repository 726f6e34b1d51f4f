// Type codes of columns in the binary log, their metadata (sql/field.cc, Field::do_save_field_metadata), and what they are.
import type { Flavour } from "../mysql-client.ts";
import type { WireType } from "../wire-type.ts";
import { type ByteReader, malformed } from "./byte-reader.ts";
import { textDecoding } from "./charset.ts";
import { charsetOfCollation } from "./collations.ts";
import { ValueMemory } from "./value-memory.ts";

export const fieldType = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newDate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  decimal: 246,
  enum: 247,
  set: 248,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

/** `type` is the real one where the log writes STRING for it; `first` and `second` are the two bytes of its metadata. */
export interface ColumnFacts {
  readonly type: number;
  readonly first: number;
  readonly second: number;
}

const metadataBytes: Readonly<Record<number, number>> = {
  [fieldType.float]: 1,
  [fieldType.double]: 1,
  [fieldType.varchar]: 2,
  [fieldType.bit]: 2,
  [fieldType.timestamp2]: 1,
  [fieldType.datetime2]: 1,
  [fieldType.time2]: 1,
  [fieldType.blobCompressed]: 1,
  [fieldType.varcharCompressed]: 2,
  [fieldType.vector]: 1,
  [fieldType.json]: 1,
  [fieldType.decimal]: 2,
  [fieldType.enum]: 2,
  [fieldType.set]: 2,
  [fieldType.blob]: 1,
  [fieldType.varString]: 2,
  [fieldType.string]: 2,
  [fieldType.geometry]: 1,
};

const withoutMetadata: ReadonlySet<number> = new Set([
  fieldType.tiny,
  fieldType.short,
  fieldType.long,
  fieldType.timestamp,
  fieldType.longlong,
  fieldType.int24,
  fieldType.date,
  fieldType.time,
  fieldType.datetime,
  fieldType.year,
  fieldType.newDate,
]);

/** Takes the column's part of the metadata. Throws DB-SLOT-010 for a code whose metadata is not known. */
export function readColumnType(code: number, metadata: ByteReader): ColumnFacts {
  const size = metadataBytes[code] ?? (withoutMetadata.has(code) ? 0 : null);
  if (size === null) throw malformed(`a column is of the unknown type ${code}`);
  const first = size > 0 ? metadata.uint8() : 0;
  const second = size > 1 ? metadata.uint8() : 0;
  if (code !== fieldType.string) return { type: code, first, second };
  if (first === fieldType.enum || first === fieldType.set) return { type: first, first, second };
  return { type: code, first, second };
}

/** Columns that the bitmap of signs has a bit for. */
export function isNumeric(type: number): boolean {
  return numericTypes.has(type);
}

const numericTypes: ReadonlySet<number> = new Set([
  fieldType.tiny,
  fieldType.short,
  fieldType.int24,
  fieldType.long,
  fieldType.longlong,
  fieldType.decimal,
  fieldType.float,
  fieldType.double,
  fieldType.year,
]);

/** Columns that the list of character sets has an entry for; MariaDB counts geometries among them. */
export function isCharacter(type: number, flavour: Flavour): boolean {
  return characterTypes.has(type) || (type === fieldType.geometry && flavour === "mariadb");
}

const characterTypes: ReadonlySet<number> = new Set([
  fieldType.varchar,
  fieldType.varString,
  fieldType.string,
  fieldType.blob,
  fieldType.blobCompressed,
  fieldType.varcharCompressed,
]);

export interface ColumnContext {
  readonly unsigned: boolean;
  readonly collation: number | null;
  /** Of ENUM and SET, in the column's character set. */
  readonly labels: readonly Buffer[] | null;
  readonly flavour: Flavour;
}

/** What the column is; a text says why it cannot be read exactly. */
export function wireTypeOf({ type, first, second }: ColumnFacts, context: ColumnContext): WireType | string {
  const { unsigned } = context;
  switch (type) {
    case fieldType.tiny:
      return { kind: "integer", bytes: 1, unsigned };
    case fieldType.short:
      return { kind: "integer", bytes: 2, unsigned };
    case fieldType.int24:
      return { kind: "integer", bytes: 3, unsigned };
    case fieldType.long:
      return { kind: "integer", bytes: 4, unsigned };
    case fieldType.longlong:
      return { kind: "integer", bytes: 8, unsigned };
    case fieldType.decimal:
      return { kind: "decimal", precision: first, scale: second, unsigned };
    case fieldType.float:
      return { kind: "float", unsigned };
    case fieldType.double:
      return { kind: "double", unsigned };
    case fieldType.bit:
      return { kind: "bit", bits: second * 8 + first };
    case fieldType.year:
      return { kind: "year" };
    case fieldType.date:
    case fieldType.newDate:
      return { kind: "date" };
    case fieldType.json:
      return { kind: "json" };
    case fieldType.geometry:
      return { kind: "geometry" };
    // Of MySQL 9; a BLOB to the log.
    case fieldType.vector:
      return { kind: "blob", lengthBytes: first };
    case fieldType.timestamp2:
      return { kind: "timestamp", fraction: first };
    case fieldType.datetime2:
      return { kind: "datetime", fraction: first };
    case fieldType.time2:
      return { kind: "time", fraction: first };
    case fieldType.timestamp:
    case fieldType.datetime:
    case fieldType.time:
      return "the column has the format of before MySQL 5.6, whose fractions of a second the log does not tell: ALTER TABLE ... FORCE converts it";
    case fieldType.enum:
    case fieldType.set:
      return labelled(type === fieldType.enum ? "enum" : "set", context);
    default:
      return bytesType({ type, first, second }, context);
  }
}

function bytesType({ type, first, second }: ColumnFacts, context: ColumnContext): WireType | string {
  const charset = context.collation === null ? null : charsetOfCollation(context.collation);
  if (charset === null) return `its collation ${context.collation ?? ""} is not known`;
  const compressedByte = type === fieldType.varcharCompressed ? 1 : 0;
  if (type === fieldType.blob || type === fieldType.blobCompressed) {
    return charset === "binary" ? { kind: "blob", lengthBytes: first } : { kind: "text", lengthBytes: first, charset };
  }
  if (type === fieldType.string) {
    // Lengths beyond 255 have their two high bits, inverted, in the type's byte.
    const bytes = (((first & 0x30) ^ 0x30) << 4) | second;
    return charset === "binary" ? { kind: "binary", bytes } : { kind: "char", bytes, charset };
  }
  const bytes = (second << 8) + first - compressedByte;
  return charset === "binary" ? { kind: "varbinary", bytes } : { kind: "varchar", bytes, charset };
}

function labelled(kind: "enum" | "set", { collation, labels }: ColumnContext): WireType | string {
  const charset = collation === null ? null : charsetOfCollation(collation);
  if (charset === null || labels === null) return "the log does not tell its labels";
  const decode = textDecoding(charset);
  const memory = new ValueMemory();
  return { kind, charset, labels: labels.map((label) => decode(label, memory).toString("utf8")) };
}
