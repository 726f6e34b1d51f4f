// The last records of a topic, found by reading a little way up to its ends.
import type { KafkaClient, KafkaRecord, PartitionOffset, RecordReading, TopicPartition } from "./kafka-client.ts";

/** Where to read one partition: from here to there. */
interface Stretch {
  readonly start: PartitionOffset;
  readonly end: bigint;
}

/** Offsets before the end that are looked at first; markers and gaps of compaction count as well. */
const lookBack = 300n;

/**
 * The last `count` records with a value of each partition, in offset order. Goes on to look further back in those where it
 * found none.
 */
export async function lastRecordsOf(
  client: Pick<KafkaClient, "offsets">,
  partitions: readonly TopicPartition[],
  count: number,
  open: (from: readonly PartitionOffset[]) => Promise<RecordReading>,
): Promise<KafkaRecord[]> {
  const [firsts, ends] = [await client.offsets("first", partitions), await client.offsets("end", partitions)];
  let stretches = ends.map((end, at) => ({ end: end.offset, start: end, first: firsts[at]?.offset ?? end.offset }));
  const found: KafkaRecord[] = [];
  for (let back = lookBack; ; back *= 10n) {
    stretches = stretches
      .filter(({ start, first }) => first < start.offset)
      .map(({ start, first }) => ({ end: start.offset, first, start: { ...start, offset: larger(start.offset - back, first) } }));
    if (stretches.length === 0) return found;
    const last = await lastWithValue(await open(stretches.map(({ start }) => start)), stretches, count);
    found.push(...last);
    stretches = stretches.filter(({ start }) => !last.some(({ partition }) => partition === start.partition));
  }
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

async function lastWithValue(reading: RecordReading, stretches: readonly Stretch[], count: number): Promise<KafkaRecord[]> {
  const open = new Map(stretches.map(({ start, end }) => [start.partition, end]));
  const found = new Map<number, KafkaRecord[]>();
  for await (const batches of reading) {
    for (const { partition, records, nextOffset } of batches) {
      const end = open.get(partition);
      if (end === undefined) continue;
      const valued = records.filter(({ value, offset }) => value !== null && offset < end);
      found.set(partition, [...(found.get(partition) ?? []), ...valued].slice(-count));
      if (nextOffset >= end) open.delete(partition);
    }
    if (open.size === 0) break;
  }
  return [...found.values()].flat();
}
