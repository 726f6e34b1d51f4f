// What the configuration says of a Kafka target, as the connector takes it.
import type { KafkaAddress } from "../kafka/kafka-client.ts";

/** What is published was written in transactions, which only this library reads for certain; see KafkajsClient. */
export const readingLibrary = "platformatic";

export interface PublishOptions {
  readonly kafka: KafkaAddress;
  /** Debezium's `topic.prefix`: every topic's name begins with it, and it belongs to one subscription. */
  readonly prefix: string;
  /** Of the topics that are made for tables. With more than one a table cannot be truncated or loaded again. */
  readonly partitions: number;
}
