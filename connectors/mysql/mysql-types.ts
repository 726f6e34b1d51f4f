// Column types as information_schema states them: what the binary log calls them, how they are declared again, and what
// filters may know of them.
import type { ColumnType, ValueCategory } from "../../engine/model/table.ts";
import { wireIdentity, type WireType } from "./wire-type.ts";

/** One row of information_schema.columns, as far as it speaks of the type. */
export interface TypeFacts {
  /** `bigint(20) unsigned`, `enum('a','b')`. */
  readonly columnType: string;
  /** `bigint`, `enum`. */
  readonly dataType: string;
  /** Null for what is not text. */
  readonly charset: string | null;
  readonly collation: string | null;
  /** Most bytes of a value; null for what is neither text nor bytes. */
  readonly octets: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  /** Digits of a second's fraction. */
  readonly fraction: number | null;
  /** MariaDB's JSON: text that a check holds to be JSON. */
  readonly isJsonText: boolean;
}

/** The type with everything that mappings and filters ask of it. */
export function columnTypeOf(facts: TypeFacts): ColumnType {
  const wire = wireTypeOf(facts);
  return {
    family: "mysql",
    // A type that nothing here knows is equal to none in the log, so that its table stops.
    identity: wire === null ? `unknown ${facts.columnType}` : wireIdentity(wire),
    declaration: declarationOf(facts),
    bare: facts.isJsonText ? "json" : facts.dataType,
    kind: facts.dataType === "enum" ? "enum" : "base",
    category: categoryOf(facts),
    definitions: [],
    extension: null,
  };
}

const integerBytes = { tinyint: 1, smallint: 2, mediumint: 3, int: 4, bigint: 8 } as const;
const lengthBytes: Readonly<Record<string, number>> = {
  tinytext: 1,
  text: 2,
  mediumtext: 3,
  longtext: 4,
  tinyblob: 1,
  blob: 2,
  mediumblob: 3,
  longblob: 4,
  vector: 4,
};
const geometries = /^(geometry|point|linestring|polygon|multipoint|multilinestring|multipolygon|geometrycollection|geomcollection)$/;

/** The type as the binary log tells it; null when it is none that is known. */
function wireTypeOf(facts: TypeFacts): WireType | null {
  const { dataType, octets, precision, scale, fraction } = facts;
  const unsigned = /\b(unsigned|zerofill)\b/.test(withoutLabels(facts));
  const charset = facts.charset === "utf8" ? "utf8mb3" : (facts.charset ?? "");
  switch (dataType) {
    case "tinyint":
    case "smallint":
    case "mediumint":
    case "int":
    case "bigint":
      return { kind: "integer", bytes: integerBytes[dataType], unsigned };
    case "decimal":
      return { kind: "decimal", precision: precision ?? 0, scale: scale ?? 0, unsigned };
    case "float":
    case "double":
      return { kind: dataType, unsigned };
    case "bit":
      return { kind: "bit", bits: precision ?? 0 };
    case "time":
    case "datetime":
    case "timestamp":
      return { kind: dataType, fraction: fraction ?? 0 };
    case "char":
    case "varchar":
      return { kind: dataType, bytes: octets ?? 0, charset };
    case "binary":
    case "varbinary":
      return { kind: dataType, bytes: octets ?? 0 };
    case "tinytext":
    case "text":
    case "mediumtext":
    case "longtext":
      return { kind: "text", lengthBytes: lengthBytes[dataType] ?? 0, charset };
    case "tinyblob":
    case "blob":
    case "mediumblob":
    case "longblob":
    case "vector":
      return { kind: "blob", lengthBytes: lengthBytes[dataType] ?? 0 };
    case "enum":
    case "set":
      return { kind: dataType, labels: labelsOf(facts.columnType), charset };
    case "year":
    case "date":
    case "json":
    case "uuid":
    case "inet4":
    case "inet6":
      return { kind: dataType };
    default:
      return geometries.test(dataType) ? { kind: "geometry" } : null;
  }
}

/** The labels of `enum('a','it''s')`: quotes are doubled, and some characters escaped, as in SHOW CREATE TABLE. */
export function labelsOf(declaration: string): string[] {
  const quoted = declaration.match(/'(?:[^'\\]|''|\\[^])*'/g) ?? [];
  return quoted.map((text) => text.slice(1, -1).replace(/''|\\([^])/g, (_, escaped?: string) => unescaped(escaped)));
}

function unescaped(character: string | undefined): string {
  if (character === undefined) return "'";
  return escapes[character] ?? character;
}

const escapes: Readonly<Record<string, string>> = { "0": "\0", n: "\n", r: "\r", Z: "\x1a" };

/** Keywords stand behind the parentheses, where a label cannot be taken for one. */
function withoutLabels({ columnType }: TypeFacts): string {
  return columnType.replace(/\(.*\)/s, "");
}

function declarationOf({ columnType, charset, collation }: TypeFacts): string {
  // What stands in a comment is how MariaDB stores the column, not what it holds.
  const plain = columnType.replace(/ \/\*.*?\*\//, "");
  if (charset === null || collation === null || plain === "json") return plain;
  return `${plain} CHARACTER SET ${charset} COLLATE ${collation}`;
}

const categories: Readonly<Record<string, ValueCategory>> = {
  tinyint: "integer",
  smallint: "integer",
  mediumint: "integer",
  int: "integer",
  bigint: "integer",
  year: "integer",
  decimal: "decimal",
  float: "float",
  double: "float",
  // CHAR comes without its padding, so blanks at its end mean what they mean in any text.
  char: "text",
  varchar: "text",
  tinytext: "text",
  text: "text",
  mediumtext: "text",
  longtext: "text",
  binary: "bytes",
  varbinary: "bytes",
  tinyblob: "bytes",
  blob: "bytes",
  mediumblob: "bytes",
  longblob: "bytes",
  vector: "bytes",
  date: "date",
  datetime: "timestamp",
  timestamp: "instant",
  uuid: "uuid",
  enum: "enum",
};

/** TIME is a length of time rather than a time of day, and no filter knows such. */
function categoryOf({ dataType, isJsonText }: TypeFacts): ValueCategory {
  return isJsonText ? "other" : (categories[dataType] ?? "other");
}
