// Where reading starts in each partition, and whether anything between there and what was read before is missing.
import type { Micros } from "../../../engine/model/change-message.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { PartitionOffset, TopicFacts, TopicPartition } from "../kafka/kafka-client.ts";
import { type PartitionPlace, placeKey, type TopicOffsets, untouched } from "../topic-offsets.ts";
import type { PartitionStart } from "./debezium-stream.ts";
import type { LateStart } from "./late-partitions.ts";
import { isCompacted, isTruncated } from "./topic-log.ts";

export interface LogState {
  readonly facts: readonly TopicFacts[];
  /** Partitions of the slice. */
  readonly partitions: readonly TopicPartition[];
  readonly firsts: ReadonlyMap<string, PartitionOffset>;
  /** Those of the transaction topic were asked last. */
  readonly ends: ReadonlyMap<string, PartitionOffset>;
  /** The transaction topic's partition, by placeKey; null: there is none. */
  readonly marks: string | null;
  readonly now: Micros;
}

export interface Starts {
  readonly starts: readonly PartitionStart[];
  /** Partitions that their topics have gained since: what they hold comes after what the others hold. */
  readonly grown: readonly TopicPartition[];
}

/** Records before the place that somebody enters at: ends of transactions at the connector have offsets, too. */
const lookBack = 8n;

/** Throws DB-SLOT-004, DB-SLOT-005 or DB-KAF-023 when the log is not the one that was read, or has lost what was not read. */
export function startingPlaces(from: TopicOffsets, log: LogState, carriesRows: boolean): Starts {
  const begun = new Set([...from.places.values()].map(({ topic }) => topic));
  const starts: PartitionStart[] = [];
  const grown: TopicPartition[] = [];
  for (const partition of log.partitions) {
    const place = from.places.get(placeKey(partition));
    if (place !== undefined) starts.push(resumed(place, from, log));
    else if (begun.has(partition.topic)) grown.push(partition);
    else starts.push(startOf(firstPlace(partition, log, carriesRows), begun.size === 0 ? null : lateStart(partition, log)));
  }
  verifyTopicsExist(from, log.facts);
  return { starts, grown };
}

export function startOf(place: PartitionPlace, late: LateStart | null = null): PartitionStart {
  return { place, from: place.offset, late };
}

/** `ends`: the transaction topic's asked after the others. */
export function lateStart(partition: TopicPartition, { ends, marks }: Pick<LogState, "ends" | "marks">): LateStart {
  return { until: ends.get(placeKey(partition))?.offset ?? 0n, marksUntil: ends.get(marks ?? "")?.offset ?? 0n };
}

/** The beginning of a partition that nobody has read. */
export function firstPlace(partition: TopicPartition, log: Pick<LogState, "facts" | "firsts">, carriesRows: boolean): PartitionPlace {
  const first = log.firsts.get(placeKey(partition))?.offset ?? 0n;
  const facts = log.facts.find(({ topic }) => topic === partition.topic);
  // What compaction alone has removed was replaced by something newer.
  const lacking = carriesRows && first > 0n && facts !== undefined && isTruncated(facts);
  return untouched(partition, first, lacking);
}

function resumed(place: PartitionPlace, { completeAt }: TopicOffsets, log: LogState): PartitionStart {
  const { offset, last } = place;
  const key = placeKey(place);
  const [first, end] = [log.firsts.get(key)?.offset ?? 0n, log.ends.get(key)?.offset ?? 0n];
  if (offset < first) {
    const cause = `the copy is at record ${offset}, the topic begins at record ${first}: what lies between is lost`;
    throw new ReplicationError("DB-SLOT-005", { subject: key, cause });
  }
  if (offset > end) {
    const cause = `the copy is at record ${offset}, the topic ends at record ${end}: it was made anew, or cut`;
    throw new ReplicationError("DB-SLOT-004", { subject: key, cause });
  }
  const facts = log.facts.find(({ topic }) => topic === place.topic);
  if (facts !== undefined && last !== null && offset < end)
    verifyTombstones(place, Math.max(completeAt, last.timestampMs * 1000), facts, log.now);
  // From the record read last, to see that it is still there; from some before the place where none was read, to know them again.
  const from = last === null ? offset - lookBack : last.offset;
  return { place, from: from >= first ? from : last === null ? first : offset, late: null };
}

/** A row's delete and its tombstone are gone some time after they were written, and then nothing tells that the row is. */
function verifyTombstones(place: PartitionPlace, readAt: Micros, facts: TopicFacts, now: Micros): void {
  if (!isCompacted(facts) || now - readAt <= facts.tombstoneRetentionMs * 1000) return;
  const hours = Math.floor((now - readAt) / 3_600_000_000);
  const cause = `the copy was last at its end ${hours} hours ago, and the topic keeps deletes for ${facts.tombstoneRetentionMs / 3_600_000} hours`;
  throw new ReplicationError("DB-KAF-023", { subject: placeKey(place), cause });
}

function verifyTopicsExist({ places }: TopicOffsets, facts: readonly TopicFacts[]): void {
  for (const { topic, partition, offset } of places.values()) {
    const found = facts.find((known) => known.topic === topic);
    if (found === undefined || offset === 0n || found.partitions.includes(partition)) continue;
    const cause = `the copy is at record ${offset} of a partition that the topic does not have any more: it was made anew`;
    throw new ReplicationError("DB-SLOT-004", { subject: placeKey({ topic, partition }), cause });
  }
}
