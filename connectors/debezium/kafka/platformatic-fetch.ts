// One fetch from one broker: records as the log holds them → committed records and where to go on.
import { type Broker, type RecordsBatch, fetchV13, fetchV14, fetchV15, fetchV16, fetchV17 } from "@platformatic/kafka";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { committedRecords } from "./committed-records.ts";
import type { KafkaRecord, RecordBatch, TopicPartition } from "./kafka-client.ts";
import { type BrokerConnections, answerOf } from "./platformatic-cluster.ts";

/** A partition that is being read. */
export interface Cursor extends TopicPartition {
  topicId: string;
  next: bigint;
}

export interface Fetched {
  /** Of partitions where something came, be it only control records. */
  readonly batches: readonly RecordBatch[];
  readonly failed: readonly { readonly cursor: Cursor; readonly error: number; readonly logStart: bigint }[];
}

type FetchPart = Awaited<ReturnType<typeof fetchV17.api.async>>["responses"][number]["partitions"][number];

/** A broker waits this long for news before it answers that there are none. */
const waitMs = 500;
const answerBytesMax = 8 * 1024 * 1024;
/** All of it is decoded before the consumer gets any: what it becomes is many times as large, and larger answers bring no speed. */
const partitionBytesMax = 512 * 1024;
/** Bits of a batch's attributes (Kafka documentation, "Record Batch"). */
const [appendTimeBit, transactionalBit, controlBit] = [0x08, 0x10, 0x20];
const readCommitted = 1;
/** Session epoch of a request that wants no fetch session. */
const sessionless = -1;

/** Asks a broker for what comes next in these partitions, and moves them on. */
export async function fetchFrom(connections: BrokerConnections, broker: Broker, cursors: readonly Cursor[]): Promise<Fetched> {
  const byTopic = new Map<string, Cursor[]>();
  for (const cursor of cursors) {
    const known = byTopic.get(cursor.topicId);
    if (known === undefined) byTopic.set(cursor.topicId, [cursor]);
    else known.push(cursor);
  }
  const topics = [...byTopic].map(([topicId, list]) => ({
    topicId,
    partitions: list.map(({ partition, next }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: next,
      lastFetchedEpoch: -1,
      partitionMaxBytes: partitionBytesMax,
    })),
  }));
  const versions = [fetchV17.api, fetchV16.api, fetchV15.api, fetchV14.api, fetchV13.api];
  const answer = await answerOf(
    connections.request(broker, versions, waitMs, 1, answerBytesMax, readCommitted, 0, sessionless, topics, [], ""),
  );
  const batches: RecordBatch[] = [];
  const failed: { cursor: Cursor; error: number; logStart: bigint }[] = [];
  if (answer.errorCode !== 0) failed.push(...cursors.map((cursor) => ({ cursor, error: answer.errorCode, logStart: -1n })));
  for (const { topicId, partitions } of answer.responses) {
    for (const part of partitions) {
      const cursor = byTopic.get(topicId)?.find(({ partition }) => partition === part.partitionIndex);
      if (cursor === undefined) continue;
      if (part.errorCode !== 0) failed.push({ cursor, error: part.errorCode, logStart: part.logStartOffset });
      else if ((part.records?.length ?? 0) > 0) batches.push(advance(cursor, part));
    }
  }
  return { batches, failed };
}

function advance(cursor: Cursor, part: FetchPart): RecordBatch {
  const { topic, partition, next: from } = cursor;
  const log = (part.records ?? []).map((batch) => {
    if (batch.magic !== 2) throw oldFormat(cursor);
    const records = batch.attributes & controlBit ? [] : toRecords(batch, cursor, from);
    return {
      producerId: batch.producerId,
      transactional: (batch.attributes & transactionalBit) !== 0,
      marker: markerOf(batch),
      lastOffset: batch.firstOffset + BigInt(batch.lastOffsetDelta),
      records,
    };
  });
  cursor.next = (log.at(-1)?.lastOffset ?? from - 1n) + 1n;
  return { topic, partition, records: committedRecords(log, part.abortedTransactions), nextOffset: cursor.next };
}

/** Key of a control record: version, then type; type 0 ends a transaction by aborting it. */
function markerOf(batch: RecordsBatch): "abort" | "other" | null {
  if ((batch.attributes & controlBit) === 0) return null;
  const key = batch.records[0]?.key ?? null;
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0 ? "abort" : "other";
}

/** A batch begins before the offset asked for when that lies inside it. */
function toRecords(batch: RecordsBatch, { topic, partition }: TopicPartition, from: bigint): KafkaRecord[] {
  const appendTime = (batch.attributes & appendTimeBit) !== 0;
  const records: KafkaRecord[] = [];
  for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
    const offset = batch.firstOffset + BigInt(offsetDelta);
    if (offset < from) continue;
    const milliseconds = Number(appendTime ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta);
    const named = headers.length === 0 ? noHeaders : toHeaders(headers);
    records.push({ topic, partition, offset, timestamp: milliseconds * 1000, key, value, headers: named });
  }
  return records;
}

const noHeaders: ReadonlyMap<string, Buffer> = new Map();

function toHeaders(headers: RecordsBatch["records"][number]["headers"]): ReadonlyMap<string, Buffer> {
  return new Map(headers.map(([name, value]) => [name?.toString("utf8") ?? "", value ?? Buffer.alloc(0)]));
}

function oldFormat({ topic }: TopicPartition): ReplicationError {
  const cause = "the topic holds records in a format from before Kafka 0.11";
  return new ReplicationError("DB-KAF-010", { subject: `topic ${topic}`, cause });
}
