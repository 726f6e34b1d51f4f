// Topics of a prefix of its own on a broker, to drive a KafkaTarget without the rest of the engine.
import { randomUUID } from "node:crypto";
import { ListOffsetTimestamps, listOffsetsV9 } from "@platformatic/kafka";
import type { KafkaClient } from "../../connectors/debezium/kafka/kafka-client.ts";
import { BrokerConnections } from "../../connectors/debezium/kafka/platformatic-cluster.ts";
import { openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import { KafkaTarget, type KafkaTargetOptions } from "../../connectors/debezium/publish/kafka-target.ts";
import type { PublicationState } from "../../connectors/debezium/publish/publication-state.ts";
import type { PublishOptions } from "../../connectors/debezium/publish/publish-options.ts";
import { readState } from "../../connectors/debezium/publish/state-topic.ts";
import { stateTopic, tableTopic } from "../../connectors/debezium/publish/topic-names.ts";
import type { Position } from "../../engine/model/position.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import { sharedKafka } from "./kafka-server.ts";
import { kafkaAddress } from "./kafka-address.ts";
import { readTopic } from "./topic-reader.ts";
import { waitUntil } from "./wait-until.ts";

/** Isolation level of a request for offsets. */
const readUncommitted = 0;

/** A committed record of a topic of events, its schemas left out. */
export interface PublishedRecord {
  readonly key: Readonly<Record<string, unknown>> | null;
  /** Null: a tombstone. */
  readonly event: PublishedEvent | null;
}

export interface PublishedEvent {
  readonly op: "r" | "u" | "d" | "t";
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly source: Readonly<Record<string, unknown>>;
  readonly transaction: { readonly id: string; readonly total_order: number; readonly data_collection_order: number } | null;
}

export class KafkaTargetLab implements AsyncDisposable {
  readonly brokers: string;
  readonly client: KafkaClient;
  readonly #connections: BrokerConnections;
  #prefix = "";
  #targets: KafkaTarget[] = [];

  private constructor(brokers: string, client: KafkaClient) {
    this.brokers = brokers;
    this.client = client;
    this.#connections = new BrokerConnections(kafkaAddress(brokers), null, 30_000);
    this.reset();
  }

  static async open(brokers?: string): Promise<KafkaTargetLab> {
    const found = brokers ?? (await sharedKafka());
    return new KafkaTargetLab(found, await openKafkaClient(kafkaAddress(found), "platformatic"));
  }

  get publish(): PublishOptions {
    return { kafka: kafkaAddress(this.brokers), prefix: this.#prefix, partitions: 1 };
  }

  /** Another prefix, under which nothing was published yet. */
  reset(): void {
    this.#prefix = `lab-${randomUUID().slice(0, 8)}`;
    this.#targets = [];
  }

  target(subscription: Subscription, changes: Partial<PublishOptions> = {}): KafkaTarget {
    const publish = { ...this.publish, ...changes };
    const options = { publish, subscription, positions: { parse: (text: string) => text as Position } };
    const target = new PatientTarget(options, async () => void (await this.state()));
    this.#targets.push(target);
    return target;
  }

  /** Every target looks again at what is stored before its next batch. */
  async refresh(): Promise<void> {
    for (const target of this.#targets) await target.checkpoint();
  }

  async state(): Promise<PublicationState | null> {
    await this.#settled(stateTopic(this.#prefix));
    return readState(this.client, this.#prefix);
  }

  /** Waits until everything that was committed can be read, which a commit does not wait for. */
  async #settled(topic: string): Promise<void> {
    if ((await this.client.topics([topic])).length === 0) return;
    const { topics } = await this.#connections.metadata([topic]);
    const partitions = (topics.get(topic)?.partitions ?? []).map(({ partition }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: -1,
      timestamp: ListOffsetTimestamps.LATEST,
    }));
    const answer = await this.#connections.request(null, [listOffsetsV9.api], -1, readUncommitted, [{ name: topic, partitions }]);
    const ends = answer.topics[0]?.partitions ?? [];
    await waitUntil(
      async () => {
        const committed = await this.client.offsets(
          "end",
          ends.map(({ partitionIndex: partition }) => ({ topic, partition })),
        );
        return committed.every(({ offset }, index) => offset >= (ends[index]?.offset ?? 0n));
      },
      { describe: `the transactions in ${topic} to be over` },
    );
  }

  /** What a consumer that reads committed records sees of a table's topic. */
  async records(table: TableMapping): Promise<PublishedRecord[]> {
    await this.#settled(tableTopic(this.#prefix, table.target));
    const messages = await readTopic(this.brokers, tableTopic(this.#prefix, table.target));
    return messages.map(({ key, value }) => ({
      key: payload(key) as PublishedRecord["key"],
      event: payload(value) as PublishedEvent | null,
    }));
  }

  /** The rows that a consumer holds after it has read a table's topic, in the columns' order, by key. */
  async rows(table: TableMapping): Promise<(string | null)[][]> {
    const held = new Map<string, Readonly<Record<string, unknown>>>();
    for (const { key, event } of await this.records(table)) {
      if (event?.op === "t") held.clear();
      else if (event === null || event.op === "d") held.delete(JSON.stringify(key));
      else held.set(JSON.stringify(key), event.after ?? {});
    }
    const sorted = [...held].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([, row]) => table.columns.map(({ target }) => (row[target] ?? null) as string | null));
  }

  /** Payloads of a topic that belongs to no table: `transaction`, `__debezium-heartbeat`. */
  async control(topic: string): Promise<Readonly<Record<string, unknown>>[]> {
    await this.#settled(topic);
    const messages = await readTopic(this.brokers, topic);
    return messages.map(({ value }) => payload(value) as Readonly<Record<string, unknown>>);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const target of this.#targets) await target.close();
    await this.client.close();
    await this.#connections.close();
  }
}

/** Another instance may look a moment before it can read what was committed; only who takes the epoch must not miss it. */
class PatientTarget extends KafkaTarget {
  readonly #settled: () => Promise<void>;

  constructor(options: KafkaTargetOptions, settled: () => Promise<void>) {
    super(options);
    this.#settled = settled;
  }

  override async prepare(...parameters: Parameters<KafkaTarget["prepare"]>): ReturnType<KafkaTarget["prepare"]> {
    await this.#settled();
    return super.prepare(...parameters);
  }
}

function payload(bytes: Buffer | null): unknown {
  return bytes === null ? null : (JSON.parse(bytes.toString("utf8")) as { payload: unknown }).payload;
}
