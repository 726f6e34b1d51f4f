// One column of a published table: its schema in Kafka Connect's JSON form, and its values as JSON that reads back exactly.
// https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-data-types
import { isUtf8 } from "node:buffer";
import { arrayElements } from "./array-elements.ts";
import type { PublishedType } from "./column-type.ts";
import { decimalBytes, floatNumber, variableScaleDecimal, wholeNumber } from "./number-value.ts";
import { epochDays, epochMicros, isoInterval, microTime, zonedTimestamp } from "./temporal-value.ts";
import { ValueRefused } from "./value-refused.ts";

/** A schema as org.apache.kafka.connect.json.JsonConverter writes it. */
export interface ConnectSchema {
  readonly type: string;
  readonly name?: string;
  readonly version?: number;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly items?: ConnectSchema;
  readonly fields?: readonly (ConnectSchema & { readonly field: string })[];
  readonly optional?: boolean;
}

export interface FieldCodec {
  readonly schema: ConnectSchema;
  /** JSON of a value that is not NULL, from its text. Throws ValueRefused. */
  readonly encode: (text: string) => string;
}

/**
 * Types that are not named here are published as the text that PostgreSQL prints; among them times with a zone, whose zone
 * Debezium's form (`io.debezium.time.ZonedTime`) does not keep.
 */
export function fieldCodec(type: PublishedType): FieldCodec {
  const codec = type.element === null ? (codecs[type.name] ?? asText)(type) : arrayCodec(fieldCodec(type.element));
  return { ...codec, schema: { ...codec.schema, parameters: { ...codec.schema.parameters, ...columnParameters(type) } } };
}

/** The value's text. Throws ValueRefused for bytes that are no text. */
export function textOf(value: Buffer): string {
  if (!isUtf8(value)) throw new ValueRefused("text in another encoding than UTF-8");
  return value.toString("utf8");
}

type CodecOf = (type: PublishedType) => FieldCodec;

const quoted = JSON.stringify;
const semantic = (name: string, version = 1): Pick<ConnectSchema, "name" | "version"> => ({ name, version });
const plain =
  (type: string, encode: FieldCodec["encode"], meaning: Partial<ConnectSchema> = {}): CodecOf =>
  () => ({ schema: { type, ...meaning }, encode });
const asText = plain("string", quoted);

/** As long as the column may be: consumers make it of that length. */
const limitedText: CodecOf = ({ numbers: [length] }) => ({
  schema: { type: "string" },
  encode(text) {
    if (length !== undefined && text.length > length && characters(text) > length)
      throw new ValueRefused(`a text of more than ${length} characters`);
    return quoted(text);
  },
});

/** As PostgreSQL counts them: code points. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

const numeric: CodecOf = ({ numbers: [precision, scale = 0] }) => {
  if (precision === undefined || scale < 0) return variableScale;
  return {
    schema: {
      type: "bytes",
      ...semantic("org.apache.kafka.connect.data.Decimal"),
      parameters: { scale: String(scale), "connect.decimal.precision": String(precision) },
    },
    encode: (text) => decimalBytes(text, precision, scale),
  };
};

const variableScale: FieldCodec = {
  schema: {
    type: "struct",
    ...semantic("io.debezium.data.VariableScaleDecimal"),
    fields: [
      { type: "int32", optional: false, field: "scale" },
      { type: "bytes", optional: false, field: "value" },
    ],
  },
  encode: variableScaleDecimal,
};

/** Least significant byte first, as Debezium sends bits. */
const bits: CodecOf = ({ numbers: [length = 1] }) => ({
  schema: { type: "bytes", ...semantic("io.debezium.data.Bits"), parameters: { length: String(length) } },
  encode(text) {
    if (!/^[01]+$/.test(text)) throw new ValueRefused("bits of that form");
    const size = Math.ceil(length / 8);
    const last = BigInt(`0b${text}`);
    const all = Uint8Array.from({ length: size }, (_, byte) => Number((last >> BigInt(byte * 8)) & 0xffn));
    return `"${Buffer.from(all).toString("base64")}"`;
  },
});

const enumeration: CodecOf = ({ labels }) => ({
  schema: { type: "string", ...semantic("io.debezium.data.Enum"), parameters: { allowed: (labels ?? []).join(",") } },
  encode: quoted,
});

function bytes(text: string): string {
  if (!text.startsWith("\\x")) throw new ValueRefused("bytes of that form");
  return `"${Buffer.from(text.slice(2), "hex").toString("base64")}"`;
}

function truth(text: string): string {
  if (text !== "t" && text !== "f") throw new ValueRefused("a boolean of that form");
  return text === "t" ? "true" : "false";
}

function arrayCodec({ schema, encode }: FieldCodec): FieldCodec {
  return {
    schema: { type: "array", items: { ...schema, optional: true } },
    encode: (text) =>
      `[${arrayElements(text)
        .map((element) => (element === null ? "null" : encode(element)))
        .join(",")}]`,
  };
}

const codecs: Readonly<Record<string, CodecOf>> = {
  int2: plain("int16", (text) => wholeNumber(text, 16)),
  int4: plain("int32", (text) => wholeNumber(text, 32)),
  int8: plain("int64", (text) => wholeNumber(text, 64)),
  float4: plain("float", floatNumber),
  float8: plain("double", floatNumber),
  numeric,
  bool: plain("boolean", truth),
  varchar: limitedText,
  bpchar: limitedText,
  bytea: plain("bytes", bytes),
  bit: bits,
  enum: enumeration,
  date: plain("int32", (text) => String(epochDays(text)), semantic("io.debezium.time.Date")),
  time: plain("int64", (text) => String(microTime(text)), semantic("io.debezium.time.MicroTime")),
  timestamp: plain("int64", (text) => String(epochMicros(text)), semantic("io.debezium.time.MicroTimestamp")),
  timestamptz: plain("string", (text) => quoted(zonedTimestamp(text)), semantic("io.debezium.time.ZonedTimestamp")),
  interval: plain("string", (text) => quoted(isoInterval(text)), semantic("io.debezium.time.Interval")),
  uuid: plain("string", quoted, semantic("io.debezium.data.Uuid")),
  json: plain("string", quoted, semantic("io.debezium.data.Json")),
  jsonb: plain("string", quoted, semantic("io.debezium.data.Json")),
  xml: plain("string", quoted, semantic("io.debezium.data.Xml")),
};

/**
 * What `column.propagate.source.type` adds, so that a sink can make the column as it was. Left out where Debezium has another form
 * of the type than we: readers would take ours for it.
 */
function columnParameters({ name, numbers, element, labels }: PublishedType): Record<string, string> {
  if (labels !== null || (element === null && codecs[name] === undefined && !asDebeziumPrints.has(name))) return {};
  const [length, scale] = sized.has(name) && element === null ? numbers : [];
  return {
    "__debezium.source.column.type": name.toUpperCase(),
    ...(length === undefined ? {} : { "__debezium.source.column.length": String(length) }),
    ...(scale === undefined ? {} : { "__debezium.source.column.scale": String(scale) }),
  };
}

const asDebeziumPrints: ReadonlySet<string> = new Set(["text", "citext", "inet", "cidr", "macaddr", "macaddr8"]);
const sized: ReadonlySet<string> = new Set(["varchar", "bpchar", "numeric", "bit", "varbit"]);
