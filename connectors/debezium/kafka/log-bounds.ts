// Whether offsets are ones that a log has.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { KafkaClient, PartitionOffset } from "./kafka-client.ts";

/** Throws DB-KAF-007 when one of these is before the beginning or behind the end of its log. */
export async function assertInLog(client: Pick<KafkaClient, "offsets">, offsets: readonly PartitionOffset[]): Promise<void> {
  const [firsts, ends] = [await client.offsets("first", offsets), await client.offsets("end", offsets)];
  for (const [index, { topic, partition, offset }] of offsets.entries()) {
    const first = firsts[index]?.offset ?? 0n;
    if (offset < first || offset > (ends[index]?.offset ?? offset)) throw outOfLog(`topic ${topic} partition ${partition}`, offset, first);
  }
}

/** `first` is where the log begins; negative: not known. */
export function outOfLog(subject: string, asked: bigint, first: bigint): ReplicationError {
  const cause =
    first >= 0n && asked < first
      ? `offset ${asked} was deleted; the log begins at ${first}`
      : `offset ${asked} is behind the end of the log, which is another than before`;
  return new ReplicationError("DB-KAF-007", { subject, cause });
}
