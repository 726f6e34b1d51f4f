// The topics of one slice as a log: which partitions there are, where they begin and end.
import type { Position } from "../../../engine/model/position.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { KafkaClient, PartitionOffset, TopicFacts, TopicPartition } from "../kafka/kafka-client.ts";
import { placeKey, printOffsets, untouched } from "../topic-offsets.ts";
import type { TopicNature } from "./row-changes.ts";

/** The part of every topic that is read: partition p belongs to slice p mod `of`. */
export interface Slice {
  readonly index: number;
  readonly of: number;
}

export interface TopicLogOptions {
  readonly client: KafkaClient;
  readonly options: Pick<DebeziumOptions, "topics">;
  readonly slice: Slice;
  readonly tables: () => readonly TableName[];
}

/** The topic that carries the table's changes. */
export function topicOf({ topics }: Pick<DebeziumOptions, "topics">, table: TableName): string {
  const name = printTable(table);
  return topics.tables.get(name) ?? `${topics.prefix}.${name}`;
}

/** Every topic whose records make changes, each once. */
export function topicsOf(options: Pick<DebeziumOptions, "topics">, tables: readonly TableName[]): string[] {
  const { transactions } = options.topics;
  const topics = new Set(tables.map((table) => topicOf(options, table)));
  if (transactions !== null) topics.add(transactions);
  return [...topics];
}

export class TopicLog {
  readonly #options: TopicLogOptions;
  #facts: readonly TopicFacts[] = [];
  #natures = new Map<string, TopicNature>();
  #tables: readonly TableName[] | null = null;
  #topics: readonly string[] = [];

  constructor(options: TopicLogOptions) {
    this.#options = options;
  }

  get topics(): readonly string[] {
    const tables = this.#options.tables();
    if (tables !== this.#tables) {
      this.#tables = tables;
      this.#topics = topicsOf(this.#options.options, tables);
    }
    return this.#topics;
  }

  /** The topics that existed when they were last looked for. */
  get facts(): readonly TopicFacts[] {
    return this.#facts;
  }

  /** Every topic existed then. */
  get allKnown(): boolean {
    return this.#facts.length === this.topics.length;
  }

  /** Partitions of the slice, as last looked for. */
  get partitions(): TopicPartition[] {
    const { index, of } = this.#options.slice;
    return this.#facts.flatMap(({ topic, partitions }) =>
      partitions.filter((partition) => partition % of === index).map((partition) => ({ topic, partition })),
    );
  }

  /** Those that carry rows of the table, named as `schema.table`. */
  partitionsOf(table: string): TopicPartition[] {
    return this.partitions.filter(({ topic }) => this.natureOf(topic).tables.some((name) => printTable(name) === table));
  }

  /** Looks for topics and partitions anew. */
  async look(): Promise<void> {
    this.#facts = await this.#options.client.topics(this.topics);
    this.#natures = new Map();
  }

  async offsets(of: "first" | "end", partitions: readonly TopicPartition[] = this.partitions): Promise<Map<string, PartitionOffset>> {
    const offsets = partitions.length === 0 ? [] : await this.#options.client.offsets(of, partitions);
    return new Map(offsets.map((offset) => [placeKey(offset), offset]));
  }

  /**
   * The transaction topic is asked last: whatever belongs to a transaction that begins behind its end lies behind the others' ends.
   */
  async ends(): Promise<Map<string, PartitionOffset>> {
    const { transactions } = this.#options.options.topics;
    const isMark = ({ topic }: TopicPartition): boolean => topic === transactions;
    const events = await this.offsets(
      "end",
      this.partitions.filter((partition) => !isMark(partition)),
    );
    return new Map([...events, ...(await this.offsets("end", this.partitions.filter(isMark)))]);
  }

  /** The position of whoever has read all that there is now. */
  async end(): Promise<Position> {
    const ends = await this.ends();
    return printOffsets({ completeAt: 0, places: new Map([...ends].map(([key, end]) => [key, untouched(end, end.offset)])) });
  }

  natureOf(topic: string): TopicNature {
    const known = this.#natures.get(topic);
    if (known !== undefined) return known;
    const facts = this.#facts.find((found) => found.topic === topic);
    const { options, tables } = this.#options;
    const nature = {
      topic,
      partitions: facts?.partitions.length ?? 0,
      compacted: facts !== undefined && isCompacted(facts),
      tables: tables().filter((table) => topicOf(options, table) === topic),
    };
    this.#natures.set(topic, nature);
    return nature;
  }
}

/** Old records of a key are removed, the newest stays. */
export function isCompacted({ cleanupPolicy }: TopicFacts): boolean {
  return cleanupPolicy.includes("compact");
}

/** Old records are removed whatever they hold. */
export function isTruncated({ cleanupPolicy }: TopicFacts): boolean {
  return cleanupPolicy.includes("delete");
}
