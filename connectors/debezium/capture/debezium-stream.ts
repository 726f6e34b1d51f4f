// Debezium topics as a ChangeStream. The data's way is #follow: record → item (intake) → transaction (sequencer) → the pipeline.
import { MessageQueue } from "../../../engine/concurrency/message-queue.ts";
import type { ChangeMessage } from "../../../engine/model/change-message.ts";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ChangeStream } from "../../../engine/ports/change-source.ts";
import type { GroupMember, PartitionOffset, RecordBatch, RecordReading, TopicPartition } from "../kafka/kafka-client.ts";
import { parseOffsets, type PartitionPlace, placeKey, printOffsets } from "../topic-offsets.ts";
import type { Intake } from "./intake.ts";
import type { LateStart } from "./late-partitions.ts";
import type { Sequencer } from "./sequencer.ts";
import type { SourceClock } from "./source-clock.ts";

export interface StreamParts {
  readonly member: Pick<GroupMember, "read" | "note">;
  readonly intake: Intake;
  readonly sequencer: Sequencer;
  readonly clock: SourceClock;
  /** Each partition is read by itself, so that those whose turn has not come can wait. */
  readonly apart: boolean;
  /** The offset after the last record of each. */
  readonly ends: (partitions: readonly TopicPartition[]) => Promise<readonly PartitionOffset[]>;
  /** Finds out what is behind a failure of a reading. */
  readonly explain: (failure: unknown) => Promise<Error>;
  readonly signal: AbortSignal;
}

/** A partition to read, and from which record. */
export interface PartitionStart {
  readonly place: PartitionPlace;
  /** At the place itself, or at the last record before it, to see that it is still the same. */
  readonly from: bigint;
  /** It begins beside others that were read before. */
  readonly late: LateStart | null;
}

/** Bytes of records that may wait for the consumer before reading stops; decoded they take some times as much. */
const queuedBytesMax = 1024 * 1024;
/** Bytes of one partition that may wait for their turn. */
const waitingBytesMax = 1024 * 1024;

export class DebeziumStream implements ChangeStream {
  readonly #parts: StreamParts;
  readonly #queue = new MessageQueue<ChangeMessage>();
  readonly #readings = new Set<RecordReading>();
  readonly #stop = new AbortController();
  #freed: (() => void)[] = [];
  #told: Position | null = null;
  #progressWanted = false;
  readonly #abort = (): void => void this.close();

  constructor(parts: StreamParts) {
    this.#parts = parts;
    parts.signal.addEventListener("abort", this.#abort, { once: true });
    if (parts.signal.aborted) void this.close();
  }

  get closed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** How far each partition was delivered, by placeKey. */
  get places(): ReadonlyMap<string, PartitionPlace> {
    return this.#parts.sequencer.places;
  }

  /** Reads these partitions from now on, beside those that are read already. */
  add(starts: readonly PartitionStart[]): void {
    if (this.closed) return;
    for (const { place, from, late } of starts) {
      this.#parts.intake.begin(place, from < place.offset);
      this.#parts.sequencer.begin(place, late);
    }
    const offsets = starts.map(({ place: { topic, partition }, from }) => ({ topic, partition, offset: from }));
    const groups = this.#parts.apart ? offsets.map((offset) => [offset]) : [offsets];
    for (const group of groups) if (group.length > 0) void this.#read(group);
  }

  /** For people's tools; the group's offsets are never read. */
  acknowledge(position: Position): void {
    this.#parts.member.note(
      [...parseOffsets(position).places.values()].map(({ topic, partition, offset }) => ({ topic, partition, offset })),
    );
  }

  requestProgress(): void {
    this.#progressWanted = true;
    if (!this.closed && this.#parts.sequencer.atRest) this.#deliver(0);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.#queue.discard();
    await this.#end();
  }

  /** Ends the stream; its reader gets what came before, and then the failure. */
  fail(error: Error): void {
    if (this.closed) return;
    this.#queue.finish(error);
    void this.#end();
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly ChangeMessage[]> {
    return {
      next: async () => {
        const next = this.#queue.next();
        this.#free();
        const messages = await next;
        return messages === null ? { done: true, value: undefined } : { done: false, value: messages };
      },
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  async #read(from: readonly PartitionOffset[]): Promise<void> {
    try {
      const reading = this.#parts.member.read(from, this.#stop.signal);
      this.#readings.add(reading);
      await this.#follow(reading);
      if (!this.closed) this.fail(new ReplicationError("DB-KAF-006", { subject: from.map(placeKey).join(", ") }));
    } catch (error) {
      if (!this.closed) this.fail(await this.#parts.explain(error));
    }
  }

  /** Every stage between the brokers and the pipeline. */
  async #follow(reading: RecordReading): Promise<void> {
    const { intake, sequencer } = this.#parts;
    for await (const batches of reading) {
      await intake.prepare(batches);
      if (this.closed) return;
      for (const batch of batches) {
        const { items, place } = intake.take(batch);
        sequencer.add(items, place);
      }
      // More than one transaction may want them.
      for (let wanted = sequencer.endsWanted(); wanted !== null; wanted = sequencer.endsWanted()) {
        const ends = await this.#parts.ends(wanted.partitions);
        wanted.are(new Map(ends.map((end) => [placeKey(end), end.offset])));
      }
      this.#deliver(bytesOf(batches));
      await this.#room(batches);
    }
  }

  #deliver(bytes: number): void {
    const { sequencer, clock } = this.#parts;
    const messages = [...sequencer.take()];
    const last = messages.at(-1);
    if (last?.tag === "commit") this.#told = last.position;
    if (sequencer.atRest) {
      clock.reached(sequencer.places);
      const position = printOffsets({ completeAt: clock.completeAt, places: sequencer.places });
      // Records without changes move the place too, and nothing else tells it.
      if (this.#progressWanted || position !== this.#told) messages.push({ tag: "progress", position });
      this.#progressWanted = false;
      this.#told = position;
    }
    if (messages.length === 0) return;
    this.#queue.push(messages, bytes);
    this.#free();
  }

  /** Waits until the consumer has taken enough, and until enough of what these partitions brought had its turn. */
  async #room(batches: readonly RecordBatch[]): Promise<void> {
    const keys = batches.map(placeKey);
    const { sequencer } = this.#parts;
    const full = (): boolean => this.#queue.bytes > queuedBytesMax || keys.some((key) => sequencer.waiting(key) > waitingBytesMax);
    while (!this.closed && full()) await new Promise<void>((resolve) => this.#freed.push(resolve));
  }

  #free(): void {
    const freed = this.#freed;
    this.#freed = [];
    for (const wake of freed) wake();
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    this.#parts.signal.removeEventListener("abort", this.#abort);
    this.#free();
    await Promise.all([...this.#readings].map((reading) => reading.close().catch(() => {})));
  }
}

function bytesOf(batches: readonly RecordBatch[]): number {
  let bytes = 0;
  for (const { records } of batches) for (const { key, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0);
  return bytes;
}
