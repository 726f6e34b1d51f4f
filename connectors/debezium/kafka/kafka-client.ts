// What the connector asks of a Kafka client, so that one client can take another's place.
import type { Micros } from "../../../engine/model/change-message.ts";

export type { KafkaAddress } from "../../../engine/model/server-address.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: bigint;
}

/** One record as the broker holds it. */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Record timestamp, set by producer or broker; never used as a source time. */
  readonly timestamp: Micros;
  readonly key: Buffer | null;
  /** Null: a tombstone. */
  readonly value: Buffer | null;
  /** By name; of a name that occurs more than once the last. */
  readonly headers: ReadonlyMap<string, Buffer>;
}

/** Records of one partition in offset order; gaps are where compaction, aborted transactions and control records were. */
export interface RecordBatch extends TopicPartition {
  readonly records: readonly KafkaRecord[];
  /** Offset after everything the broker told of here, beyond the last record where control records or gaps end the batch. */
  readonly nextOffset: bigint;
}

export interface TopicFacts {
  readonly topic: string;
  /** Id of this making of the topic: one that was deleted and made again has another. Null: the client cannot tell. */
  readonly id: string | null;
  /** Partition numbers, ascending. */
  readonly partitions: readonly number[];
  /** `cleanup.policy`, as written: delete, compact, or both. */
  readonly cleanupPolicy: string;
  /** `delete.retention.ms`: how long a tombstone outlives compaction. */
  readonly tombstoneRetentionMs: number;
  /** `retention.ms`: how long records are kept where the policy is delete; -1: for ever. */
  readonly retentionMs: number;
}

/** A topic to be made, as often replicated as the brokers do by default. */
export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** Settings of the topic by Kafka's names; the brokers' defaults hold for the rest. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * One source's connection to Kafka. Only committed records are seen (`read_committed`). Implementations throw
 * ReplicationError only (DB-KAF-001…): unreachable brokers, refused authentication, missing rights, missing topics, offsets that
 * the log no longer has.
 */
export interface KafkaClient {
  /** Id of the cluster: another one means other logs. */
  clusterId(): Promise<string>;
  /** The topics that exist, in the order asked; missing ones are left out. */
  topics(names: readonly string[]): Promise<readonly TopicFacts[]>;
  /** First offset that the log still has, or the offset after its last committed record, for each partition. */
  offsets(of: "first" | "end", partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]>;
  /**
   * The last committed records with a value of one topic before its ends, over all partitions, at most `count` for each: to
   * learn a table's columns. Looks back over a few hundred records, and further only while it has found none.
   */
  lastRecords(topic: string, count: number): Promise<readonly KafkaRecord[]>;
  /** Reads as GroupMember.read does, whatever partitions, as a member of no group of anybody's. */
  readAlone(from: readonly PartitionOffset[], signal: AbortSignal): Promise<RecordReading>;
  /**
   * Makes the topics that are missing, and waits until they can be written to. One that exists stays as it is, also when it came to
   * be meanwhile.
   */
  createTopics(wanted: readonly NewTopic[]): Promise<void>;
  /** Takes part in the consumer group. One at a time. */
  join(group: GroupOptions): Promise<GroupMember>;
  close(): Promise<void>;
}

/** What the members of a group share: all of them give the same. */
export interface GroupOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /**
   * Partition p of every topic belongs to slice p mod `slices`; slices are what members own, whole, spread evenly. A single
   * slice has one owner; the other members stand by.
   */
  readonly slices: number;
  /** After how long without a heartbeat the group takes a member's slices away. */
  readonly sessionTimeoutMs: number;
}

/** One process's membership. */
export interface GroupMember {
  /** Slices owned now, ascending; empty while the group settles and for a member that stands by. */
  readonly slices: readonly number[];
  /** Called whenever `slices` changed: what is not listed any more belongs to somebody else from now on. */
  onChange(listener: (slices: readonly number[]) => void): void;
  /**
   * Reads partitions of owned slices from these offsets until closed or until a slice is taken away (DB-KAF-006). Not asking
   * for the next batch is back-pressure; liveness towards the group goes on meanwhile. Several readings may be open, of
   * different partitions. Throws DB-KAF-007 when an offset is outside the log: never moved to another by a rule of the client's.
   * When nothing was heard from a broker for `stalledAfterMs` although it was asked, throws DB-KAF-008 (a client that
   * hangs is a failure like another).
   */
  read(from: readonly PartitionOffset[], signal: AbortSignal): RecordReading;
  /** Writes offsets to the group, for people's tools only: nothing here ever reads them. Failures are not reported. */
  note(offsets: readonly PartitionOffset[]): void;
  leave(): Promise<void>;
}

export interface RecordReading extends AsyncIterable<readonly RecordBatch[]> {
  close(): Promise<void>;
}

/**
 * Writes records, in order for each partition, each once however often it is tried (idempotent producer), in transactions. Once
 * something failed all calls fail, until `abort` or `start`. DB-KAF-011: fenced. A commit that failed in another way may have happened.
 */
export interface KafkaProducer {
  /** Fences every earlier producer of the same transactional id. */
  start(): Promise<void>;
  begin(): Promise<void>;
  send(topic: string, records: readonly OutgoingRecord[]): Promise<void>;
  commit(): Promise<void>;
  /** Ends the transaction for certain, and starts anew under a new epoch. */
  abort(): Promise<void>;
  close(): Promise<void>;
}

export interface OutgoingRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, Buffer>>;
  /** Left out: by the hash of the key, as Kafka's own clients do it (murmur2). */
  readonly partition?: number;
}
