// Which versions of Kafka, Kafka Connect and Debezium the private servers are.
import type { ArtifactSet } from "./maven-artifacts.ts";

/** Kafka versions that can be started: the current one, and the last one that older clients were made for. */
export type KafkaVersion = "4" | "3.9";

const kafka = "4.4.0";
/** The version that the Debezium below was built with. */
const connect = "4.1.1";
/** The newest version of which every connector is published. */
const debezium = "3.5.0.Final";
/** Writes the log to the standard error, chosen by system properties. */
const log = "org.slf4j:slf4j-simple:1.7.36";

export const brokerArtifacts: Readonly<Record<KafkaVersion, ArtifactSet>> = {
  "4": { name: "kafka-4", artifacts: [`org.apache.kafka:kafka_2.13:${kafka}`, log] },
  "3.9": { name: "kafka-3.9", artifacts: ["org.apache.kafka:kafka_2.13:3.9.2", log] },
};

export const workerArtifacts: ArtifactSet = {
  name: "kafka-connect",
  artifacts: [`org.apache.kafka:connect-runtime:${connect}`, `org.apache.kafka:connect-json:${connect}`, log],
};

/**
 * Plugins of a Connect worker, each in a class loader of its own: the source connectors of PostgreSQL, MySQL and MariaDB; the sink
 * connector; a converter that speaks Avro in Confluent's wire format with an Apicurio registry.
 */
export type ConnectPlugin = "debezium" | "jdbc-sink" | "avro";

export const pluginArtifacts: Readonly<Record<ConnectPlugin, ArtifactSet>> = {
  debezium: {
    name: "debezium",
    artifacts: [
      ...["postgres", "mysql", "mariadb"].map((database) => `io.debezium:debezium-connector-${database}:${debezium}`),
      // Its CloudEvents converter needs it beside its own Jackson.
      `org.apache.kafka:connect-json:${connect}`,
    ],
  },
  "jdbc-sink": {
    name: "debezium-jdbc-sink",
    artifacts: [
      `io.debezium:debezium-connector-jdbc:${debezium}`,
      // Hibernate asks for every module of Jackson that the worker has, and takes them beside its own Jackson only.
      `org.apache.kafka:connect-json:${connect}`,
      "com.fasterxml.jackson.module:jackson-module-jakarta-xmlbind-annotations:2.19.0",
    ],
  },
  avro: { name: "avro-converter", artifacts: ["io.apicurio:apicurio-registry-utils-converter:2.6.13.Final"] },
};
