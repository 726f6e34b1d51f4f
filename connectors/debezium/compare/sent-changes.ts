// What a table's topic says was sent, read from its beginning and on as it grows, by whoever is no member of the source's group. Records
// are understood as the stream understands them: repeated ones, snapshots read anew, deletes that compaction has taken.
import type { RowChange, Truncate } from "../../../engine/model/change-message.ts";
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import { describeTopic } from "../capture/describe-topic.ts";
import { Intake } from "../capture/intake.ts";
import { RowChanges } from "../capture/row-changes.ts";
import { firstPlace } from "../capture/starting-places.ts";
import { topicOf, TopicLog } from "../capture/topic-log.ts";
import type { RecordDecoder } from "../decode/change-event.ts";
import type { KafkaClient, PartitionOffset, RecordBatch } from "../kafka/kafka-client.ts";
import { type PartitionPlace, placeKey, printOffsets } from "../topic-offsets.ts";

export interface SentChangesParts {
  readonly options: DebeziumOptions;
  readonly client: KafkaClient;
  readonly decoder: RecordDecoder;
  readonly table: TableName;
}

/** Where a change stands in its topic: what follows it in the same partition came later. */
export interface SentPlace {
  readonly partition: number;
  readonly offset: bigint;
}

/** Told everything that the topic's records did to rows of the table, in the order of each partition. */
export type TakeSent = (change: RowChange | Truncate, place: SentPlace) => void;

export class SentChanges {
  readonly #parts: SentChangesParts;
  readonly #log: TopicLog;
  readonly #intake: Intake;
  readonly #places = new Map<string, PartitionPlace>();

  constructor(parts: SentChangesParts) {
    const { options, client, decoder, table } = parts;
    const tables = [table];
    this.#parts = parts;
    const topics = { ...options.topics, transactions: null };
    this.#log = new TopicLog({ options: { topics }, client, slice: { index: 0, of: 1 }, tables: () => tables });
    this.#intake = new Intake({
      decoder,
      changes: new RowChanges(() => tables),
      natureOf: (topic) => this.#log.natureOf(topic),
      watch: { streamed: () => {}, snapshotted: () => {} },
      describe: async (topic) => (await describeTopic(client, decoder, topic)).get(printTable(table)) ?? null,
      // From the beginning there is nothing that a snapshot could have left out.
      isLoadedAnew: () => true,
    });
  }

  /** Where the topic ends now. */
  async end(): Promise<Position> {
    await this.#log.look();
    return this.#log.end();
  }

  /**
   * Reads on to where the topic ends now, and gives the position that was reached. Throws DB-REC-018 for a topic that does not hold
   * all that it ever said, or says what cannot be understood, and what the client throws.
   */
  async advance(take: TakeSent, signal: AbortSignal): Promise<Position> {
    const ends = await this.#look();
    const due = new Map([...ends].filter(([key, { offset }]) => (this.#places.get(key)?.offset ?? offset) < offset));
    if (due.size > 0) await this.#readTo(due, take, signal);
    signal.throwIfAborted();
    for (const { topic, partition, lacking } of this.#places.values()) {
      if (lacking) throw this.#untold(`records at the beginning of partition ${partition} of topic ${topic} were deleted`);
    }
    return printOffsets({ completeAt: 0, places: this.#places });
  }

  /** Finds partitions that are new, and where all of them end. */
  async #look(): Promise<Map<string, PartitionOffset>> {
    const log = this.#log;
    await log.look();
    if (log.facts.length === 0)
      throw new ReplicationError("DB-KAF-004", { subject: `topic ${topicOf(this.#parts.options, this.#parts.table)}` });
    const fresh = log.partitions.filter((partition) => !this.#places.has(placeKey(partition)));
    const firsts = await log.offsets("first", fresh);
    for (const partition of fresh) {
      const place = firstPlace(partition, { facts: log.facts, firsts }, true);
      this.#places.set(placeKey(partition), place);
      this.#intake.begin(place, false);
    }
    return log.ends();
  }

  async #readTo(due: Map<string, PartitionOffset>, take: TakeSent, signal: AbortSignal): Promise<void> {
    const from = [...due].map(([key, end]) => ({ ...end, offset: this.#places.get(key)?.offset ?? 0n }));
    const reading = await this.#parts.client.readAlone(from, signal);
    try {
      for await (const batches of reading) {
        await this.#intake.prepare(batches);
        for (const batch of batches) {
          const { offset } = this.#take(batch, take);
          if (offset >= (due.get(placeKey(batch))?.offset ?? 0n)) due.delete(placeKey(batch));
        }
        if (due.size === 0) break;
      }
    } finally {
      await reading.close();
    }
  }

  #take(batch: RecordBatch, take: TakeSent): PartitionPlace {
    const { items, place } = this.#intake.take(batch);
    for (const item of items) {
      const at = { partition: batch.partition, offset: item.place.offset - 1n };
      for (const change of item.changes) {
        if (change.tag === "replaced") throw this.#untold(change.cause);
        if (change.tag === "column lost") throw this.#untold("a column was lost on the way");
        take(change, at);
      }
    }
    this.#places.set(placeKey(batch), place);
    return place;
  }

  #untold(cause: string): ReplicationError {
    return new ReplicationError("DB-REC-018", { subject: printTable(this.#parts.table), cause });
  }
}
