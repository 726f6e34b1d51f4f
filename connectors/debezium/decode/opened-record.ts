// Finds out which converter wrote a key, a value or a header, and opens it.
import type { ConverterOptions } from "../../../engine/model/debezium-options.ts";
import { AvroReader } from "./avro-reader.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { DecodeFailure } from "./decode-failure.ts";
import { AvroEnvelope, type EnvelopeReader, JsonEnvelope } from "./envelope-reader.ts";
import { JsonPayloads } from "./json-payload.ts";

export interface Opened {
  readonly envelope: EnvelopeReader;
  /** Null: JSON without one. */
  readonly schema: ConnectSchema | null;
  /** Nothing may be left behind what was read. */
  readonly finish: () => void;
}

/** Schemas by their ids in a registry; those of records that were prepared. */
export interface KnownSchemas {
  get(id: number): ConnectSchema | null;
}

/** Confluent's wire format: a zero, and the schema's id in four bytes, big-endian. */
const avroHead = 5;

export class RecordOpener {
  readonly #format: ConverterOptions["format"];
  readonly #schemas: KnownSchemas | null;
  readonly #json = new JsonPayloads();

  constructor(format: ConverterOptions["format"], schemas: KnownSchemas | null) {
    this.#format = format;
    this.#schemas = schemas;
  }

  /** `place` names what usually has the same schema. */
  open(bytes: Buffer, place: string): Opened {
    if (this.#format === "avro") return this.#openAvro(bytes);
    if (bytes[0] === 0) throw new DecodeFailure("DB-KAF-110", { cause: "a record seems to be Avro, and the configuration says JSON" });
    return this.#openJson(bytes, place);
  }

  /** Its schema alone; null: it has none, or none that is known without reading it. */
  knownSchema(bytes: Buffer, place: string): ConnectSchema | null {
    return this.#format === "avro" ? null : this.#json.knownSchema(bytes, place);
  }

  /** Headers are written by a converter of their own, which is a JSON one or prints JSON. */
  openHeader(bytes: Buffer): Opened {
    return bytes[0] === 0 ? this.#openAvro(bytes) : this.#openJson(bytes, "header");
  }

  #openJson(bytes: Buffer, place: string): Opened {
    const { reader, schema } = this.#json.open(bytes, place);
    return { envelope: new JsonEnvelope(reader), schema, finish: () => reader.finish() };
  }

  #openAvro(bytes: Buffer): Opened {
    const id = schemaId(bytes);
    if (id === null) throw notWireFormat(bytes);
    if (this.#schemas === null) throw new DecodeFailure("DB-KAF-110", { cause: "a record is Avro, and no registry is configured" });
    const schema = this.#schemas.get(id);
    if (schema === null) throw new DecodeFailure("DB-KAF-113");
    const reader = new AvroReader(Buffer.from(bytes.subarray(avroHead)), 0);
    return { envelope: new AvroEnvelope(reader, schema), schema, finish: () => reader.finish() };
  }
}

/** Null: this is not Confluent's wire format. */
export function schemaId(bytes: Buffer): number | null {
  return bytes[0] === 0 && bytes.length >= avroHead ? bytes.readUInt32BE(1) : null;
}

function notWireFormat(bytes: Buffer): DecodeFailure {
  const isJson = bytes[0] === 0x7b;
  return new DecodeFailure("DB-KAF-110", isJson ? { cause: "a record is JSON, and the configuration says Avro" } : {});
}
