// The last records of a topic, found by reading a little way up to its ends.
import type { KafkaClient, KafkaRecord, PartitionOffset, RecordReading, TopicPartition } from "./kafka-client.ts";

/** Where to read one partition: from here to there. */
export interface Stretch {
  readonly start: PartitionOffset;
  readonly end: bigint;
}

/** Offsets before the end that are looked at; markers and gaps of compaction count as well. */
const lookBack = 300n;

/** The last stretch of each partition that holds anything. */
export async function lookBackFrom(client: Pick<KafkaClient, "offsets">, partitions: readonly TopicPartition[]): Promise<Stretch[]> {
  const [first, end] = [await client.offsets("first", partitions), await client.offsets("end", partitions)];
  return end.flatMap((at, index) => {
    const begin = first[index]?.offset ?? 0n;
    const start = at.offset - lookBack > begin ? at.offset - lookBack : begin;
    return start < at.offset ? [{ start: { ...at, offset: start }, end: at.offset }] : [];
  });
}

/** The last `count` records with a value in each stretch, in offset order. Closes the reading. */
export async function lastWithValue(reading: RecordReading, stretches: readonly Stretch[], count: number): Promise<KafkaRecord[]> {
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
