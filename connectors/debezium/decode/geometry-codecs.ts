// io.debezium.data.geometry.*: well-known binary with its reference system, and PostgreSQL's own point.
import { doubleText } from "../../float-text.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { malformed } from "./decode-failure.ts";
import { postgresType } from "./postgres-type.ts";
import type { CodecMaker } from "./temporal-codecs.ts";
import { ascii, codec } from "./value-codec.ts";
import type { ValueReader } from "./value-reader.ts";

/** As the other connectors have geometries: SRID in 4 bytes, little endian, then WKB. */
export const geometry: CodecMaker = (schema) => {
  if (!schema.fields.some(({ name }) => name === "wkb")) throw malformed("a geometry's schema lacks its bytes");
  return codec(postgresType("bytea"), (reader) => {
    const { wkb, srid } = readParts(reader, schema);
    if (wkb === null) throw malformed("a geometry lacks its bytes");
    const system = Buffer.alloc(4);
    system.writeUInt32LE(srid >>> 0);
    return ascii(`\\x${system.toString("hex")}${wkb.toString("hex")}`);
  });
};

export const point: CodecMaker = (schema, context) => {
  if (context.connector !== "postgresql") return geometry(schema, context);
  return codec(postgresType("point"), (reader) => {
    const { x, y } = readParts(reader, schema);
    return ascii(`(${doubleText(x)},${doubleText(y)})`);
  });
};

interface GeometryParts {
  x: number;
  y: number;
  srid: number;
  wkb: Buffer | null;
}

function readParts(reader: ValueReader, schema: ConnectSchema): GeometryParts {
  const parts: GeometryParts = { x: 0, y: 0, srid: 0, wkb: null };
  reader.struct(schema, (index) => {
    const field = schema.fields[index];
    if (field === undefined || (field.schema.optional && reader.isNull(field.schema))) return;
    switch (field.name) {
      case "x":
      case "y":
        parts[field.name] = reader.double(field.schema);
        break;
      case "srid":
        parts.srid = Number(reader.integer());
        break;
      case "wkb":
        parts.wkb = reader.bytes(field.schema);
        break;
      default:
        throw malformed("a geometry has a part that it should not have");
    }
  });
  return parts;
}
