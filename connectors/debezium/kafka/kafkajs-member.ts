// Membership in a consumer group and reading through kafkajs. It commits nothing that is read here, and whatever it brings from
// another place than the reader stands at is dropped: its own rules about offsets never decide.
import type { Batch, Consumer } from "kafkajs";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { GroupMember, GroupOptions, KafkaClient, PartitionOffset, RecordReading, TopicPartition } from "./kafka-client.ts";
import { sliceAssigner } from "./kafkajs-assigner.ts";
import { fetchedOffset, holdsTransactions, toRecordBatch } from "./kafkajs-batch.ts";
import { KafkajsReading, type ReadingKeeper } from "./kafkajs-reading.ts";
import { type KafkajsSettings, coded, makeKafka, patientRetries, toReplicationError } from "./kafkajs-settings.ts";
import { assertInLog } from "./log-bounds.ts";
import { allSlices, slicesOf } from "./slice-assignment.ts";

interface Cursor {
  readonly reading: KafkajsReading;
  /** Of the next record to bring. */
  next: bigint;
}

type Offsets = Pick<KafkaClient, "offsets">;

/** A broker waits this long for news before it answers that there are none. */
const waitMs = 500;
const pauseMs = 500;
/** How long leaving in order may take. */
const leaveMs = 5000;

export class KafkajsMember implements GroupMember, ReadingKeeper {
  readonly #settings: KafkajsSettings;
  readonly #group: GroupOptions;
  readonly #offsets: Offsets;
  readonly #listeners: ((slices: readonly number[]) => void)[] = [];
  readonly #readings = new Set<KafkajsReading>();
  readonly #cursors = new Map<string, Cursor>();
  /** The group's, and what readings asked for that came to be later. */
  readonly #topics: Set<string>;
  #consumer: Consumer | null = null;
  #assigned = new Set<string>();
  #slices: readonly number[] = [];
  #heardAt = performance.now();
  #watch: NodeJS.Timeout | null = null;
  #again: NodeJS.Timeout | null = null;
  #left = false;

  private constructor(settings: KafkajsSettings, group: GroupOptions, offsets: Offsets) {
    this.#settings = settings;
    this.#group = group;
    this.#offsets = offsets;
    this.#topics = new Set(group.topics);
  }

  /** `offsets` tells where logs begin and end. */
  static async join(settings: KafkajsSettings, group: GroupOptions, offsets: Offsets): Promise<KafkajsMember> {
    const member = new KafkajsMember(settings, group, offsets);
    const deadline = performance.now() + settings.stalledAfterMs;
    for (;;) {
      try {
        await member.#enter();
        return member;
      } catch (error) {
        // A broker that has just started does not know its groups yet.
        const passes = error instanceof ReplicationError && error.code === "DB-KAF-005" && performance.now() < deadline;
        if (!passes) {
          await member.leave();
          throw error;
        }
        await endConsumer(member.#consumer);
        await new Promise((resolve) => {
          setTimeout(resolve, pauseMs);
        });
      }
    }
  }

  get slices(): readonly number[] {
    return this.#slices;
  }

  onChange(listener: (slices: readonly number[]) => void): void {
    this.#listeners.push(listener);
  }

  read(from: readonly PartitionOffset[], signal: AbortSignal): RecordReading {
    const reading = new KafkajsReading(from, this);
    this.#readings.add(reading);
    const close = (): void => void reading.close();
    if (signal.aborted) close();
    else signal.addEventListener("abort", close, { once: true });
    this.#endLost();
    return reading;
  }

  note(offsets: readonly PartitionOffset[]): void {
    const list = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) }));
    if (this.#assigned.size > 0) void this.#consumer?.commitOffsets(list).catch(() => {});
  }

  async leave(): Promise<void> {
    this.#left = true;
    if (this.#watch !== null) clearInterval(this.#watch);
    if (this.#again !== null) clearTimeout(this.#again);
    this.#own([]);
    await endConsumer(this.#consumer);
  }

  async begin(reading: KafkajsReading): Promise<void> {
    await assertInLog(this.#offsets, reading.from);
    if (!this.#readings.has(reading)) return;
    for (const at of reading.from) {
      this.#cursors.set(keyOf(at), { reading, next: at.offset });
      this.#topics.add(at.topic);
    }
    if (this.#assigned.size === 0) return;
    // A topic or partition that came to be after the group last met: the group meets again.
    if (reading.from.some((at) => !this.#assigned.has(keyOf(at)))) await this.#startAgain();
    else this.#bring(reading.from);
  }

  resume(reading: KafkajsReading): void {
    this.#fetching("resume", reading.from);
  }

  end(reading: KafkajsReading): void {
    this.#readings.delete(reading);
    const own = reading.from.filter((at) => this.#cursors.get(keyOf(at))?.reading === reading);
    for (const at of own) this.#cursors.delete(keyOf(at));
    this.#fetching("pause", own);
  }

  async #enter(): Promise<void> {
    const { stalledAfterMs } = this.#settings;
    const { groupId, sessionTimeoutMs, slices } = this.#group;
    const retries = patientRetries(this.#settings);
    /** As far as it was the leader when the group last met. */
    let isAlone = false;
    const consumer = makeKafka(this.#settings, retries).consumer({
      groupId,
      partitionAssigners: [sliceAssigner({ slices, owned: () => this.#slices, met: (members) => (isAlone = members === 1) })],
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.floor(sessionTimeoutMs / 4),
      maxWaitTimeInMs: Math.min(waitMs, Math.floor(sessionTimeoutMs / 4)),
      maxBytesPerPartition: 2 * 1024 * 1024,
      allowAutoTopicCreation: false,
      metadataMaxAge: 30_000,
      // Goes on trying for as long as a broker may be silent; restarts are decided here.
      retry: { retries, restartOnFailure: () => Promise.resolve(false) },
    });
    this.#consumer = consumer;
    let failure: unknown = null;
    const { GROUP_JOIN, STOP, CRASH, REQUEST, END_BATCH_PROCESS } = consumer.events;
    consumer.on(GROUP_JOIN, ({ payload }) => this.#joined(consumer, payload.memberAssignment, payload.isLeader && isAlone));
    // From here on it takes no calls about partitions.
    consumer.on(STOP, () => this.#stopped(consumer));
    consumer.on(CRASH, ({ payload }) => {
      failure = payload.error;
      this.#crashed(consumer, payload.error);
    });
    consumer.on(REQUEST, () => (this.#heardAt = performance.now()));
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize === 0) this.#passed(payload, (payload.firstOffset as string | null) !== null, BigInt(payload.lastOffset));
    });
    const subject = `group ${groupId}`;
    await coded(this.#settings, () => consumer.connect(), subject);
    await coded(this.#settings, () => consumer.subscribe({ topics: [...this.#topics], fromBeginning: true }), subject);
    await consumer.run({ autoCommit: false, eachBatch: ({ batch }) => this.#take(batch) });
    if (failure !== null) throw toReplicationError(failure, subject);
    this.#heardAt = performance.now();
    this.#watch ??= setInterval(() => this.#lookAfter(), Math.min(1000, stalledAfterMs / 4));
  }

  /** Runs before the client fetches anything: nothing is fetched that nobody has asked for. */
  #joined(consumer: Consumer, assignment: Readonly<Record<string, readonly number[]>>, isAlone: boolean): void {
    if (consumer !== this.#consumer || this.#left) return;
    const partitions = Object.entries(assignment).flatMap(([topic, list]) => list.map((partition) => ({ topic, partition })));
    this.#assigned = new Set(partitions.map(keyOf));
    this.#fetching("pause", partitions);
    const { slices } = this.#group;
    const told = partitions.map(({ partition }) => partition);
    // There may be fewer partitions than slices.
    this.#own(isAlone ? allSlices(slices) : slicesOf(told, slices));
    this.#bring(partitions);
  }

  #stopped(consumer: Consumer): void {
    if (consumer === this.#consumer) this.#assigned = new Set();
  }

  #bring(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) {
      const cursor = this.#cursors.get(keyOf(at));
      if (cursor === undefined) continue;
      this.#consumer?.seek({ topic: at.topic, partition: at.partition, offset: String(cursor.next) });
      if (!cursor.reading.full) this.#fetching("resume", [at]);
    }
  }

  #fetching(verb: "pause" | "resume", partitions: readonly TopicPartition[]): void {
    const list = partitions
      .filter((at) => this.#assigned.has(keyOf(at)))
      .map(({ topic, partition }) => ({ topic, partitions: [partition] }));
    if (list.length > 0) this.#consumer?.[verb](list);
  }

  async #take(batch: Batch): Promise<void> {
    const cursor = this.#cursors.get(keyOf(batch));
    if (cursor === undefined) return;
    if (fetchedOffset(batch) !== cursor.next) {
      await this.#strayed(batch, cursor);
      return;
    }
    if (holdsTransactions(batch)) {
      cursor.reading.fail(new ReplicationError("DB-KAF-014", { subject: nameOf(batch) }));
      return;
    }
    const taken = toRecordBatch(batch);
    cursor.next = taken.nextOffset;
    cursor.reading.push(taken);
    if (cursor.reading.full) this.#fetching("pause", cursor.reading.from);
  }

  /** A batch that the client passed over since nothing in it was for readers. */
  #passed(at: TopicPartition, heldRecords: boolean, lastOffset: bigint): void {
    const cursor = this.#cursors.get(keyOf(at));
    if (cursor === undefined) return;
    if (heldRecords) cursor.reading.fail(new ReplicationError("DB-KAF-014", { subject: nameOf(at) }));
    else if (lastOffset === cursor.next) cursor.next += 1n;
  }

  /** The client went elsewhere: out of the log, where it takes the log's beginning, or before it was told where to go. */
  async #strayed(at: TopicPartition, cursor: Cursor): Promise<void> {
    try {
      await assertInLog(this.#offsets, [{ topic: at.topic, partition: at.partition, offset: cursor.next }]);
      this.#consumer?.seek({ topic: at.topic, partition: at.partition, offset: String(cursor.next) });
    } catch (error) {
      cursor.reading.fail(toReplicationError(error, nameOf(at)));
    }
  }

  /** No request was answered for a while, heartbeats included: the client hangs, or a broker does. */
  #lookAfter(): void {
    const silence = performance.now() - this.#heardAt;
    if (silence > this.#settings.stalledAfterMs)
      this.#crashed(this.#consumer, new ReplicationError("DB-KAF-008", { subject: `group ${this.#group.groupId}` }));
    else if (silence > this.#group.sessionTimeoutMs) this.#own([]);
  }

  #crashed(consumer: Consumer | null, error: unknown): void {
    if (this.#left || consumer !== this.#consumer || this.#watch === null) return;
    const failure = toReplicationError(error, `group ${this.#group.groupId}`);
    for (const reading of this.#readings) reading.fail(failure);
    this.#own([]);
    this.#again ??= setTimeout(() => {
      this.#again = null;
      void this.#startAgain();
    }, pauseMs);
  }

  async #startAgain(): Promise<void> {
    if (this.#left) return;
    const former = this.#consumer;
    this.#consumer = null;
    this.#assigned = new Set();
    this.#heardAt = performance.now();
    await endConsumer(former);
    // A failure is a crash, which leads here again.
    await this.#enter().catch((error: unknown) => this.#crashed(this.#consumer, error));
  }

  #own(slices: readonly number[]): void {
    const same = slices.length === this.#slices.length && slices.every((slice, at) => slice === this.#slices[at]);
    if (same) return;
    this.#slices = slices;
    this.#endLost();
    for (const listener of this.#listeners) listener(slices);
  }

  #endLost(): void {
    const owned = new Set(this.#slices);
    for (const reading of this.#readings) {
      if (reading.from.every(({ partition }) => owned.has(partition % this.#group.slices))) continue;
      reading.fail(new ReplicationError("DB-KAF-006", { subject: `group ${this.#group.groupId}` }));
    }
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`;
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `topic ${topic} partition ${partition}`;
}

/** The client waits for its last fetch, and may do so for ever. */
async function endConsumer(consumer: Consumer | null): Promise<void> {
  if (consumer === null) return;
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, leaveMs);
  });
  await Promise.race([consumer.disconnect().catch(() => {}), enough]);
  clearTimeout(timer);
}
