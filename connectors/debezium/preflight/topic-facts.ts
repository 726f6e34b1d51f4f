// What the brokers tell of a source's topics, for preflight to judge. Reads only, and joins no group.
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import { topicOf } from "../capture/topic-log.ts";
import type { RecordDecoder } from "../decode/change-event.ts";
import { type Heartbeats, noHeartbeats, readHeartbeats } from "../heartbeats.ts";
import type { KafkaClient, KafkaRecord, TopicFacts } from "../kafka/kafka-client.ts";

export interface TopicsSeen {
  /** By table, as printed. */
  readonly tables: ReadonlyMap<string, TableTopic>;
  readonly heartbeat: HeartbeatTopic;
  /** Null: none is configured. */
  readonly transactions: { readonly topic: string; readonly facts: TopicFacts | null } | null;
}

export interface TableTopic {
  readonly topic: string;
  /** Null: there is no such topic. */
  readonly facts: TopicFacts | null;
  /** Partitions whose oldest records are gone. */
  readonly partitionsCut: number;
  /** Why its newest records cannot be read or understood; null: they can be, or there are none. */
  readonly problem: ReplicationError | null;
  /** Columns that may be NULL and have a default, as the newest record's schema says. */
  readonly nullableDefaults: readonly string[];
}

export interface HeartbeatTopic {
  readonly topic: string;
  readonly facts: TopicFacts | null;
  readonly beats: Heartbeats;
  readonly problem: ReplicationError | null;
}

export interface TopicReaders {
  readonly client: KafkaClient;
  readonly decoder: RecordDecoder;
}

export async function readTopics(readers: TopicReaders, options: DebeziumOptions, wanted: readonly TableName[]): Promise<TopicsSeen> {
  const { heartbeat, transactions } = options.topics;
  const names = new Map(wanted.map((table) => [printTable(table), topicOf(options, table)]));
  const asked = [...new Set([...names.values(), heartbeat, ...(transactions === null ? [] : [transactions])])];
  const known = new Map((await readers.client.topics(asked)).map((facts) => [facts.topic, facts]));
  const tables = new Map<string, TableTopic>();
  for (const [table, topic] of names) tables.set(table, await readTable(readers, topic, known.get(topic) ?? null));
  return {
    tables,
    heartbeat: await readHeartbeat(readers, heartbeat, known.get(heartbeat) ?? null),
    transactions: transactions === null ? null : { topic: transactions, facts: known.get(transactions) ?? null },
  };
}

async function readTable({ client, decoder }: TopicReaders, topic: string, facts: TopicFacts | null): Promise<TableTopic> {
  const seen = { topic, facts, partitionsCut: 0, problem: null, nullableDefaults: [] };
  if (facts === null) return seen;
  return unlessRefused(seen, async () => {
    const partitions = facts.partitions.map((partition) => ({ topic, partition }));
    const firsts = await client.offsets("first", partitions);
    const partitionsCut = firsts.filter(({ offset }) => offset > 0n).length;
    const newest = await client.lastRecords(topic, 1);
    const nullableDefaults = [...new Set(newest.flatMap(nullableDefaultsOf))];
    return unlessRefused({ ...seen, partitionsCut, nullableDefaults }, async () => {
      await decoder.prepare(newest);
      for (const record of newest) decoder.decode(record);
      return { ...seen, partitionsCut, nullableDefaults };
    });
  });
}

async function readHeartbeat({ client, decoder }: TopicReaders, topic: string, facts: TopicFacts | null): Promise<HeartbeatTopic> {
  const seen = { topic, facts, beats: noHeartbeats, problem: null };
  if (facts === null) return seen;
  return unlessRefused(seen, async () => ({ ...seen, beats: await readHeartbeats(client, decoder, topic) }));
}

/** What is in the way of one topic is not in the way of the others. */
async function unlessRefused<Seen extends { readonly problem: ReplicationError | null }>(
  seen: Seen,
  look: () => Promise<Seen>,
): Promise<Seen> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof ReplicationError) return { ...seen, problem: error };
    throw error;
  }
}

interface JsonField {
  readonly field?: string;
  readonly optional?: boolean;
  readonly default?: unknown;
  readonly fields?: readonly JsonField[];
}

/** Only a record that carries its schema says so (JsonConverter with schemas.enable). */
function nullableDefaultsOf({ value }: KafkaRecord): string[] {
  try {
    const { schema } = JSON.parse(String(value)) as { schema?: JsonField };
    const row = schema?.fields?.find(({ field }) => field === "after");
    const columns = row?.fields ?? [];
    return columns.flatMap((column) =>
      column.optional === true && (column.default ?? null) !== null && column.field !== undefined ? [column.field] : [],
    );
  } catch {
    return [];
  }
}
