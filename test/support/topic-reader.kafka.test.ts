import { Kafka, logLevel } from "kafkajs";
import { expect, test } from "vitest";
import { sharedKafka } from "./kafka-server.ts";
import { createTopics, readTopic, topicLength } from "./topic-reader.ts";

test("a topic is read to its end where the last things in it are ends of transactions", async () => {
  const brokers = await sharedKafka();
  const topic = "reader_transactions";
  await createTopics(brokers, { topic });
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const value of ["kept", "aborted"]) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ key: "k", value }] });
    await (value === "kept" ? transaction.commit() : transaction.abort());
  }
  await producer.disconnect();
  expect(await topicLength(brokers, topic)).toBe(4);
  expect(await readTopic(brokers, topic)).toMatchObject([{ offset: 0n, value: Buffer.from("kept") }]);
  expect(await readTopic(brokers, "no_such_topic")).toEqual([]);
});
