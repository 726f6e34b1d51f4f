// What the configuration says of a Kafka target, as the connector takes it.
import type { KafkaAddress } from "../kafka/kafka-client.ts";

export interface PublishOptions {
  readonly kafka: KafkaAddress;
  readonly client: "kafkajs" | "platformatic";
  /** Debezium's `topic.prefix`: every topic's name begins with it, and it belongs to one subscription. */
  readonly prefix: string;
  /** Of the topics that are made for tables. With more than one a table cannot be truncated or loaded again. */
  readonly partitions: number;
}
