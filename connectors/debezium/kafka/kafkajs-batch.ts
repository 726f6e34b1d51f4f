// A batch as kafkajs hands it over → records and where to go on.
import type { Batch, IHeaders, KafkaMessage } from "kafkajs";
import { assert } from "../../../engine/model/assert.ts";
import type { KafkaRecord, RecordBatch } from "./kafka-client.ts";

/** What kafkajs 2.2.4 keeps on a batch beside what it documents. */
interface BatchInside {
  /** What was asked for: another than what the reader stands at is a batch of somebody else. */
  readonly fetchedOffset: unknown;
  /** Everything that came, before it left out what it takes for aborted. */
  readonly rawMessages: readonly { readonly batchContext?: { readonly inTransaction: boolean } }[];
}

export function fetchedOffset(batch: Batch): bigint {
  return BigInt(String(inside(batch).fetchedOffset));
}

/** Whether any of it was written in a transaction. */
export function holdsTransactions(batch: Batch): boolean {
  return inside(batch).rawMessages.some(({ batchContext }) => batchContext?.inTransaction === true);
}

export function toRecordBatch(batch: Batch): RecordBatch {
  const { topic, partition } = batch;
  const records = batch.messages.map((message) => toRecord(message, topic, partition));
  return { topic, partition, records, nextOffset: BigInt(batch.lastOffset()) + 1n };
}

export function bytesOf({ records }: RecordBatch): number {
  return records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
}

function toRecord({ offset, timestamp, key, value, headers }: KafkaMessage, topic: string, partition: number): KafkaRecord {
  const named = headers === undefined ? noHeaders : toHeaders(headers);
  return { topic, partition, offset: BigInt(offset), timestamp: Number(timestamp) * 1000, key, value, headers: named };
}

const noHeaders: ReadonlyMap<string, Buffer> = new Map();

function toHeaders(headers: IHeaders): ReadonlyMap<string, Buffer> {
  return new Map(
    Object.entries(headers).map(([name, content]) => {
      const last = Array.isArray(content) ? content.at(-1) : content;
      return [name, Buffer.from(last ?? "")];
    }),
  );
}

function inside(batch: Batch): BatchInside {
  const known = batch as unknown as Partial<BatchInside>;
  assert(known.fetchedOffset !== undefined && known.rawMessages !== undefined, "kafkajs is the version that this was written for");
  return known as BatchInside;
}
