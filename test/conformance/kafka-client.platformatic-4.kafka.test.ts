import { registerKafkaClientTests } from "./kafka-client.ts";

registerKafkaClientTests("platformatic", "4", {
  readsTransactions: true,
  knowsTopicIds: true,
  sharesEmptySlices: true,
  compressions: ["gzip", "snappy", "lz4"],
});
