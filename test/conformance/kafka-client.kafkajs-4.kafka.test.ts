import { registerKafkaClientTests } from "./kafka-client.ts";

registerKafkaClientTests("kafkajs", "4", {
  readsTransactions: false,
  knowsTopicIds: false,
  sharesEmptySlices: false,
  compressions: ["gzip"],
});
