import { registerKafkaClientTests } from "./kafka-client.ts";

registerKafkaClientTests("platformatic", "3.9", {
  readsTransactions: true,
  knowsTopicIds: true,
  sharesEmptySlices: true,
  compressions: ["gzip", "snappy", "lz4"],
});
