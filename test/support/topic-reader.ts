// What tests need of Kafka: topics made, written, and read from their beginning to their end.
import { randomUUID } from "node:crypto";
import { type Consumer, type IHeaders, Kafka, type Message, logLevel } from "kafkajs";
import { waitUntil } from "./wait-until.ts";

export interface TopicMessage {
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since 1970, as the producer said. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  /** Null is a tombstone. */
  readonly value: Buffer | null;
  readonly headers: IHeaders;
}

export interface NewTopic {
  readonly topic: string;
  readonly partitions?: number;
  readonly settings?: Readonly<Record<string, string>>;
}

export async function createTopics(brokers: string, ...topics: readonly NewTopic[]): Promise<void> {
  await using admin = await connectedAdmin(brokers);
  await admin.client.createTopics({
    topics: topics.map(({ topic, partitions, settings }) => ({
      topic,
      numPartitions: partitions ?? 1,
      replicationFactor: 1,
      configEntries: Object.entries(settings ?? {}).map(([name, value]) => ({ name, value })),
    })),
  });
}

export async function deleteTopic(brokers: string, topic: string): Promise<void> {
  await using admin = await connectedAdmin(brokers);
  await admin.client.deleteTopics({ topics: [topic] });
}

/** Deletes all messages that the topic holds now, as retention would. */
export async function emptyTopic(brokers: string, topic: string): Promise<void> {
  await using admin = await connectedAdmin(brokers);
  const partitions = (await admin.client.fetchTopicOffsets(topic)).map(({ partition, high }) => ({ partition, offset: high }));
  await admin.client.deleteTopicRecords({ topic, partitions });
}

/** Writes the messages in their order, acknowledged by the broker. */
export async function produce(brokers: string, topic: string, messages: readonly Message[]): Promise<void> {
  const producer = client(brokers).producer();
  await producer.connect();
  try {
    await producer.send({ topic, messages: [...messages], acks: -1 });
  } finally {
    await producer.disconnect();
  }
}

/** Number of messages in a topic by its offsets, gaps of compaction and transactions included; 0 when there is no such topic. */
export async function topicLength(brokers: string, topic: string): Promise<number> {
  const ends = await endsOf(brokers, topic);
  return ends.reduce((sum, { high, low }) => sum + Number(high - low), 0);
}

/** All messages that the topic holds now, by partition and offset, those of open and aborted transactions left out. */
export async function readTopic(brokers: string, topic: string): Promise<TopicMessage[]> {
  const ends = await endsOf(brokers, topic);
  const owed = new Map(ends.filter(({ high, low }) => high > low).map(({ partition, high }) => [partition, high]));
  const messages: TopicMessage[] = [];
  if (owed.size === 0) return messages;
  // A consumer leaves when its last request has come back.
  const consumer = client(brokers).consumer({ groupId: `reader-${randomUUID()}`, readUncommitted: false, maxWaitTimeInMs: 50, retry });
  let crash: Error | null = null;
  consumer.on(consumer.events.CRASH, ({ payload }) => (crash = payload.restart ? null : payload.error));
  // Told also of batches in which nothing but ends of transactions was.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    const end = owed.get(payload.partition);
    if (end !== undefined && BigInt(payload.lastOffset) + 1n >= end) owed.delete(payload.partition);
  });
  try {
    await consume(consumer, topic, messages);
    const finished = () => {
      if (crash !== null) throw crash;
      return owed.size === 0;
    };
    await waitUntil(finished, { describe: `the end of topic ${topic}` });
  } finally {
    await consumer.disconnect();
  }
  const known = new Map(ends.map(({ partition, high }) => [partition, high]));
  return messages
    .filter(({ partition, offset }) => offset < (known.get(partition) ?? 0n))
    .toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}

async function consume(consumer: Consumer, topic: string, into: TopicMessage[]): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { offset, timestamp, key, value, headers } of batch.messages) {
        const partition = batch.partition;
        into.push({ partition, offset: BigInt(offset), timestamp: Number(timestamp), key, value, headers: headers ?? {} });
      }
      await Promise.resolve();
    },
  });
}

async function endsOf(brokers: string, topic: string): Promise<{ partition: number; low: bigint; high: bigint }[]> {
  await using admin = await connectedAdmin(brokers);
  if (!(await admin.client.listTopics()).includes(topic)) return [];
  const offsets = await admin.client.fetchTopicOffsets(topic);
  return offsets.map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }));
}

async function connectedAdmin(brokers: string) {
  const admin = client(brokers).admin();
  await admin.connect();
  return { client: admin, [Symbol.asyncDispose]: () => admin.disconnect() };
}

/** A broker that has just started is asked again soon: it does not know its groups yet. */
const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 20 };

function client(brokers: string): Kafka {
  return new Kafka({ brokers: brokers.split(","), clientId: "test", logLevel: logLevel.NOTHING, retry });
}
