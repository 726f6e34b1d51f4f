// Configurations of Debezium's connectors, as an installation would write them, with what tests want to be quick.
// https://debezium.io/documentation/reference/stable/connectors/
import { randomInt } from "node:crypto";
import type { ConnectorConfig } from "../../deploy/embedded/connect-rest.ts";

/** `json` bare, `json-schemas` each message with its schema, `avro` in Confluent's wire format by a registry. */
export type MessageFormat = "json" | "json-schemas" | { readonly avro: string };

export interface ConnectorOptions {
  /** Of the connector, its topics, its slot and its publication: lower case letters, digits, `_`. */
  readonly name: string;
  /** `postgres://` or `mysql://` address of the database, with an account that may replicate. */
  readonly url: string;
  /** `schema.table` for PostgreSQL, `database.table` for MariaDB. */
  readonly tables: readonly string[];
  readonly format?: MessageFormat;
  /** Partitions of each topic; 1 when left out. */
  readonly partitions?: number;
  /** Any settings of the connector; they win. */
  readonly overrides?: ConnectorConfig;
}

/** A connector that is to be made, and the topics that it writes. */
export interface DebeziumConnector {
  readonly name: string;
  readonly config: ConnectorConfig;
  readonly topics: {
    /** Of one table, named as in the options. */
    readonly of: (table: string) => string;
    readonly transactions: string;
    readonly heartbeats: string;
    /** DDL; MariaDB only. */
    readonly schemaChanges: string;
  };
}

export function postgresConnector(options: ConnectorOptions): DebeziumConnector {
  const url = new URL(options.url);
  return connector(options, {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "plugin.name": "pgoutput",
    "database.dbname": decodeURIComponent(url.pathname.slice(1)),
    "slot.name": options.name,
    "publication.name": options.name,
    "publication.autocreate.mode": "filtered",
  });
}

/** `brokers` is where the connector keeps the history of the tables' structure. */
export function mariadbConnector(options: ConnectorOptions & { readonly brokers: string }): DebeziumConnector {
  const databases = new Set(options.tables.map((table) => table.split(".")[0]));
  return connector(options, {
    "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
    "database.server.id": String(randomInt(1000, 2 ** 31)),
    "database.include.list": [...databases].join(","),
    "schema.history.internal.kafka.bootstrap.servers": options.brokers,
    "schema.history.internal.kafka.topic": `${options.name}.history`,
  });
}

function connector(options: ConnectorOptions, own: ConnectorConfig): DebeziumConnector {
  const { name, tables, partitions, overrides } = options;
  const url = new URL(options.url);
  const config = {
    "tasks.max": "1",
    "topic.prefix": name,
    "table.include.list": tables.map((table) => table.replaceAll(".", "\\.")).join(","),
    "database.hostname": url.hostname,
    "database.port": url.port,
    "database.user": decodeURIComponent(url.username),
    "database.password": decodeURIComponent(url.password),
    "heartbeat.interval.ms": "500",
    "poll.interval.ms": "50",
    "provide.transaction.metadata": "true",
    "topic.creation.default.replication.factor": "1",
    "topic.creation.default.partitions": String(partitions ?? 1),
    ...converters(options.format ?? "json"),
    ...own,
    ...overrides,
  };
  const topics = {
    of: (table: string) => `${name}.${table}`,
    transactions: `${name}.transaction`,
    heartbeats: `__debezium-heartbeat.${name}`,
    schemaChanges: name,
  };
  return { name, config, topics };
}

function converters(format: MessageFormat): ConnectorConfig {
  const settings: ConnectorConfig =
    typeof format === "string"
      ? { "": "org.apache.kafka.connect.json.JsonConverter", ".schemas.enable": String(format === "json-schemas") }
      : {
          "": "io.apicurio.registry.utils.converter.AvroConverter",
          ".apicurio.registry.url": format.avro,
          ".apicurio.registry.auto-register": "true",
          ".apicurio.registry.find-latest": "true",
          ".apicurio.registry.as-confluent": "true",
          ".apicurio.registry.headers.enabled": "false",
        };
  const both = ["key.converter", "value.converter"].flatMap((side) =>
    Object.entries(settings).map(([name, value]) => [side + name, value]),
  );
  return Object.fromEntries(both) as Record<string, string>;
}
