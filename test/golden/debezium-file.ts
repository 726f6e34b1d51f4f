// What connectors wrote into their topics, kept compactly: schemas of JSON records stand once.
import { readFileSync } from "node:fs";
import type { KafkaRecord } from "../../connectors/debezium/kafka/kafka-client.ts";

export interface DebeziumGolden {
  /** Versions of connector and database. */
  readonly connector: string;
  readonly database: string;
  /** `topic.prefix`. */
  readonly prefix: string;
  /** Schemas of JSON records as they stood there; of Avro by their ids in the registry. */
  readonly schemas: Readonly<Record<string, string>>;
  readonly records: readonly GoldenRecord[];
  /** Rows of `every` as an ordinary session printed them, by id. */
  readonly selected: Readonly<Record<string, readonly (string | null)[]>>;
}

export interface GoldenRecord {
  readonly topic: string;
  readonly key: GoldenPart;
  readonly value: GoldenPart;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Text; a schema's name with the payload's text; or base64. */
export type GoldenPart = string | null | { readonly schema: string; readonly payload: string } | { readonly base64: string };

export function debeziumGoldenPath(name: string): string {
  return `test/golden/debezium/${name}.json`;
}

export function readDebeziumGolden(name: string): DebeziumGolden {
  return JSON.parse(readFileSync(debeziumGoldenPath(name), "utf8")) as DebeziumGolden;
}

/** The records as a Kafka client would hand them out. */
export function goldenRecords(golden: DebeziumGolden): KafkaRecord[] {
  return golden.records.map(({ topic, key, value, headers }, index) => ({
    topic,
    partition: 0,
    offset: BigInt(index),
    timestamp: 0,
    key: bytesOf(key, golden),
    value: bytesOf(value, golden),
    headers: new Map(Object.entries(headers ?? {}).map(([name, text]) => [name, Buffer.from(text, "utf8")])),
  }));
}

function bytesOf(part: GoldenPart, { schemas }: DebeziumGolden): Buffer | null {
  if (part === null) return null;
  if (typeof part === "string") return Buffer.from(part, "utf8");
  if ("base64" in part) return Buffer.from(part.base64, "base64");
  return Buffer.from(`{"schema":${schemas[part.schema]},"payload":${part.payload}}`, "utf8");
}

const jsonRecord = /^\{"schema":(\{.*\}),"payload":(.*)\}$/s;

/** `schemas` grows by what the part needs. */
export function goldenPart(bytes: Buffer | null, schemas: Record<string, string>): GoldenPart {
  if (bytes === null) return null;
  if (bytes[0] === 0) return { base64: bytes.toString("base64") };
  const text = bytes.toString("utf8");
  // No payload of these scenarios holds the words between.
  const [, schema, payload] = jsonRecord.exec(text) ?? [];
  if (schema === undefined || payload === undefined) return text;
  const known = Object.entries(schemas).find(([, other]) => other === schema)?.[0];
  const name = known ?? `s${Object.keys(schemas).length}`;
  schemas[name] = schema;
  return { schema: name, payload };
}
