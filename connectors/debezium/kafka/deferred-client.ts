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

/** A client that is opened with the first question, and again with the next when it could not be: who is wired waits for nobody. */
export class DeferredClient implements KafkaClient {
  readonly #open: () => Promise<KafkaClient>;
  #client: Promise<KafkaClient> | null = null;

  constructor(open: () => Promise<KafkaClient>) {
    this.#open = open;
  }

  async clusterId(): Promise<string> {
    return (await this.#opened()).clusterId();
  }

  async topics(names: readonly string[]): Promise<readonly TopicFacts[]> {
    return (await this.#opened()).topics(names);
  }

  async offsets(of: "first" | "end", partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    return (await this.#opened()).offsets(of, partitions);
  }

  async lastRecords(topic: string, count: number): Promise<readonly KafkaRecord[]> {
    return (await this.#opened()).lastRecords(topic, count);
  }

  async readAlone(from: readonly PartitionOffset[], signal: AbortSignal): Promise<RecordReading> {
    return (await this.#opened()).readAlone(from, signal);
  }

  async createTopics(wanted: readonly NewTopic[]): Promise<void> {
    return (await this.#opened()).createTopics(wanted);
  }

  async join(group: GroupOptions): Promise<GroupMember> {
    return (await this.#opened()).join(group);
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => null);
    await client?.close();
  }

  #opened(): Promise<KafkaClient> {
    this.#client ??= this.#open().catch((error: unknown) => {
      this.#client = null;
      throw error;
    });
    return this.#client;
  }
}
