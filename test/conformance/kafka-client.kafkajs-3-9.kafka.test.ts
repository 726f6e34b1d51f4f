import { registerKafkaClientTests } from "./kafka-client.ts";

registerKafkaClientTests("kafkajs", "3.9", {
  readsTransactions: false,
  knowsTopicIds: false,
  sharesEmptySlices: false,
  compressions: ["gzip"],
});
