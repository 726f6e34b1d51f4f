import { registerKafkaClientTests } from "./kafka-client.ts";

registerKafkaClientTests("kafkajs", "4", { readsTransactions: false, knowsTopicIds: false, compressions: ["gzip"] });
