// The shape of sources and targets: what each connector takes.
import * as z from "zod";
import { name, size, slotName, strict, tableKeyText, text, topicName } from "./config-fields.ts";

const references =
  "Secrets only by reference: ${env:NAME} or ${file:/absolute/path}, as the whole URL or in place of a part, whose text is then taken literally. ";

const url = z
  .string()
  .min(1)
  .describe(
    "Connection URL: postgres://user:${env:PASSWORD}@host:5432/database?sslmode=verify-full. " +
      references +
      "Parameters: sslmode, sslrootcert, sslcert, sslkey, and host for a socket's folder. " +
      "Default sslmode: verify-full; on loopback and sockets prefer.",
  );

const kafkaUrl = z
  .string()
  .min(1)
  .describe(
    "URL of the brokers: kafka://user:${env:PASSWORD}@host:9092,host:9092?sslmode=verify-full&sasl_mechanism=scram-sha-512. " +
      "User and password only where the brokers ask for them. " +
      references +
      "Parameters: sslmode (disable, require, verify-ca, verify-full), sslrootcert, sslcert, sslkey, sasl_mechanism (plain, scram-sha-256, " +
      "scram-sha-512). Default sslmode: verify-full; on loopback disable. Default sasl_mechanism: scram-sha-512.",
  );

/** Of the server that hands out the fleet's jobs. */
export const redisUrl = z
  .string()
  .min(1)
  .describe(
    "Redis of the fleet, which `dongbo worker` needs: rediss://user:${env:PASSWORD}@host:6379/0. " +
      references +
      "rediss speaks TLS (parameters sslmode, sslrootcert, sslcert, sslkey; default sslmode: verify-full), redis does not.",
  );

const httpUrl = (what: string) =>
  z
    .string()
    .min(1)
    .describe(
      `${what}: https://user:\${env:PASSWORD}@host:8081. ${references}` +
        "With https the parameters sslmode, sslrootcert, sslcert, sslkey; default sslmode: verify-full.",
    );

const agency = (whose: string) =>
  strict({
    id: text("Identifier of the agency, as it appears in the sharing log."),
    name: text("Name of the agency."),
  }).describe(whose);

const limits = strict({
  connections: z
    .int()
    .min(2)
    .max(100)
    .default(4)
    .describe("Connections that may be open to the source's database at once, the one that streams included."),
  wal_retained_max: size
    .prefault("8GB")
    .describe("Log that the source may be made to keep for dongbo; beyond it the subscriptions that lag furthest are parked."),
  spool_max: size
    .prefault("8GB")
    .describe("Disk that the backlog of one subscription may take under data_dir before the subscription is parked."),
}).describe("What dongbo may take from the source.");

const everySource = {
  provider: agency("The agency that provides the data."),
  limits: limits.prefault({}),
};

/** Keys that one connector takes and others do not. */
const ownKeys = {
  postgres: {
    slot: slotName.optional().describe("Name of the replication slot; dongbo_<source> when left out."),
    publication: name.optional().describe("Name of the publication; dongbo_<source> when left out."),
  },
  mysql: {
    server_id: z
      .int()
      .min(1)
      .max(4_294_967_295)
      .optional()
      .describe("The server_id under which dongbo reads the binary log, unlike that of any other replica."),
  },
} as const;

const postgres = z.literal("postgres").describe("PostgreSQL.");
const mysql = z.literal("mysql").describe("MySQL or MariaDB.");

const debezium = {
  topics: strict({
    prefix: topicName.describe("The connector's topic.prefix: a table's topic is <prefix>.<schema>.<table>."),
    tables: z
      .record(tableKeyText, topicName)
      .default({})
      .describe("Topics by schema.table, where a router gave them other names; several tables may share one."),
    heartbeat: topicName.optional().describe("Topic of the connector's heartbeats; __debezium-heartbeat.<prefix> when left out."),
    transactions: topicName
      .optional()
      .describe("Topic of transaction metadata (provide.transaction.metadata=true): copies then change by whole source transactions."),
    proof: topicName
      .optional()
      .describe("Topic of what the connector's heartbeat.action.query writes: only then is it known that the master itself answers."),
  }).describe("Names of the connector's topics."),
  converter: strict({
    format: z
      .enum(["json", "avro"])
      .default("json")
      .describe("What the connector's value.converter writes. Avro: Confluent's wire format."),
    registry: httpUrl("With avro: URL of the schema registry").optional(),
    unavailable: z
      .string()
      .min(1)
      .default("__debezium_unavailable_value")
      .describe("The connector's unavailable.value.placeholder: stands for a value that did not change."),
    binary: z
      .enum(["bytes", "base64", "base64-url-safe", "hex"])
      .default("bytes")
      .describe("The connector's binary.handling.mode; other modes than bytes need column.propagate.source.type there."),
    types: z
      .record(tableKeyText, z.record(name, text("Type of the column, as Debezium names it.")))
      .default({})
      .describe("For JSON without schemas: types by column by schema.table, in Debezium's names: int32, io.debezium.time.Date."),
    accept_inexact_decimals: z
      .boolean()
      .default(false)
      .describe("decimal.handling.mode=double is accepted, although it is inexact: the agreement must say so."),
  })
    .prefault({})
    .describe("How the connector's records are written."),
  master: z
    .string()
    .min(1)
    .optional()
    .describe("URL of the master database itself, read-only: for loads, single rows and reconciliation. As for other sources."),
  connect: strict({
    url: httpUrl("URL of Kafka Connect's REST interface"),
    connector: text("Name of the connector there."),
  })
    .optional()
    .describe("Where `check` reads the connector's own configuration."),
  before_images: z
    .enum(["key", "full"])
    .default("key")
    .describe("What PostgreSQL's before images hold: full with REPLICA IDENTITY FULL at the master. Other masters always send full ones."),
  group: topicName
    .optional()
    .describe("Consumer group; dongbo-<source> when left out. Its members share the source: each installation on a cluster needs its own."),
  slices: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .describe("Parts that processes share the source in: partition p belongs to part p mod slices. 1 with a transaction topic."),
  client: z
    .enum(["platformatic", "kafkajs"])
    .default("platformatic")
    .describe("The library that speaks with the brokers. kafkajs refuses topics with transactional records."),
} as const;

const origin = {
  slot: "postgres",
  publication: "postgres",
  server_id: "mysql",
  ...Object.fromEntries(Object.keys(debezium).map((key) => [key, "debezium"])),
};

export const source = z
  .discriminatedUnion("connector", [
    strict({ connector: postgres, url, ...everySource, ...ownKeys.postgres }, origin).describe("A PostgreSQL database."),
    strict({ connector: mysql, url, ...everySource, ...ownKeys.mysql }, origin).describe("A MySQL or MariaDB server."),
    strict(
      { connector: z.literal("debezium").describe("Topics of a Debezium connector on Kafka."), url: kafkaUrl, ...everySource, ...debezium },
      origin,
    ).describe("Topics that a Debezium connector writes on Kafka."),
  ])
  .describe("A database that masters are shared from. Exactly one source owns a master table.");

const everyTarget = { consumer: agency("The agency that receives the copies.") };
const readers = z.array(name).default([]).describe("Roles that get SELECT on the views that readers query.");
const targetOrigin = { readers: "postgres or mysql", topics: "kafka", client: "kafka" };

export const target = z
  .discriminatedUnion("connector", [
    strict({ connector: postgres, url, readers, ...everyTarget }, targetOrigin).describe("A PostgreSQL database."),
    strict({ connector: mysql, url, readers, ...everyTarget }, targetOrigin).describe("A MySQL or MariaDB server."),
    strict(
      {
        connector: z.literal("kafka").describe("Topics that dongbo publishes to."),
        url: kafkaUrl,
        ...everyTarget,
        topics: strict({
          prefix: topicName.describe("Topics are <prefix>.<schema>.<table>, named by the share's `target`."),
          partitions: z.int().min(1).max(1024).default(1).describe("Partitions of topics that dongbo makes."),
        }).describe("Topics that dongbo publishes to, in Debezium's envelopes."),
      },
      targetOrigin,
    ).describe("Kafka: what the share holds is published there, for others to consume."),
  ])
  .describe("Where copies are kept.");

/** What can be judged of an entry whose connector is missing or unknown. */
export const anySource = z.looseObject({ url: z.string(), ...everySource, ...ownKeys.postgres, ...ownKeys.mysql });
export const anyTarget = z.looseObject({ url: z.string(), ...everyTarget, readers });
export const connectors: ReadonlySet<string> = new Set(["postgres", "mysql", "debezium", "kafka"]);
