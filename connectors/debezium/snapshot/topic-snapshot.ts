// Loads from the topics alone: the connector's own snapshot lies there, and its rows come through the stream.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type CatalogTable, printTable, type TableName } from "../../../engine/model/table.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type {
  Chunk,
  ChunkRequest,
  RowsAnswer,
  RowsRequest,
  SnapshotSource,
  SnapshotVisibility,
} from "../../../engine/ports/snapshot-source.ts";
import { describeTopic } from "../capture/describe-topic.ts";
import type { HeartbeatWatch } from "../capture/heartbeat-watch.ts";
import { topicOf, topicsOf } from "../capture/topic-log.ts";
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { DebeziumSource } from "../debezium-source.ts";
import type { RecordDecoder } from "../decode/change-event.ts";
import type { KafkaClient } from "../kafka/kafka-client.ts";

/** How often the topics are looked at while the connector takes its snapshot. */
const lookMs = 1000;

/** The stream brings every row in its place, so that nothing is read twice. */
const seesEverything: SnapshotVisibility = { sees: () => true };

export interface TopicSnapshotParts {
  readonly options: DebeziumOptions;
  readonly client: KafkaClient;
  readonly decoder: RecordDecoder;
  readonly heartbeats: HeartbeatWatch;
  readonly source: DebeziumSource;
  readonly tables: () => readonly TableName[];
  readonly clock: Clock;
}

export class TopicSnapshot implements SnapshotSource {
  readonly #parts: TopicSnapshotParts;
  /** Where each topic ended when its last records were looked at. */
  readonly #looked = new Map<string, string>();
  #looking: Promise<boolean> | null = null;

  constructor(parts: TopicSnapshotParts) {
    this.#parts = parts;
  }

  /** As the last records of their topics tell; a table whose topic has none is not known yet. */
  async describe(tables: readonly TableName[]): Promise<readonly CatalogTable[]> {
    const { options, client, decoder } = this.#parts;
    const topics = [...new Set(tables.map((table) => topicOf(options, table)))];
    const described = await Promise.all(topics.map((topic) => describeTopic(client, decoder, topic)));
    const known = new Map(described.flatMap((found) => [...found]));
    return tables.flatMap((table) => known.get(printTable(table))?.catalog ?? []);
  }

  /** No rows: all of them are in the topics, up to the ends at which the connector's snapshot is over. */
  async readChunk({ table }: ChunkRequest, signal: AbortSignal): Promise<Chunk> {
    const { source, clock } = this.#parts;
    while (!(await this.#isOver())) {
      await clock.sleep(lookMs, signal);
      if (signal.aborted) break;
    }
    this.#verifyWhole(table.table);
    const position = await source.ends();
    return { rows: [], lastKey: null, complete: !signal.aborted, visibility: seesEverything, position, startedAt: 0 };
  }

  splitKeys(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  readRows({ table }: RowsRequest): Promise<RowsAnswer> {
    return Promise.reject(new ReplicationError("DB-KAF-020", { subject: printTable(table.table) }));
  }

  countRows(table: TableName): Promise<number> {
    return Promise.reject(new ReplicationError("DB-KAF-020", { subject: printTable(table) }));
  }

  /** Nothing to close: the client is the connection's. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Whoever asks meanwhile gets the same answer. */
  #isOver(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => (this.#looking = null));
    return this.#looking;
  }

  /** Looks at the ends of the topics, since the stream may be far behind them; at those that are other than before. */
  async #look(): Promise<boolean> {
    const { client, options, heartbeats, tables, source } = this.#parts;
    const { connector } = source;
    await heartbeats.look();
    if (heartbeats.newestAt > 0) connector.streamed(heartbeats.newestAt);
    const topics = await client.topics(topicsOf(options, tables()));
    const ends = await client.offsets(
      "end",
      topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
    );
    const known = new Map(topics.map(({ topic, id }) => [topic, id ?? ""]));
    for (const { topic, partition, offset } of ends) known.set(topic, `${known.get(topic)} ${partition}=${offset}`);
    for (const [topic, end] of known) {
      if (this.#looked.get(topic) === end) continue;
      await this.#lookAt(topic);
      this.#looked.set(topic, end);
    }
    return connector.snapshotIsOver;
  }

  async #lookAt(topic: string): Promise<void> {
    const { client, decoder, source } = this.#parts;
    const records = await client.lastRecords(topic, 1);
    await decoder.prepare(records);
    for (const record of records) {
      try {
        source.connector.saw(decoder.decode(record));
      } catch (error) {
        // The stream stops that table there and says so; the others need not wait for it.
        if (!(error instanceof ReplicationError)) throw error;
      }
    }
  }

  #verifyWhole(table: TableName): void {
    const { options, source } = this.#parts;
    const topic = topicOf(options, table);
    const lacks = [...(source.places?.values() ?? [])].some((place) => place.topic === topic && place.lacking);
    if (lacks) throw new ReplicationError("DB-KAF-021", { subject: topic });
  }
}
