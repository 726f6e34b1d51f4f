// The changes as Debezium's PostgreSQL connector writes them to Kafka: JSON with schemas, its default form.
import type { KafkaRecord } from "../../connectors/debezium/kafka/kafka-client.ts";
import { changesPerTransaction, citizenColumns, type TextChange, type TextRow } from "./citizen-changes.ts";

/** `topic.prefix`, as the connector of these records is configured. */
export const topicPrefix = "register";

const topic = `${topicPrefix}.public.citizen`;
/** 2026-01-01. */
const committedAtMs = 1_767_225_600_000;
const commitBytes = 1_000;

/** One record each, in one partition. */
export function debeziumRecords(changes: readonly TextChange[]): KafkaRecord[] {
  return changes.map((change, at) => ({
    topic,
    partition: 0,
    offset: BigInt(at),
    timestamp: committedAtMs * 1_000,
    key: Buffer.from(`{"schema":${keySchema},"payload":${JSON.stringify(members(change.row, true))}}`, "utf8"),
    value: Buffer.from(`{"schema":${envelopeSchema},"payload":${JSON.stringify(payload(change, at))}}`, "utf8"),
    headers: new Map(),
  }));
}

const operations = { insert: "c", update: "u", delete: "d" } as const;

function payload({ tag, row }: TextChange, at: number): object {
  const transaction = Math.floor(at / changesPerTransaction);
  const lsn = (transaction + 1) * commitBytes;
  const times = { ts_ms: committedAtMs, ts_us: committedAtMs * 1_000, ts_ns: 0 };
  // Of a row that was deleted the log holds the identity, for the rest the connector prints NULL.
  const identity = row.map((value, index) => (citizenColumns[index]?.inIdentity === true ? value : null));
  return {
    before: tag === "delete" ? members(identity, false) : null,
    after: tag === "delete" ? null : members(row, false),
    source: {
      version: "3.5.0.Final",
      connector: "postgresql",
      name: topicPrefix,
      snapshot: "false",
      db: "register",
      sequence: `["${lsn - commitBytes}","${lsn + (at % changesPerTransaction)}"]`,
      ...times,
      schema: "public",
      table: "citizen",
      txId: 1_000 + transaction,
      lsn: lsn + (at % changesPerTransaction),
      xmin: null,
      origin: null,
      origin_lsn: null,
    },
    transaction: null,
    op: operations[tag],
    ...times,
  };
}

function members(row: TextRow, keyOnly: boolean): object {
  const named = citizenColumns.map((column, index) => [column, row[index] ?? null] as const);
  const wanted = named.filter(([{ inIdentity }]) => inIdentity || !keyOnly);
  return Object.fromEntries(
    wanted.map(([{ name, typeId }, value]) => [name, value === null ? null : (types[typeId]?.write ?? String)(value)]),
  );
}

interface ConnectType {
  readonly schema: object;
  readonly write: (text: string) => unknown;
}

const string: ConnectType = { schema: { type: "string" }, write: String };
const numberOf = (type: string): ConnectType => ({ schema: { type }, write: Number });

/** How Kafka Connect holds each of PostgreSQL's types, by its number there. */
const types: Readonly<Record<number, ConnectType>> = {
  17: { schema: { type: "bytes" }, write: String },
  20: numberOf("int64"),
  21: numberOf("int16"),
  23: numberOf("int32"),
  1043: string,
  1082: { schema: { type: "int32", name: "io.debezium.time.Date", version: 1 }, write: (text) => Date.parse(text) / 86_400_000 },
  1184: {
    schema: { type: "string", name: "io.debezium.time.ZonedTimestamp", version: 1 },
    write: (text) => text.replace(" ", "T").replace("+00", ".000000Z"),
  },
  1700: {
    schema: {
      type: "bytes",
      name: "org.apache.kafka.connect.data.Decimal",
      version: 1,
      parameters: { scale: "2", "connect.decimal.precision": "12" },
    },
    write: unscaledBase64,
  },
};

/** A number with two digits after the point, above 0: the digits as big-endian bytes, the first bit clear. */
function unscaledBase64(text: string): string {
  const hex = BigInt(text.replace(".", "")).toString(16);
  return Buffer.from(`00${hex.length % 2 === 0 ? hex : `0${hex}`}`, "hex").toString("base64");
}

function fields(keyOnly: boolean): object[] {
  return citizenColumns
    .filter(({ inIdentity }) => inIdentity || !keyOnly)
    .map(({ name, typeId, inIdentity }) => ({ ...types[typeId]?.schema, optional: !inIdentity, field: name }));
}

const struct = (name: string, members: readonly object[], field?: string, optional = false): object => ({
  type: "struct",
  fields: members,
  optional,
  name,
  ...(field === undefined ? {} : { field }),
});

const member = (type: string, field: string, optional = true): object => ({ type, optional, field });
const times = ["ts_ms", "ts_us", "ts_ns"].map((name) => member("int64", name));

const keySchema = JSON.stringify(struct(`${topic}.Key`, fields(true)));
const envelopeSchema = JSON.stringify(
  struct(`${topic}.Envelope`, [
    struct(`${topic}.Value`, fields(false), "before", true),
    struct(`${topic}.Value`, fields(false), "after", true),
    struct(
      "io.debezium.connector.postgresql.Source",
      [
        ...["version", "connector", "name", "snapshot", "db", "sequence"].map((name) => member("string", name)),
        ...times,
        ...["schema", "table"].map((name) => member("string", name)),
        ...["txId", "lsn", "xmin"].map((name) => member("int64", name)),
        member("string", "origin"),
        member("int64", "origin_lsn"),
      ],
      "source",
    ),
    struct(
      "event.block",
      [member("string", "id"), member("int64", "total_order"), member("int64", "data_collection_order")],
      "transaction",
      true,
    ),
    member("string", "op"),
    ...times,
  ]),
);
