// One Debezium source as the processes use it: a connection, the membership in its group, and a source for each slice.
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { TableName } from "../../engine/model/table.ts";
import type { Clock } from "../../engine/ports/clock.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { HeartbeatWatch } from "./capture/heartbeat-watch.ts";
import { topicsOf } from "./capture/topic-log.ts";
import type { DebeziumOptions } from "../../engine/model/debezium-options.ts";
import { DebeziumSource } from "./debezium-source.ts";
import type { RecordDecoder } from "./decode/change-event.ts";
import type { GroupMember, KafkaClient } from "./kafka/kafka-client.ts";
import { DirectSnapshot } from "./snapshot/direct-snapshot.ts";
import { TopicSnapshot } from "./snapshot/topic-snapshot.ts";

type Closable<T> = T & { close(): Promise<void> };

/** After how long without a heartbeat the group gives a process's slices to others. */
const sessionTimeoutMs = 10_000;

export interface DebeziumConnectionParts {
  readonly options: DebeziumOptions;
  readonly client: KafkaClient;
  readonly decoder: RecordDecoder;
  /** Tables whose rows are wanted by anybody, the same array as long as it holds the same. */
  readonly tables: () => readonly TableName[];
  readonly clock: Clock;
}

export class DebeziumConnection {
  readonly #parts: DebeziumConnectionParts;
  readonly #heartbeats: HeartbeatWatch;
  #membership: Promise<GroupMember> | null = null;
  #member: GroupMember | null = null;
  #closed = false;

  constructor(parts: DebeziumConnectionParts) {
    const { client, decoder, options } = parts;
    this.#parts = parts;
    this.#heartbeats = new HeartbeatWatch(client, decoder, options.topics);
  }

  /** Takes part in the group, once; what needs no stream works without. */
  join(): Promise<GroupMember> {
    this.#membership ??= this.#join().catch((error: unknown) => {
      this.#membership = null;
      throw error;
    });
    return this.#membership;
  }

  /** Slices do not depend on which topics there are; brokers refuse members that name one that does not exist yet. */
  async #join(): Promise<GroupMember> {
    const { client, options, tables } = this.#parts;
    const { group: groupId, slices } = options;
    const wanted = topicsOf(options, tables());
    const topics = (await client.topics(wanted)).map(({ topic }) => topic);
    if (topics.length === 0) throw new ReplicationError("DB-KAF-004", { subject: wanted[0] ?? options.name });
    const member = await client.join({ groupId, slices, topics, sessionTimeoutMs });
    if (this.#closed) await member.leave();
    else this.#member = member;
    return member;
  }

  /** A new instance for one slice; opening its stream waits until this process has the slice, or the signal aborts. */
  source(index: number): DebeziumSource {
    const { options, client, decoder, tables, clock } = this.#parts;
    return new DebeziumSource({
      options,
      slice: { index, of: options.slices },
      client,
      decoder,
      heartbeats: this.#heartbeats,
      member: (signal) => this.#owner(index, signal),
      tables,
      clock,
    });
  }

  /** `master`: a read-only connection to the master itself, for rows; null: the topics hold them. */
  snapshot(source: DebeziumSource, master: Closable<SnapshotSource> | null): Closable<SnapshotSource> {
    const { options, client, decoder, tables, clock } = this.#parts;
    const topics = new TopicSnapshot({ options, client, decoder, heartbeats: this.#heartbeats, source, tables, clock });
    return master === null ? topics : new DirectSnapshot({ inner: master, topics, source, clock });
  }

  /** Joining is not waited for: it takes as long as the group waits for members that are gone, and is left when it is over. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#member?.leave();
    await this.#parts.client.close();
  }

  async #owner(index: number, signal: AbortSignal): Promise<GroupMember> {
    const member = await this.join();
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (member.slices.includes(index) || signal.aborted) resolve();
      };
      member.onChange(look);
      signal.addEventListener("abort", look, { once: true });
      look();
    });
    return member;
  }
}
