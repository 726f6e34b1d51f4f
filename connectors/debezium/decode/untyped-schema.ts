// Schemas for JSON without schemas, from the types that the configuration names.
import { connectField, type ConnectSchema, type ConnectType, plainSchema } from "./connect-schema.ts";
import { DecodeFailure } from "./decode-failure.ts";

const primitives: Readonly<Record<string, ConnectType>> = {
  int8: "int8",
  int16: "int16",
  int32: "int32",
  int64: "int64",
  float: "float",
  float32: "float",
  double: "double",
  float64: "double",
  boolean: "boolean",
  string: "string",
  bytes: "bytes",
};
const number = plainSchema("double", { optional: false });
const geometryFields = [connectField("wkb", plainSchema("bytes")), connectField("srid", plainSchema("int32"))];
/** Those that are no plain values. */
const structures: Readonly<Record<string, Partial<ConnectSchema> & { readonly type: ConnectType }>> = {
  "io.debezium.data.VariableScaleDecimal": {
    type: "struct",
    fields: [
      connectField("scale", plainSchema("int32", { optional: false })),
      connectField("value", plainSchema("bytes", { optional: false })),
    ],
  },
  "io.debezium.data.geometry.Point": {
    type: "struct",
    fields: [connectField("x", number), connectField("y", number), ...geometryFields],
  },
  "io.debezium.data.geometry.Geometry": { type: "struct", fields: geometryFields },
  "io.debezium.data.geometry.Geography": { type: "struct", fields: geometryFields },
  "io.debezium.data.FloatVector": { type: "array", items: plainSchema("float", { optional: false }) },
  "io.debezium.data.DoubleVector": { type: "array", items: number },
};
const form = /^([\w.]+)(?:\((\d+)(?:,(\d+))?\))?(\[\])?$/;

/**
 * `int32`, `io.debezium.time.Date`, `org.apache.kafka.connect.data.Decimal(10,2)` with precision and scale,
 * `io.debezium.data.Bits(5)` with length; `[]` behind an array's items.
 */
function typeOf(text: string): ConnectSchema {
  const [, name = "", first, second, brackets] = form.exec(text) ?? [];
  if (name === "") throw new DecodeFailure("DB-KAF-106", { cause: `"${text}" is not the name of a type` });
  const primitive = Object.hasOwn(primitives, name) ? primitives[name] : undefined;
  const item =
    primitive === undefined
      ? plainSchema("string", {
          name,
          parameters: parametersOf(first, second),
          ...(Object.hasOwn(structures, name) ? structures[name] : {}),
        })
      : plainSchema(primitive);
  return brackets === undefined ? item : plainSchema("array", { items: item });
}

function parametersOf(first: string | undefined, second: string | undefined): Record<string, string> {
  if (first === undefined) return {};
  if (second !== undefined) return { "connect.decimal.precision": first, scale: second };
  // Whoever names a length of bits says that they are no varying ones.
  return { length: first, scale: first, "__debezium.source.column.type": "BIT" };
}

/** A struct with the columns that the record has, in its order. */
export function untypedSchema(columns: readonly string[], types: ReadonlyMap<string, string> | undefined): ConnectSchema {
  return plainSchema("struct", {
    fields: columns.map((column) => {
      const type = types?.get(column);
      try {
        if (type === undefined) throw new DecodeFailure("DB-KAF-106");
        return connectField(column, typeOf(type));
      } catch (error) {
        if (error instanceof DecodeFailure) error.column ??= column;
        throw error;
      }
    }),
  });
}
