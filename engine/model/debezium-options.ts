import type { HttpAddress, KafkaAddress, ServerAddress } from "./server-address.ts";

/** What the configuration says of a Debezium source, as the connector takes it. */
export interface DebeziumOptions {
  /** Id of the source in the configuration. */
  readonly name: string;
  readonly kafka: KafkaAddress;
  readonly client: KafkaClientName;
  /** Consumer group, `dongbo-<source>` by default. */
  readonly group: string;
  /** Parts that processes can share the source in; see GroupOptions.slices. 1 with a transaction topic. */
  readonly slices: number;
  readonly topics: TopicNames;
  readonly converter: ConverterOptions;
  /** A read-only connection to the master itself, for loads, single rows and reconciliation; null: none. */
  readonly master: ServerAddress | null;
  /** Kafka Connect's REST interface and the connector's name there, for the preflight only; null: not asked. */
  readonly connect: ConnectAddress | null;
  /**
   * Before images hold every column (REPLICA IDENTITY FULL). Other connectors than PostgreSQL's always send them; PostgreSQL's
   * prints NULL for what it does not have, so it must be told.
   */
  readonly fullBeforeImages: boolean;
}

export type KafkaClientName = "kafkajs" | "platformatic";

export interface ConnectAddress {
  readonly address: HttpAddress;
  readonly connector: string;
}

export interface TopicNames {
  /** `topic.prefix`: topics are `<prefix>.<schema>.<table>` where `tables` does not say otherwise. */
  readonly prefix: string;
  /** Topic by `schema.table`; several tables may share one (a router's doing). */
  readonly tables: ReadonlyMap<string, string>;
  /** `__debezium-heartbeat.<prefix>` by default. */
  readonly heartbeat: string;
  /** `<prefix>.transaction` where `provide.transaction.metadata` is on; null: whole transactions are not to be had. */
  readonly transactions: string | null;
  /** A captured table (or `message` topic) that the connector's `heartbeat.action.query` changes: its events prove that the master itself answers; null: plain heartbeats count. */
  readonly proof: string | null;
}

export interface ConverterOptions {
  /** json: with or without schemas, told by each record · avro: Confluent's wire format. */
  readonly format: "json" | "avro";
  /** Schema registry (Confluent's REST interface); null for json. */
  readonly registry: HttpAddress | null;
  /** `unavailable.value.placeholder`. */
  readonly unavailable: string;
  /** For JSON without schemas: type by column by `schema.table`, in Debezium's names (`int32`, `io.debezium.time.Date`). */
  readonly types: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** The connector's `binary.handling.mode`: how bytes are written. */
  readonly binary: "bytes" | "base64" | "base64-url-safe" | "hex";
  /** `decimal.handling.mode=double` is accepted although it is inexact. */
  readonly acceptsInexactDecimals: boolean;
}
