// Membership in a consumer group through @platformatic/kafka: who owns which slices. Reading is not the group's matter.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { Consumer, type GroupAssignment, type GroupPartitionsAssigner } from "@platformatic/kafka";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { GroupMember, GroupOptions, KafkaAddress, PartitionOffset, RecordReading } from "./kafka-client.ts";
import { BrokerConnections, clientId, connectionOptions } from "./platformatic-cluster.ts";
import { toReplicationError } from "./platformatic-errors.ts";
import { endedBy, PlatformaticReading } from "./platformatic-reading.ts";
import { allSlices, assignSlices, assignmentProtocol, printClaim, readClaim, slicesOf } from "./slice-assignment.ts";

export interface MemberSettings {
  readonly address: KafkaAddress;
  readonly tls: TlsOptions | null;
  readonly stalledAfterMs: number;
}

export class PlatformaticMember implements GroupMember {
  readonly #settings: MemberSettings;
  readonly #group: GroupOptions;
  readonly #listeners: ((slices: readonly number[]) => void)[] = [];
  readonly #readings = new Set<PlatformaticReading>();
  #consumer: Consumer;
  #slices: readonly number[] = [];
  #heardAt = performance.now();
  #watch: NodeJS.Timeout | null = null;
  #left = false;

  private constructor(settings: MemberSettings, group: GroupOptions) {
    this.#settings = settings;
    this.#group = group;
    this.#consumer = this.#makeConsumer();
  }

  static async join(settings: MemberSettings, group: GroupOptions): Promise<PlatformaticMember> {
    const member = new PlatformaticMember(settings, group);
    try {
      await member.#enter();
      return member;
    } catch (error) {
      await member.leave();
      throw error;
    }
  }

  get slices(): readonly number[] {
    return this.#slices;
  }

  onChange(listener: (slices: readonly number[]) => void): void {
    this.#listeners.push(listener);
  }

  read(from: readonly PartitionOffset[], signal: AbortSignal): RecordReading {
    const { address, tls, stalledAfterMs } = this.#settings;
    const reading = new PlatformaticReading(new BrokerConnections(address, tls, stalledAfterMs), from, stalledAfterMs);
    this.#readings.add(reading);
    endedBy(signal, reading, () => this.#readings.delete(reading));
    this.#endLost();
    return reading;
  }

  note(offsets: readonly PartitionOffset[]): void {
    if (offsets.length === 0 || this.#slices.length === 0) return;
    const list = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset, leaderEpoch: -1 }));
    void this.#consumer.commit({ offsets: list }).catch(() => {});
  }

  async leave(): Promise<void> {
    this.#left = true;
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#own([]);
    await closeConsumer(this.#consumer);
  }

  async #enter(): Promise<void> {
    const consumer = this.#consumer;
    for (const topic of this.#group.topics) consumer.topics.track(topic);
    try {
      await consumer.joinGroup({});
    } catch (error) {
      throw toReplicationError(error, `group ${this.#group.groupId}`);
    }
    this.#heardAt = performance.now();
    this.#watch ??= setInterval(() => this.#lookAfter(), heartbeatMs(this.#group));
  }

  #makeConsumer(): Consumer {
    const { address, tls, stalledAfterMs } = this.#settings;
    const { groupId, sessionTimeoutMs, slices } = this.#group;
    /** Of the meeting that this member spread the slices for; the client asks only a leader that is not alone. */
    let spreadIn = -1;
    const subscription = {
      name: assignmentProtocol,
      version: 0,
      // Read at each joining: what this member owns then.
      metadata: printClaim(this.#slices),
    };
    const consumer = new Consumer({
      ...connectionOptions(address, tls, Math.max(stalledAfterMs, sessionTimeoutMs * 2)),
      clientId,
      groupId,
      bootstrapBrokers: address.brokers.map(({ host, port }) => ({ host, port })),
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatMs(this.#group),
      protocols: [subscription],
      partitionAssigner: (...meeting) => {
        spreadIn = consumer.generationId;
        return spreadSlices(slices)(...meeting);
      },
      // A broker that has just started does not know its groups yet.
      retries: 20,
      retryDelay: 250,
      autocommit: false,
    });
    consumer.on("consumer:group:join", ({ isLeader, generationId, assignments = [] }) => {
      this.#heardAt = performance.now();
      // Alone it gives itself the partitions that there are, which may be fewer than slices.
      const isAlone = isLeader === true && spreadIn !== generationId;
      const partitions = assignments.flatMap((assignment) => assignment.partitions);
      this.#own(isAlone ? allSlices(slices) : slicesOf(partitions, slices));
      subscription.metadata = printClaim(this.#slices);
    });
    consumer.on("consumer:heartbeat:end", () => (this.#heardAt = performance.now()));
    // Joining again failed: the client has given up then.
    consumer.on("error", () => this.#startAgain());
    consumer.on("client:broker:failed", () => {});
    return consumer;
  }

  /** A member that is not heard of for a session's length has been replaced by others. */
  #lookAfter(): void {
    if (performance.now() - this.#heardAt > this.#group.sessionTimeoutMs) this.#startAgain();
  }

  #startAgain(): void {
    if (this.#left) return;
    this.#own([]);
    void closeConsumer(this.#consumer);
    this.#consumer.removeAllListeners("consumer:group:join");
    this.#consumer = this.#makeConsumer();
    this.#heardAt = performance.now();
    // Found again by the watch when it fails.
    void this.#enter().catch(() => {});
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
      if (!reading.reads(({ partition }) => !owned.has(partition % this.#group.slices))) continue;
      reading.fail(new ReplicationError("DB-KAF-006", { subject: `group ${this.#group.groupId}` }));
    }
  }
}

/** Three chances within a session. */
function heartbeatMs({ sessionTimeoutMs }: GroupOptions): number {
  return Math.max(50, Math.floor(sessionTimeoutMs / 4));
}

async function closeConsumer(consumer: Consumer): Promise<void> {
  consumer.on("error", () => {});
  try {
    await consumer.close();
  } catch {
    // The group finds out by itself after a session's length: nothing of it may come back as a member that nobody knows.
    await consumer.connections.close().catch(() => {});
  }
}

function spreadSlices(slices: number): GroupPartitionsAssigner {
  return (_leader, members, topics, metadata) => {
    const claims = [...members].map(([memberId, { metadata: claim }]) => ({ memberId, owned: readClaim(String(claim ?? "")) }));
    return [...assignSlices(claims, slices)].map(([memberId, owned]) => {
      const assignments = new Map<string, GroupAssignment>();
      for (const topic of topics) {
        // At least one partition of each slice: it has an owner also while no topic has so many.
        const count = Math.max(slices, metadata.topics.get(topic)?.partitionsCount ?? 0);
        const all = Array.from({ length: count }, (_, partition) => partition);
        assignments.set(topic, { topic, partitions: all.filter((partition) => owned.includes(partition % slices)) });
      }
      return { memberId, assignments };
    });
  };
}
