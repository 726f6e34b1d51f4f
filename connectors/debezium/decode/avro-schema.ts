// Avro schemas as Kafka Connect's Avro converters write them (AvroData): what Avro cannot say stands in `connect.*` properties.
import { type AvroForm, connectField, type ConnectField, type ConnectSchema, type ConnectType, plainSchema } from "./connect-schema.ts";
import { DecodeFailure } from "./decode-failure.ts";
import { arrayOf, isObject, parametersOf } from "./json-schema.ts";

const primitives: Readonly<Record<string, ConnectType>> = {
  int: "int32",
  long: "int64",
  float: "float",
  double: "double",
  boolean: "boolean",
  string: "string",
  bytes: "bytes",
  enum: "string",
  fixed: "bytes",
};
const plainForm: AvroForm = { nullBranch: -1, symbols: null, fixed: null, entries: false };
/** How the converters mark a map whose keys are not text. */
const mapEntry = /(^|\.)(MapEntry|ConnectMapEntry)$/;

/** Of other writers, whose schemas name no Connect type. */
const logicalNames: Readonly<Record<string, string>> = {
  decimal: "org.apache.kafka.connect.data.Decimal",
  date: "org.apache.kafka.connect.data.Date",
  "time-millis": "org.apache.kafka.connect.data.Time",
  "timestamp-millis": "org.apache.kafka.connect.data.Timestamp",
};

export function parseAvroSchema(text: string): ConnectSchema {
  try {
    return new AvroSchemaParser().parse(JSON.parse(text), "");
  } catch (error) {
    if (error instanceof DecodeFailure && error.code !== "DB-KAF-101") throw error;
    throw unknownSchema(error instanceof DecodeFailure ? error.message : "it is not JSON");
  }
}

function unknownSchema(cause: string): DecodeFailure {
  return new DecodeFailure("DB-KAF-114", { cause: `an Avro schema of the registry cannot be understood: ${cause}` });
}

class AvroSchemaParser {
  /** Named types by full name. */
  readonly #named = new Map<string, ConnectSchema>();

  parse(value: unknown, namespace: string): ConnectSchema {
    if (Array.isArray(value)) return this.#union(value, namespace);
    if (typeof value === "string") return this.#reference(value, namespace);
    if (!isObject(value)) throw unknownSchema("a type is missing");
    const { type } = value;
    if (Array.isArray(type) || isObject(type)) return this.parse(type, namespace);
    return this.#complex(value, String(type), namespace);
  }

  #reference(name: string, namespace: string): ConnectSchema {
    const primitive = primitives[name];
    if (primitive !== undefined && name !== "enum" && name !== "fixed") return plainSchema(primitive, { optional: false, avro: plainForm });
    const named = this.#named.get(fullName(name, namespace));
    if (named === undefined) throw unknownSchema(`type "${name}" is not declared in it; schemas that refer to others are not read`);
    return named;
  }

  #union(branches: readonly unknown[], namespace: string): ConnectSchema {
    const nullBranch = branches.findIndex((branch) => branch === "null" || (isObject(branch) && branch["type"] === "null"));
    if (branches.length !== 2 || nullBranch < 0) throw unknownSchema("it has a union of other things than one type and null");
    const schema = this.parse(branches[1 - nullBranch], namespace);
    return { ...schema, optional: true, avro: { ...(schema.avro ?? plainForm), nullBranch } };
  }

  #complex(value: Record<string, unknown>, type: string, namespace: string): ConnectSchema {
    const logical = typeof value["logicalType"] === "string" ? (logicalNames[value["logicalType"]] ?? null) : null;
    const common = {
      name: typeof value["connect.name"] === "string" ? value["connect.name"] : logical,
      optional: false,
      parameters: { ...scaleOf(value), ...parametersOf(value["connect.parameters"]) },
      avro: plainForm,
    };
    switch (type) {
      case "record":
        return this.#record(value, common, namespace);
      case "array":
        return this.#array(value, common, namespace);
      case "map": {
        const keys = plainSchema("string", { optional: false, avro: plainForm });
        return plainSchema("map", { ...common, keys, items: this.parse(value["values"], namespace) });
      }
      case "enum": {
        const symbols = arrayOf(value["symbols"]).map(String);
        return this.#declare(value, namespace, plainSchema("string", { ...common, avro: { ...plainForm, symbols } }));
      }
      case "fixed":
        return this.#declare(value, namespace, plainSchema("bytes", { ...common, avro: { ...plainForm, fixed: Number(value["size"]) } }));
      default: {
        const connect = primitives[type];
        if (connect === undefined) return this.#reference(type, namespace);
        const told = value["connect.type"];
        return plainSchema(told === "int8" || told === "int16" ? told : connect, common);
      }
    }
  }

  #record(value: Record<string, unknown>, common: Partial<ConnectSchema>, outer: string): ConnectSchema {
    const namespace = namespaceOf(value, outer);
    const fields: ConnectField[] = [];
    const record = plainSchema("struct", { ...common, name: common.name ?? fullName(String(value["name"]), namespace), fields });
    this.#declare(value, outer, record);
    for (const field of arrayOf(value["fields"])) {
      if (!isObject(field)) throw unknownSchema("a field is missing");
      fields.push(connectField(String(field["name"]), this.parse(field["type"], namespace)));
    }
    return record;
  }

  #array(value: Record<string, unknown>, common: Partial<ConnectSchema>, namespace: string): ConnectSchema {
    const items = this.parse(value["items"], namespace);
    if (items.type !== "struct" || !mapEntry.test(items.name ?? "")) return plainSchema("array", { ...common, items });
    const [key, entry] = ["key", "value"].map((name) => items.fields.find((field) => field.name === name)?.schema ?? null);
    return plainSchema("map", { ...common, keys: key ?? null, items: entry ?? null, avro: { ...plainForm, entries: true } });
  }

  /** Whoever refers to the type gets it without what is said of the column that it was declared with. */
  #declare(value: Record<string, unknown>, outer: string, schema: ConnectSchema): ConnectSchema {
    const parameters = Object.fromEntries(Object.entries(schema.parameters).filter(([name]) => !name.startsWith("__debezium.source.")));
    this.#named.set(fullName(String(value["name"]), namespaceOf(value, outer)), { ...schema, parameters });
    return schema;
  }
}

function scaleOf(value: Record<string, unknown>): Record<string, string> {
  const { logicalType, scale } = value;
  return logicalType === "decimal" ? { scale: typeof scale === "number" ? String(scale) : "0" } : {};
}

function namespaceOf(value: Record<string, unknown>, outer: string): string {
  const name = String(value["name"]);
  if (name.includes(".")) return name.slice(0, name.lastIndexOf("."));
  return typeof value["namespace"] === "string" ? value["namespace"] : outer;
}

function fullName(name: string, namespace: string): string {
  return name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;
}
