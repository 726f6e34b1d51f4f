// Records as JsonConverter writes them, for tests: schema and payload side by side.
import type { KafkaRecord } from "../../../connectors/debezium/kafka/kafka-client.ts";

export interface FieldSchema {
  readonly type: string;
  readonly field?: string;
  readonly optional?: boolean;
  readonly name?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldSchema[];
  readonly items?: FieldSchema;
}

export interface EnvelopeParts {
  readonly connector: string;
  readonly fields: readonly FieldSchema[];
  /** JSON of the rows. */
  readonly before?: string;
  readonly after?: string;
  readonly op?: string;
  /** Members of the source block, as JSON. */
  readonly place: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The key is the first column. */
export function envelopeRecord({ connector, fields, before, after, op, place, headers }: EnvelopeParts): KafkaRecord {
  const row = { type: "struct", optional: true, fields, name: "s.T.Value" };
  const schema = {
    type: "struct",
    fields: [
      { ...row, field: "before" },
      { ...row, field: "after" },
      { type: "struct", fields: [], name: `io.debezium.connector.${connector}.Source`, field: "source" },
      { type: "string", field: "op" },
    ],
    name: "s.T.Envelope",
  };
  const block = `{"connector":"${connector}","ts_ms":1700000000123,"snapshot":"false","db":"d",${place}}`;
  const payload = `{"before":${before ?? "null"},"after":${after ?? "null"},"source":${block},"transaction":null,"op":"${op ?? "c"}","ts_ms":1700000000456}`;
  const [first] = fields;
  const id = /^\{"[^"]*":([^,}]+)/.exec(after ?? before ?? "")?.[1] ?? "0";
  return plainRecord({
    key: `{"schema":${JSON.stringify({ type: "struct", fields: [first] })},"payload":{"${first?.field}":${id}}}`,
    value: `{"schema":${JSON.stringify(schema)},"payload":${payload}}`,
    headers: headers ?? {},
  });
}

export interface PlainParts {
  readonly key?: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly topic?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function plainRecord({ key, value, topic, headers }: PlainParts): KafkaRecord {
  const bytes = (part: string | Buffer | null): Buffer | null => (typeof part === "string" ? Buffer.from(part, "utf8") : part);
  return {
    topic: topic ?? "s.d.T",
    partition: 0,
    offset: 0n,
    timestamp: 0,
    key: bytes(key ?? null),
    value: bytes(value),
    headers: new Map(Object.entries(headers ?? {}).map(([name, text]) => [name, Buffer.from(text, "utf8")])),
  };
}
