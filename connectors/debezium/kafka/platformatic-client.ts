// A source's connection to Kafka through @platformatic/kafka.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import {
  type Broker,
  ListOffsetTimestamps,
  createTopicsV7,
  describeConfigsV4,
  listOffsetsV5,
  listOffsetsV6,
  listOffsetsV7,
  listOffsetsV8,
  listOffsetsV9,
} from "@platformatic/kafka";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printBrokers } from "./broker-tls.ts";
import type {
  GroupMember,
  GroupOptions,
  KafkaAddress,
  KafkaClient,
  KafkaRecord,
  NewTopic,
  PartitionOffset,
  RecordReading,
  TopicFacts,
  TopicPartition,
} from "./kafka-client.ts";
import { fromProtocol, protocolError } from "./kafka-errors.ts";
import { lastRecordsOf } from "./last-records.ts";
import { type TopicSettings, readSettings, topicSettings, untilLed } from "./topic-settings.ts";
import { BrokerConnections, answerOf } from "./platformatic-cluster.ts";
import { toReplicationError } from "./platformatic-errors.ts";
import { PlatformaticMember } from "./platformatic-member.ts";
import { endedBy, PlatformaticReading } from "./platformatic-reading.ts";

const readCommitted = 1;
const topicResource = 2;
const brokersDefault = -1;

export class PlatformaticClient implements KafkaClient {
  readonly #address: KafkaAddress;
  readonly #tls: TlsOptions | null;
  readonly #stalledAfterMs: number;
  readonly #connections: BrokerConnections;

  constructor(address: KafkaAddress, tls: TlsOptions | null, stalledAfterMs: number) {
    this.#address = address;
    this.#tls = tls;
    this.#stalledAfterMs = stalledAfterMs;
    this.#connections = new BrokerConnections(address, tls, stalledAfterMs);
  }

  async clusterId(): Promise<string> {
    return (await this.#connections.metadata([])).clusterId;
  }

  async topics(names: readonly string[]): Promise<readonly TopicFacts[]> {
    if (names.length === 0) return [];
    const { topics } = await this.#connections.metadata(names);
    const settings = await this.#settings([...topics.keys()]);
    return names.flatMap((name) => {
      const topic = topics.get(name);
      if (topic === undefined) return [];
      const partitions = topic.partitions.map(({ partition }) => partition);
      return [{ topic: name, id: topic.id, partitions, ...(settings.get(name) ?? readSettings(() => "")) }];
    });
  }

  async offsets(of: "first" | "end", partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    const { topics } = await this.#connections.metadata([...new Set(partitions.map(({ topic }) => topic))]);
    const byLeader = new Map<string, { broker: Broker; partitions: TopicPartition[] }>();
    for (const at of partitions) {
      const part = topics.get(at.topic)?.partitions.find(({ partition }) => partition === at.partition);
      if (part === undefined) throw fromProtocol(protocolError.unknownTopicOrPartition, nameOf(at));
      const { leader } = part;
      if (leader === null) throw new ReplicationError("DB-KAF-005", { subject: nameOf(at), cause: "it has no leader just now" });
      const lead = byLeader.get(`${leader.host}:${leader.port}`) ?? { broker: leader, partitions: [] };
      byLeader.set(`${leader.host}:${leader.port}`, lead);
      lead.partitions.push(at);
    }
    const answers = await Promise.all([...byLeader.values()].map((lead) => this.#offsetsAt(lead.broker, of, lead.partitions)));
    const found = new Map(answers.flat().map((at) => [`${at.partition} ${at.topic}`, at]));
    return partitions.flatMap(({ topic, partition }) => found.get(`${partition} ${topic}`) ?? []);
  }

  async lastRecords(topic: string, count: number): Promise<readonly KafkaRecord[]> {
    const { topics } = await this.#connections.metadata([topic]);
    const partitions = (topics.get(topic)?.partitions ?? []).map(({ partition }) => ({ topic, partition }));
    return lastRecordsOf(this, partitions, count, (from) => this.readAlone(from, new AbortController().signal));
  }

  readAlone(from: readonly PartitionOffset[], signal: AbortSignal): Promise<RecordReading> {
    const connections = new BrokerConnections(this.#address, this.#tls, this.#stalledAfterMs);
    return Promise.resolve(endedBy(signal, new PlatformaticReading(connections, from, this.#stalledAfterMs)));
  }

  async createTopics(wanted: readonly NewTopic[]): Promise<void> {
    const { topics } = await this.#connections.metadata(wanted.map(({ topic }) => topic));
    const missing = wanted.filter(({ topic }) => !topics.has(topic));
    if (missing.length === 0) return;
    const requests = missing.map(({ topic, partitions, settings }) => ({
      name: topic,
      numPartitions: partitions,
      replicationFactor: brokersDefault,
      assignments: [],
      configs: Object.entries(settings).map(([name, value]) => ({ name, value })),
    }));
    try {
      // Any broker passes this on to the controller.
      const answer = await answerOf(this.#connections.request(null, [createTopicsV7.api], requests, this.#stalledAfterMs, false));
      const failed = answer.topics.find(({ errorCode }) => errorCode !== 0 && errorCode !== protocolError.topicAlreadyExists);
      if (failed !== undefined) throw fromProtocol(failed.errorCode, `topic ${failed.name}`);
    } catch (error) {
      throw toReplicationError(error, printBrokers(this.#address));
    }
    await untilLed(this, missing, this.#stalledAfterMs);
  }

  async join(group: GroupOptions): Promise<GroupMember> {
    const { topics } = await this.#connections.metadata(group.topics);
    const missing = group.topics.find((topic) => !topics.has(topic));
    if (missing !== undefined) throw fromProtocol(protocolError.unknownTopicOrPartition, `topic ${missing}`);
    const settings = { address: this.#address, tls: this.#tls, stalledAfterMs: this.#stalledAfterMs };
    return PlatformaticMember.join(settings, group);
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #settings(topics: readonly string[]): Promise<Map<string, TopicSettings>> {
    const resources = topics.map(
      (name) => ({ resourceType: topicResource, resourceName: name, configurationKeys: topicSettings }) as const,
    );
    try {
      const { results } = await answerOf(this.#connections.request(null, [describeConfigsV4.api], resources, false, false));
      return new Map(
        results.map(({ errorCode, resourceName, configs }) => {
          if (errorCode !== 0) throw fromProtocol(errorCode, `settings of topic ${resourceName}`);
          return [resourceName, readSettings((key) => configs.find(({ name }) => name === key)?.value ?? "")];
        }),
      );
    } catch (error) {
      throw toReplicationError(error, printBrokers(this.#address));
    }
  }

  async #offsetsAt(broker: Broker, of: "first" | "end", partitions: readonly TopicPartition[]): Promise<PartitionOffset[]> {
    const timestamp = of === "first" ? ListOffsetTimestamps.EARLIEST : ListOffsetTimestamps.LATEST;
    const names = [...new Set(partitions.map(({ topic }) => topic))];
    const topics = names.map((name) => ({
      name,
      partitions: partitions
        .filter(({ topic }) => topic === name)
        .map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp })),
    }));
    try {
      const apis = [listOffsetsV9.api, listOffsetsV8.api, listOffsetsV7.api, listOffsetsV6.api, listOffsetsV5.api];
      const answer = await answerOf(this.#connections.request(broker, apis, -1, readCommitted, topics));
      return answer.topics.flatMap(({ name, partitions: parts }) =>
        parts.map(({ partitionIndex, errorCode, offset }) => {
          const at = { topic: name, partition: partitionIndex, offset };
          if (errorCode !== 0) throw fromProtocol(errorCode, nameOf(at));
          return at;
        }),
      );
    } catch (error) {
      throw toReplicationError(error, printBrokers(this.#address));
    }
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `topic ${topic} partition ${partition}`;
}
