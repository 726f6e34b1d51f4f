// Schemas of Kafka Connect, whichever converter wrote them (org.apache.kafka.connect.data.Schema).

export type ConnectType =
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float"
  | "double"
  | "boolean"
  | "string"
  | "bytes"
  | "array"
  | "map"
  | "struct";

export interface ConnectSchema {
  readonly type: ConnectType;
  /** Semantic type, `io.debezium.time.Date`; of a struct the name of what it describes. */
  readonly name: string | null;
  readonly optional: boolean;
  readonly parameters: Readonly<Record<string, string>>;
  /** Of a struct; else empty. */
  readonly fields: readonly ConnectField[];
  /** Of an array its items, of a map its values. */
  readonly items: ConnectSchema | null;
  /** Of a map; else null. */
  readonly keys: ConnectSchema | null;
  /** How Avro writes it; null: by the plain rule of its type. */
  readonly avro: AvroForm | null;
}

export interface ConnectField {
  readonly name: string;
  readonly schema: ConnectSchema;
  /** `"name":` as JSON writes it, to be recognized without reading it. */
  readonly json: Buffer;
}

export interface AvroForm {
  /** Branch of the union that is null; -1: not a union. */
  readonly nullBranch: number;
  /** Of an enum its symbols. */
  readonly symbols: readonly string[] | null;
  /** Bytes of a fixed; null: length goes before. */
  readonly fixed: number | null;
  /** A map that is written as an array of key and value, since its keys are not text. */
  readonly entries: boolean;
}

export function connectField(name: string, schema: ConnectSchema): ConnectField {
  return { name, schema, json: Buffer.from(`${JSON.stringify(name)}:`, "utf8") };
}

/** A schema of a type without parts. */
export function plainSchema(type: ConnectType, parts: Partial<ConnectSchema> = {}): ConnectSchema {
  return { type, name: null, optional: true, parameters: {}, fields: [], items: null, keys: null, avro: null, ...parts };
}

export function fieldOf(schema: ConnectSchema, name: string): ConnectSchema | null {
  return schema.fields.find((field) => field.name === name)?.schema ?? null;
}
