// What stands between the partitions and the pipeline: puts what they bring into one order, in transactions.
import type { ChangeMessage } from "../../../engine/model/change-message.ts";
import type { TopicPartition } from "../kafka/kafka-client.ts";
import type { PartitionPlace } from "../topic-offsets.ts";
import type { Item } from "./intake.ts";
import type { LateStart } from "./late-partitions.ts";

/** Partitions whose ends have to be known, as they are now or later, before it goes on. */
export interface EndsWanted {
  readonly partitions: readonly TopicPartition[];
  /** By placeKey, the offset after the last record. Passed over when more has come since that they would have to be later than. */
  are(ends: ReadonlyMap<string, bigint>): void;
}

export interface Sequencer {
  /** How far each partition was delivered, by placeKey. */
  readonly places: ReadonlyMap<string, PartitionPlace>;
  /** No transaction is half delivered. */
  readonly atRest: boolean;
  /** A partition is read from here on. `late`: others were read before it was known. */
  begin(place: PartitionPlace, late: LateStart | null): void;
  /** What came from one partition, in its order, and where it stands then. */
  add(items: readonly Item[], place: PartitionPlace): void;
  /** The messages that are ready, and takes them away. */
  take(): readonly ChangeMessage[];
  /** Null: it can go on without. */
  endsWanted(): EndsWanted | null;
  /** Bytes that came from the partition and wait for others. */
  waiting(partition: string): number;
}
