// Decimals in the three forms of `decimal.handling.mode`.
import type { SourceConnector } from "./change-event.ts";
import { type CodecContext, isMysqlFamily, type SourceType } from "./codec-context.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { decimalFromText, decimalText, moneyFromText, withoutTrailingZeros } from "./decimal-text.ts";
import { inexact, malformed } from "./decode-failure.ts";
import { type PostgresType, postgresType } from "./postgres-type.ts";
import type { CodecMaker } from "./temporal-codecs.ts";
import { ascii, codec, type ValueCodec } from "./value-codec.ts";
import type { ValueReader } from "./value-reader.ts";

/** Type names of the databases whose values are decimals; what follows in the name does not matter. */
const decimalNames = /^(NUMERIC|DECIMAL|DEC|NUMBER|DECFLOAT|MONEY|SMALLMONEY)\b/;
/** PostgreSQL packs a negative scale as a large one; its driver does not unpack it. */
const [scaleMax, precisionMax] = [1000, 1000];

export function isDecimal(source: SourceType | null): boolean {
  return source !== null && decimalNames.test(source.name);
}

/** `precision` null: not told. */
function numeric(precision: number | null, scale: number): PostgresType {
  return precision === null || precision < 1 || precision > precisionMax
    ? postgresType("numeric")
    : postgresType("numeric", precision, scale);
}

/** org.apache.kafka.connect.data.Decimal: the scale is the column's. */
export const decimal: CodecMaker = (schema, { source, connector }) => {
  const scale = Number(schema.parameters["scale"]);
  if (!Number.isInteger(scale)) throw malformed("a decimal has no scale in its schema");
  if (source?.name === "MONEY") return money(scale, connector, (reader) => decimalText(reader.bytes(schema), scale));
  // Of PostgreSQL's numeric(5,-2), whose scale comes as 2046.
  if (scale > scaleMax) {
    return codec(postgresType("numeric"), (reader) => ascii(withoutTrailingZeros(decimalText(reader.bytes(schema), scale))));
  }
  const precision = schema.parameters["connect.decimal.precision"];
  return codec(numeric(precision === undefined ? null : Number(precision), scale), (reader) =>
    ascii(decimalText(reader.bytes(schema), scale)),
  );
};

/** io.debezium.data.VariableScaleDecimal: each value has its own scale, which is no part of it but in PostgreSQL. */
export const variableScaleDecimal: CodecMaker = (schema, { connector }) => {
  const [scaleAt, valueAt] = ["scale", "value"].map((name) => schema.fields.findIndex((field) => field.name === name));
  const value = schema.fields[valueAt ?? -1]?.schema;
  if (scaleAt === undefined || scaleAt < 0 || value === undefined) throw malformed("a decimal's schema lacks scale or value");
  const trim = connector === "postgresql" ? (text: string): string => text : withoutTrailingZeros;
  return codec(postgresType("numeric"), (reader) => {
    let scale = 0;
    let unscaled: Buffer = Buffer.alloc(0);
    reader.struct(schema, (index) => {
      if (index === scaleAt) scale = Number(reader.integer());
      else unscaled = reader.bytes(value);
    });
    return ascii(trim(decimalText(unscaled, scale)));
  });
};

/** `string`: told by the source's type alone. */
export function decimalAsText(schema: ConnectSchema, { connector, source }: CodecContext): ValueCodec {
  if (source?.name === "MONEY" && connector === "postgresql") {
    return money(2, connector, (reader) => twoPlaces(moneyFromText(reader.text(schema).toString("latin1"))));
  }
  const scale = source?.scale ?? 0;
  const isKnown = source?.length !== null && (isMysqlFamily(connector) || source?.scale !== null) && scale <= scaleMax;
  const type = isKnown ? numeric(source?.length ?? null, scale) : postgresType("numeric");
  const trim = scale > scaleMax ? withoutTrailingZeros : (text: string): string => text;
  return codec(type, (reader) => ascii(trim(decimalFromText(reader.text(schema).toString("latin1")))));
}

/** PostgreSQL's connector reads money as a double in its snapshot. */
function money(scale: number, connector: SourceConnector, read: (reader: ValueReader) => string): ValueCodec {
  const doubt = connector === "postgresql" ? { doubtful: isBeyondDouble } : {};
  return codec(postgresType("numeric", 19, scale), (reader) => ascii(read(reader)), doubt);
}

/** A double is sure to hold 15 digits. */
function isBeyondDouble(text: Buffer): boolean {
  return text.toString("latin1").replace(/\D/g, "").replace(/^0+/, "").length > 15;
}

/** The snapshot prints 1234.5 what the log prints 1234.50. */
function twoPlaces(text: string): string {
  const [whole = "", fraction = ""] = text.split(".");
  return `${whole}.${fraction.padEnd(2, "0")}`;
}

/** `double`: not exact, and never without consent. */
export function refuseInexact({ acceptsInexactDecimals }: CodecContext): void {
  if (acceptsInexactDecimals) return;
  throw inexact(
    "decimals come as floating-point numbers (`decimal.handling.mode=double`)",
    "Set `decimal.handling.mode=precise` or `string` at the connector, or accept the loss in the configuration of the source",
  );
}
