// io.debezium.data.* (Debezium documentation, "Data type mappings" of each connector).
import { UNCHANGED } from "../../../engine/model/row.ts";
import { doubleText, floatText } from "../../float-text.ts";
import { type CodecContext, isMysqlFamily } from "./codec-context.ts";
import { type ConnectSchema, fieldOf } from "./connect-schema.ts";
import { decimal, variableScaleDecimal } from "./decimal-codecs.ts";
import { inexact, malformed, unreadable } from "./decode-failure.ts";
import { geometry, point } from "./geometry-codecs.ts";
import { postgresType, type PostgresTypeName } from "./postgres-type.ts";
import { type CodecMaker, temporalCodecs } from "./temporal-codecs.ts";
import { ascii, codec, type ValueCodec } from "./value-codec.ts";
import type { ValueReader } from "./value-reader.ts";

const text =
  (type: PostgresTypeName): CodecMaker =>
  (schema, { unavailable }) =>
    codec(postgresType(type), (reader) => {
      const value = reader.text(schema);
      return value.equals(unavailable.text) ? UNCHANGED : value;
    });

const uuid: CodecMaker = (schema, { unavailable }) =>
  codec(postgresType("uuid"), (reader) => {
    const value = reader.text(schema);
    if (value.equals(unavailable.text)) return UNCHANGED;
    return ascii(value.toString("latin1").toLowerCase());
  });

/** The connector makes JSON of an hstore; unchanged, of its placeholder too. */
const json: CodecMaker = (schema, { source, unavailable }) => {
  const placeholder = unavailable.text.toString("utf8");
  const asMap = Buffer.from(JSON.stringify({ [placeholder]: placeholder }), "utf8");
  return codec(postgresType(source?.name === "JSONB" ? "jsonb" : "json"), (reader) => {
    const value = reader.text(schema);
    return value.equals(unavailable.text) || value.equals(asMap) ? UNCHANGED : value;
  });
};

/** Bits come from the lowest byte on, without zeros at the end. */
const bits: CodecMaker = (schema, { connector, source }) => {
  const length = Number(schema.parameters["length"]);
  if (connector === "postgresql" && source?.name !== "BIT") {
    throw inexact(
      source === null ? "bits of fixed and of varying length cannot be told apart" : "bits of varying length come without their length",
      source === null ? "Set `column.propagate.source.type=.*` at the connector" : "Leave the column out with `column.exclude.list`",
    );
  }
  if (!Number.isInteger(length) || length < 1) throw malformed("bits have no length in their schema");
  return codec(postgresType("bit", length), (reader) => ascii(bitText(reader.bytes(schema), length)));
};

function bitText(bytes: Buffer, length: number): string {
  let digits = "";
  for (const byte of bytes) digits = byte.toString(2).padStart(8, "0") + digits;
  if (/1/.test(digits.slice(0, -length))) throw unreadable("there are more bits than their type has");
  return digits.padStart(length, "0").slice(-length);
}

/** In the log MariaDB's connector leaves the backslash before a comma that it keeps its labels with. */
const enumLabel: CodecMaker = (schema, context) => {
  if (!isMysqlFamily(context.connector)) return text("text")(schema, context);
  return codec(postgresType("text"), (reader) => {
    const value = reader.text(schema);
    return value.includes("\\,") ? Buffer.from(value.toString("utf8").replaceAll("\\,", ","), "utf8") : value;
  });
};

/** Vectors: pgvector's own text; MySQL's type as its bytes, as the other connector has them. */
const vector: CodecMaker = (schema, { connector }) => {
  const items = schema.items;
  if (items === null || (items.type !== "float" && items.type !== "double")) throw malformed("a vector's schema has no numbers");
  const numbersOf = (reader: ValueReader): number[] => {
    const numbers: number[] = [];
    reader.array(schema, () => numbers.push(reader.double(items)));
    return numbers;
  };
  if (isMysqlFamily(connector)) {
    return codec(postgresType("bytea"), (reader) => {
      const numbers = numbersOf(reader);
      const bytes = Buffer.alloc(numbers.length * 4);
      numbers.forEach((number, index) => bytes.writeFloatLE(number, index * 4));
      return ascii(`\\x${bytes.toString("hex")}`);
    });
  }
  const print = items.type === "float" ? floatText : doubleText;
  return codec(postgresType("text"), (reader) => ascii(`[${numbersOf(reader).map(print).join(",")}]`));
};

/** Pgvector's sparsevec, whose indices count from 1. */
const sparseVector: CodecMaker = (schema) => {
  const entries = fieldOf(schema, "vector");
  const numbers = entries?.items;
  if (entries?.type !== "map" || numbers === null || numbers === undefined) throw malformed("a sparse vector's schema has no map");
  const dimensionsAt = schema.fields.findIndex(({ name }) => name === "dimensions");
  return codec(postgresType("text"), (reader) => {
    let dimensions = 0;
    const parts: [number, string][] = [];
    reader.struct(schema, (index) => {
      if (index === dimensionsAt) dimensions = Number(reader.integer());
      else reader.map(entries, (key) => parts.push([Number(key.toString("latin1")), doubleText(reader.double(numbers))]));
    });
    const printed = parts.toSorted(([a], [b]) => a - b).map(([index, number]) => `${index}:${number}`);
    return ascii(`{${printed.join(",")}}/${dimensions}`);
  });
};

const codecs: Readonly<Record<string, CodecMaker>> = {
  ...temporalCodecs,
  "org.apache.kafka.connect.data.Decimal": decimal,
  "io.debezium.data.VariableScaleDecimal": variableScaleDecimal,
  "io.debezium.data.Bits": bits,
  "io.debezium.data.Json": json,
  "io.debezium.data.Xml": text("xml"),
  "io.debezium.data.Uuid": uuid,
  "io.debezium.data.Ltree": text("text"),
  "io.debezium.data.Tsvector": text("tsvector"),
  "io.debezium.data.TsVector": text("tsvector"),
  "io.debezium.data.Enum": enumLabel,
  "io.debezium.data.EnumSet": text("text"),
  "io.debezium.data.FloatVector": vector,
  "io.debezium.data.DoubleVector": vector,
  "io.debezium.data.SparseDoubleVector": sparseVector,
  "io.debezium.data.geometry.Point": point,
  "io.debezium.data.geometry.Geometry": geometry,
  "io.debezium.data.geometry.Geography": geometry,
};

/** The codec of a semantic type; null: none that is known. */
export function semanticCodec(name: string, schema: ConnectSchema, context: CodecContext): ValueCodec | null {
  return Object.hasOwn(codecs, name) ? (codecs[name]?.(schema, context) ?? null) : null;
}
