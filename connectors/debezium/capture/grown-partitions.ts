// Partitions that a topic gains while it is read: a row may go on in one of them, so that they come after what the others had.
import type { Micros } from "../../../engine/model/change-message.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TopicPartition } from "../kafka/kafka-client.ts";
import { type PartitionPlace, placeKey, type TopicOffsets } from "../topic-offsets.ts";
import type { Beat } from "./source-clock.ts";

/**
 * Holds new partitions back until everything was read that the old ones held when the connector was sure to write to the new
 * ones: their first record is there, and a heartbeat that was sent later counts.
 */
export class GrownPartitions {
  #held = new Map<string, TopicPartition>();
  /** The newest beat that counted when the first of their records was met. */
  #noticed: { readonly beatAt: Micros } | null = null;
  #until: TopicOffsets | null = null;

  get held(): readonly TopicPartition[] {
    return [...this.#held.values()];
  }

  /**
   * `before`: partitions that are read, `now`: all of the topic. Throws DB-KAF-025 when rows may have changed places between
   * partitions that are read side by side: not where their number was multiplied, since keys are spread by remainders.
   */
  hold(
    partitions: readonly TopicPartition[],
    counts: (topic: string) => { readonly before: number; readonly now: number },
    slices: number,
  ): void {
    const added = partitions.filter((partition) => !this.#held.has(placeKey(partition)));
    for (const partition of added) {
      const { before, now } = counts(partition.topic);
      const again = this.held.some(({ topic }) => topic === partition.topic);
      if (slices > 1 || again || now % before !== 0) throw tooManyOrders(partition.topic, { before, now, slices });
    }
    if (added.length === 0) return;
    for (const partition of added) this.#held.set(placeKey(partition), partition);
    this.#noticed = null;
    this.#until = null;
  }

  /** Looks at the new partitions after a heartbeat; `ends` were asked after it. */
  look(beat: Beat | null, ends: TopicOffsets): void {
    if (this.#held.size === 0 || this.#until !== null) return;
    if (![...this.#held.keys()].some((key) => (ends.places.get(key)?.offset ?? 0n) > 0n)) return;
    this.#noticed ??= { beatAt: beat?.at ?? 0 };
    // The beat after the one that counted then may have been sent already; the next one was not.
    if ((beat?.after ?? 0) > this.#noticed.beatAt) this.#until = ends;
  }

  /** The partitions whose turn has come, once. */
  release(places: ReadonlyMap<string, PartitionPlace>): readonly TopicPartition[] {
    if (this.#until === null) return [];
    for (const [key, { offset }] of this.#until.places) {
      if (!this.#held.has(key) && (places.get(key)?.offset ?? 0n) < offset) return [];
    }
    const released = this.held;
    this.#held = new Map();
    this.#until = null;
    this.#noticed = null;
    return released;
  }
}

function tooManyOrders(topic: string, { before, now, slices }: { before: number; now: number; slices: number }): ReplicationError {
  const why =
    slices > 1
      ? `the source is read in ${slices} slices that do not wait for each other`
      : "rows go on in other partitions than before, which are read side by side";
  return new ReplicationError("DB-KAF-025", { subject: topic, cause: `the topic had ${before} partitions and has ${now} now, and ${why}` });
}
