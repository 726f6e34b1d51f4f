// JsonConverter with and without schemas: `{"schema":{…},"payload":{…}}`, or the payload alone. Each record tells which it is.
import type { ConnectSchema } from "./connect-schema.ts";
import { JsonReader } from "./json-reader.ts";
import { parseJsonSchema } from "./json-schema.ts";

export interface JsonPayload {
  readonly reader: JsonReader;
  /** Null: the record has none. */
  readonly schema: ConnectSchema | null;
}

const head = Buffer.from('{"schema":');
const middle = Buffer.from(',"payload":');
/** Schemas of one topic that are looked for before anything is parsed: old and new beside each other. */
const recentMax = 4;

interface KnownSchema {
  readonly bytes: Buffer;
  readonly schema: ConnectSchema;
}

/** Schemas are most of each record and hardly ever change: they are compared byte by byte, and parsed when they are new. */
export class JsonPayloads {
  /** By topic and side, the last used first. */
  readonly #recent = new Map<string, KnownSchema[]>();
  /** By their text: the same text is the same object. */
  readonly #schemas = new Map<string, ConnectSchema>();

  /** `place` names what usually has the same schema: a topic's keys, or its values. */
  open(bytes: Buffer, place: string): JsonPayload {
    const known = startsWith(bytes, head, 0) ? this.#recall(bytes, place) : null;
    if (known === null) return this.#parse(bytes, place);
    // Values share the memory of what they are read from, which must not be all that was fetched.
    const payload = Buffer.from(bytes.subarray(head.length + known.bytes.length + middle.length, bytes.length - 1));
    return { reader: new JsonReader(payload), schema: known.schema };
  }

  /** The schema of what has one that came before; null: it has to be opened. */
  knownSchema(bytes: Buffer, place: string): ConnectSchema | null {
    return (startsWith(bytes, head, 0) ? this.#recall(bytes, place) : null)?.schema ?? null;
  }

  #recall(bytes: Buffer, place: string): KnownSchema | null {
    const recent = this.#recent.get(place);
    if (recent === undefined) return null;
    for (let index = 0; index < recent.length; index++) {
      const entry = recent[index];
      if (
        entry === undefined ||
        !startsWith(bytes, entry.bytes, head.length) ||
        !startsWith(bytes, middle, head.length + entry.bytes.length)
      )
        continue;
      if (bytes[bytes.length - 1] !== 0x7d) continue;
      if (index > 0) recent.unshift(...recent.splice(index, 1));
      return entry;
    }
    return null;
  }

  #parse(bytes: Buffer, place: string): JsonPayload {
    const copy = Buffer.from(bytes);
    const found = envelopeOf(copy);
    if (found === null) return { reader: new JsonReader(copy), schema: null };
    const schemaBytes = Buffer.from(copy.subarray(found.schema.start, found.schema.end));
    const schema = schemaBytes.toString("latin1") === "null" ? null : this.#schemaOf(schemaBytes);
    if (schema !== null && found.schema.start === head.length) {
      const recent = this.#recent.get(place) ?? [];
      this.#recent.set(place, [{ bytes: schemaBytes, schema }, ...recent].slice(0, recentMax));
    }
    return { reader: new JsonReader(copy, found.payload.start, found.payload.end), schema };
  }

  #schemaOf(bytes: Buffer): ConnectSchema {
    const text = bytes.toString("utf8");
    const schema = this.#schemas.get(text) ?? parseJsonSchema(text);
    this.#schemas.set(text, schema);
    return schema;
  }
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where schema and payload lie; null: the object is none of the two alone. */
function envelopeOf(bytes: Buffer): { schema: Range; payload: Range } | null {
  const reader = new JsonReader(bytes);
  if (!reader.nextIs("object")) return null;
  const parts = new Map<string, Range>();
  reader.members((name) => {
    const start = reader.position;
    reader.skip();
    parts.set(name, { start, end: reader.position });
  });
  reader.finish();
  const [schema, payload] = [parts.get("schema"), parts.get("payload")];
  return parts.size === 2 && schema !== undefined && payload !== undefined ? { schema, payload } : null;
}

function startsWith(bytes: Buffer, text: Buffer, at: number): boolean {
  const end = at + text.length;
  return end <= bytes.length && bytes.compare(text, 0, text.length, at, end) === 0;
}
