// A source's connection to Kafka through kafkajs.
import { randomUUID } from "node:crypto";
import kafkajs, { type Admin } from "kafkajs";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type {
  GroupMember,
  GroupOptions,
  KafkaClient,
  KafkaRecord,
  NewTopic,
  PartitionOffset,
  RecordReading,
  TopicFacts,
  TopicPartition,
} from "./kafka-client.ts";
import { printBrokers } from "./broker-tls.ts";
import { fromProtocol, protocolError } from "./kafka-errors.ts";
import { KafkajsMember } from "./kafkajs-member.ts";
import { type KafkajsSettings, coded, makeKafka, toReplicationError } from "./kafkajs-settings.ts";
import { lastRecordsOf } from "./last-records.ts";
import { readSettings, topicSettings, untilLed } from "./topic-settings.ts";

const topicResource = kafkajs.ConfigResourceTypes.TOPIC;
/** Of the short-lived group of whoever reads alone. */
const lookSessionMs = 10_000;

export class KafkajsClient implements KafkaClient {
  readonly #settings: KafkajsSettings;
  #admin: Promise<Admin> | null = null;

  constructor(settings: KafkajsSettings) {
    this.#settings = settings;
  }

  async clusterId(): Promise<string> {
    return (await this.#ask((admin) => admin.describeCluster())).clusterId;
  }

  async topics(names: readonly string[]): Promise<readonly TopicFacts[]> {
    const known = new Set(await this.#ask((admin) => admin.listTopics()));
    const facts: TopicFacts[] = [];
    for (const topic of names) if (known.has(topic)) facts.push(...(await this.#factsOf(topic)));
    return facts;
  }

  async offsets(of: "first" | "end", partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    const names = [...new Set(partitions.map(({ topic }) => topic))];
    const found = new Map<string, bigint>();
    for (const topic of names) {
      const list = await this.#ask((admin) => admin.fetchTopicOffsets(topic), `topic ${topic}`);
      for (const { partition, low, high } of list) found.set(`${partition} ${topic}`, BigInt(of === "first" ? low : high));
    }
    return partitions.map(({ topic, partition }) => {
      const offset = found.get(`${partition} ${topic}`);
      if (offset === undefined) throw fromProtocol(protocolError.unknownTopicOrPartition, `topic ${topic} partition ${partition}`);
      return { topic, partition, offset };
    });
  }

  /** As the only member of a group that nobody else knows. */
  async lastRecords(topic: string, count: number): Promise<readonly KafkaRecord[]> {
    const [facts] = await this.topics([topic]);
    const partitions = (facts?.partitions ?? []).map((partition) => ({ topic, partition }));
    if (partitions.length === 0) return [];
    const member = await this.#alone([topic]);
    try {
      const never = new AbortController().signal;
      return await lastRecordsOf(this, partitions, count, (from) => Promise.resolve(member.read(from, never)));
    } finally {
      await member.leave();
    }
  }

  async readAlone(from: readonly PartitionOffset[], signal: AbortSignal): Promise<RecordReading> {
    const member = await this.#alone([...new Set(from.map(({ topic }) => topic))]);
    const reading = member.read(from, signal);
    return {
      [Symbol.asyncIterator]: () => reading[Symbol.asyncIterator](),
      close: async () => {
        await reading.close();
        await member.leave();
      },
    };
  }

  async createTopics(wanted: readonly NewTopic[]): Promise<void> {
    const known = new Set(await this.#ask((admin) => admin.listTopics()));
    const missing = wanted.filter(({ topic }) => !known.has(topic));
    if (missing.length === 0) return;
    const topics = missing.map(({ topic, partitions, settings }) => ({
      topic,
      numPartitions: partitions,
      configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
    }));
    // Answers false when somebody else was faster.
    await this.#ask((admin) => admin.createTopics({ topics, waitForLeaders: false }));
    await untilLed(this, missing, this.#settings.stalledAfterMs);
  }

  async join(group: GroupOptions): Promise<GroupMember> {
    const known = new Set(await this.#ask((admin) => admin.listTopics()));
    const missing = group.topics.find((topic) => !known.has(topic));
    if (missing !== undefined) throw fromProtocol(protocolError.unknownTopicOrPartition, `topic ${missing}`);
    return KafkajsMember.join(this.#settings, group, this);
  }

  async close(): Promise<void> {
    const admin = this.#admin;
    this.#admin = null;
    await admin?.then((one) => one.disconnect()).catch(() => {});
  }

  #alone(topics: readonly string[]): Promise<KafkajsMember> {
    const group = { groupId: `dongbo-look-${randomUUID()}`, topics, slices: 1, sessionTimeoutMs: lookSessionMs };
    return KafkajsMember.join(this.#settings, group, this);
  }

  /** Nothing for a topic that was deleted since it was listed. */
  async #factsOf(topic: string): Promise<TopicFacts[]> {
    try {
      return await this.#ask(async (admin) => {
        const metadata = await admin.fetchTopicMetadata({ topics: [topic] });
        const resource = { type: topicResource, name: topic, configNames: topicSettings };
        const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false });
        const entries = resources[0]?.configEntries ?? [];
        const settings = readSettings((key) => entries.find(({ configName }) => configName === key)?.configValue ?? "");
        const partitions = (metadata.topics[0]?.partitions ?? []).map(({ partitionId }) => partitionId);
        return [{ topic, id: null, partitions: partitions.toSorted((a, b) => a - b), ...settings }];
      }, `topic ${topic}`);
    } catch (error) {
      if (error instanceof ReplicationError && error.code === "DB-KAF-004") return [];
      throw error;
    }
  }

  /** The connection for questions is made with the first one, and anew after one that failed. */
  async #ask<T>(question: (admin: Admin) => Promise<T>, subject?: string): Promise<T> {
    const fresh = this.#admin === null;
    this.#admin ??= this.#connect();
    try {
      const admin = await this.#admin;
      return await coded(this.#settings, () => question(admin), subject);
    } catch (error) {
      await this.close();
      const failure = toReplicationError(error, subject ?? printBrokers(this.#settings.address));
      // It asks for every topic that it was ever asked about, those that were deleted since as well.
      if (!fresh && failure.code === "DB-KAF-004") return this.#ask(question, subject);
      throw failure;
    }
  }

  async #connect(): Promise<Admin> {
    const admin = makeKafka(this.#settings).admin();
    await coded(this.#settings, () => admin.connect());
    return admin;
  }
}
