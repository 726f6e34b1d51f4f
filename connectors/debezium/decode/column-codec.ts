// Which codec a column's schema asks for. What no rule names is refused: an unknown type is never passed through.
import { UNCHANGED } from "../../../engine/model/row.ts";
import { doubleText, floatText } from "../../float-text.ts";
import { arrayCodec, mapCodec } from "./compound-codecs.ts";
import { type CodecContext, isMysqlFamily } from "./codec-context.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { semanticCodec } from "./data-codecs.ts";
import { decimalAsText, isDecimal, refuseInexact } from "./decimal-codecs.ts";
import { DecodeFailure, inexact, unreadable } from "./decode-failure.ts";
import { postgresType, type PostgresTypeName } from "./postgres-type.ts";
import { ascii, codec, type ValueCodec } from "./value-codec.ts";

export function columnCodec(schema: ConnectSchema, context: CodecContext): ValueCodec {
  if (context.connector === "postgresql" && schema.type !== "array" && isPostgresArray(context)) {
    throw inexact("arrays of this type come empty", "Leave the column out with `column.exclude.list` of the connector");
  }
  if (schema.name === null) return plainCodec(schema, context);
  const known = semanticCodec(schema.name, schema, context);
  if (known === null) throw unknownType(schema.name);
  return known;
}

function unknownType(name: string): DecodeFailure {
  return new DecodeFailure("DB-KAF-107", { cause: `type ${name} is not known` });
}

/** `_INT4`, `KINDS._COLOUR`. */
function isPostgresArray({ source }: CodecContext): boolean {
  return source !== null && /^(?:[^.]+\.)?_/.test(source.name);
}

function plainCodec(schema: ConnectSchema, context: CodecContext): ValueCodec {
  switch (schema.type) {
    case "int8":
    case "int16":
      return integer("int2");
    case "int32":
      return integer("int4");
    case "int64":
      return bigInteger(context);
    case "float":
    case "double":
      return float(schema, context);
    case "boolean":
      return boolean(context);
    case "string":
      return string(schema, context);
    case "bytes":
      return bytes(schema, context);
    case "array":
      return arrayCodec(schema, context, columnCodec);
    case "map":
      return mapCodec(schema, context);
    case "struct":
      throw unknownType("struct without a name");
  }
}

function integer(type: PostgresTypeName): ValueCodec {
  return codec(postgresType(type), (reader) => reader.integerText());
}

/** `bigint.unsigned.handling.mode=long` lets numbers from 2^63 on turn negative; the source's type tells them. */
function bigInteger({ connector, source }: CodecContext): ValueCodec {
  if (isMysqlFamily(connector) && source?.name.startsWith("BIGINT UNSIGNED") === true) {
    return codec(postgresType("numeric", 20, 0), (reader) => {
      const value = reader.integer();
      return ascii(String(value < 0 ? BigInt(value) + 2n ** 64n : value));
    });
  }
  return integer(connector === "postgresql" && source?.name === "OID" ? "oid" : "int8");
}

/** MySQL's and MariaDB's text protocol prints a FLOAT with six digits: fewer are sure to be all of them. */
function isCut(text: Buffer): boolean {
  return (/^-?([\d.]*)/.exec(text.toString("latin1"))?.[1] ?? "").replace(/[.]|^0[.]?0*|0+$/g, "").length > 5;
}

function float(schema: ConnectSchema, context: CodecContext): ValueCodec {
  if (isDecimal(context.source)) refuseInexact(context);
  if (schema.type === "double") return codec(postgresType("float8"), (reader) => ascii(doubleText(reader.double(schema))));
  const doubt = isMysqlFamily(context.connector) ? { doubtful: isCut } : {};
  return codec(postgresType("float4"), (reader) => ascii(floatText(reader.double(schema))), doubt);
}

/** One bit: MySQL's BIT(1), PostgreSQL's bit(1); both print digits. */
function boolean({ connector, source }: CodecContext): ValueCodec {
  if (source?.name === "BIT" || (isMysqlFamily(connector) && source === null)) {
    if (connector !== "sqlserver") return codec(postgresType("bit", 1), (reader) => ascii(reader.boolean() ? "1" : "0"));
  }
  return codec(postgresType("bool"), (reader) => ascii(reader.boolean() ? "t" : "f"));
}

const postgresTexts: Readonly<Record<string, PostgresTypeName>> = {
  NAME: "name",
  CHAR: "char",
  INET: "inet",
  CIDR: "cidr",
  MACADDR: "macaddr",
  MACADDR8: "macaddr8",
  INT4RANGE: "int4range",
  INT8RANGE: "int8range",
  NUMRANGE: "numrange",
  TSRANGE: "tsrange",
  TSTZRANGE: "tstzrange",
  DATERANGE: "daterange",
};
const binaryNames = /^(BYTEA|BINARY|VARBINARY|TINYBLOB|BLOB|MEDIUMBLOB|LONGBLOB|IMAGE|RAW)\b/;

function string(schema: ConnectSchema, context: CodecContext): ValueCodec {
  const { connector, source } = context;
  if (isDecimal(source)) return decimalAsText(schema, context);
  if (source !== null && binaryNames.test(source.name)) return binaryText(schema, context, hex);
  if (connector === "postgresql" && source !== null && !postgresStrings.has(source.name)) return serverText(schema, context, source.name);
  return plainText(schema, context);
}

function plainText(schema: ConnectSchema, context: CodecContext): ValueCodec {
  const { connector, source, unavailable } = context;
  return codec(stringType(context), (reader) => orUnchanged(reader.text(schema), unavailable.text, (value) => value), {
    deterministic: !(connector === "postgresql" && source?.name.endsWith("CITEXT") === true),
  });
}

function stringType({ connector, source }: CodecContext): ValueCodec["type"] {
  if (source === null) return postgresType("text");
  const { name, length } = source;
  if (connector === "postgresql") {
    if (name === "BPCHAR" && length !== null) return postgresType("bpchar", length);
    if (name === "VARCHAR") return length === null ? postgresType("varchar") : postgresType("varchar", length);
    return postgresType(Object.hasOwn(postgresTexts, name) ? (postgresTexts[name] ?? "text") : "text");
  }
  const isSized = isMysqlFamily(connector) && (name === "CHAR" || name === "VARCHAR") && length !== null && length > 0;
  return isSized ? postgresType("varchar", length) : postgresType("text");
}

/** Types of PostgreSQL whose values the connector itself makes text of. */
const postgresStrings: ReadonlySet<string> = new Set([
  ...Object.keys(postgresTexts),
  "TEXT",
  "VARCHAR",
  "BPCHAR",
  "CITEXT",
  "PUBLIC.CITEXT",
]);

/** A domain over text, or the server's text of a type that the connector does not know, which it treats like bytes. */
function serverText(schema: ConnectSchema, context: CodecContext, name: string): ValueCodec {
  if (Object.hasOwn(postgresBytes, name)) {
    const { read } = binaryText(schema, context, (value) => value);
    return codec(postgresType(postgresBytes[name] ?? "text"), read);
  }
  if (context.binary === "bytes") return plainText(schema, context);
  throw inexact(
    `type ${name} may come as text or as the text of bytes`,
    "Set `binary.handling.mode=bytes` at the connector, or leave the column out with `column.exclude.list`",
  );
}

/** `binary.handling.mode` other than bytes. */
function binaryText(schema: ConnectSchema, { binary, unavailable }: CodecContext, print: (value: Buffer) => Buffer): ValueCodec {
  if (binary === "bytes") {
    throw new DecodeFailure("DB-KAF-106", {
      cause: "bytes come as text, and the configuration does not say in which form",
      remedy: "Set `binary` of the source's converter to what `binary.handling.mode` of the connector is",
    });
  }
  const form = binary === "hex" ? /^(?:[0-9a-fA-F]{2})*$/ : /^[A-Za-z0-9+/_-]*={0,2}$/;
  return codec(postgresType("bytea"), (reader) => {
    const text = reader.text(schema);
    const written = text.toString("latin1");
    if (text.equals(unavailable.text)) return UNCHANGED;
    if (!form.test(written)) throw unreadable("bytes are not written as the configuration says");
    const value = Buffer.from(written, binary === "hex" ? "hex" : "base64");
    return orUnchanged(value, unavailable.text, print);
  });
}

/** Types that the connector prints by itself, and otherwise than the server (`include.unknown.datatypes`). */
const reprinted: ReadonlySet<string> = new Set(["LINE", "LSEG", "BOX", "PATH", "POLYGON", "CIRCLE"]);
const postgresBytes: Readonly<Record<string, PostgresTypeName>> = { XID8: "xid8", TSQUERY: "tsquery", PG_LSN: "pg_lsn", TID: "tid" };

function bytes(schema: ConnectSchema, { connector, source, unavailable }: CodecContext): ValueCodec {
  if (connector === "postgresql" && source !== null && source.name !== "BYTEA") {
    if (reprinted.has(source.name)) {
      throw inexact(`type ${source.name} comes otherwise than the server prints it`, "Leave the column out with `column.exclude.list`");
    }
    const type = Object.hasOwn(postgresBytes, source.name) ? (postgresBytes[source.name] ?? "text") : "text";
    return codec(postgresType(type), (reader) => orUnchanged(reader.bytes(schema), unavailable.text, (value) => value));
  }
  return codec(postgresType("bytea"), (reader) => orUnchanged(reader.bytes(schema), unavailable.text, hex));
}

function orUnchanged(value: Buffer, placeholder: Buffer, print: (value: Buffer) => Buffer): Buffer | typeof UNCHANGED {
  return value.equals(placeholder) ? UNCHANGED : print(value);
}

function hex(value: Buffer): Buffer {
  return ascii(`\\x${value.toString("hex")}`);
}
