// Debezium topics as ChangeSource: one slice of them, read once for all subscriptions.
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { printTable, type TableName } from "../../engine/model/table.ts";
import type { ChangeSource, ChangeStream, EndOfLog, SourceReservation } from "../../engine/ports/change-source.ts";
import type { Clock } from "../../engine/ports/clock.ts";
import { ConnectorState } from "./capture/connector-state.ts";
import { DebeziumStream, type PartitionStart } from "./capture/debezium-stream.ts";
import { describeTopic } from "./capture/describe-topic.ts";
import { GrownPartitions } from "./capture/grown-partitions.ts";
import type { HeartbeatWatch } from "./capture/heartbeat-watch.ts";
import { Intake } from "./capture/intake.ts";
import { PlainGroups } from "./capture/plain-groups.ts";
import { RowChanges } from "./capture/row-changes.ts";
import type { Sequencer } from "./capture/sequencer.ts";
import { ShownLater } from "./capture/shown-later.ts";
import { SourceClock } from "./capture/source-clock.ts";
import { firstPlace, lateStart, type LogState, startingPlaces, startOf } from "./capture/starting-places.ts";
import { type Slice, TopicLog } from "./capture/topic-log.ts";
import { TransactionMerge } from "./capture/transaction-merge.ts";
import type { DebeziumOptions } from "../../engine/model/debezium-options.ts";
import type { RecordDecoder } from "./decode/change-event.ts";
import type { GroupMember, KafkaClient } from "./kafka/kafka-client.ts";
import { parseOffsets, type PartitionPlace, placeKey, printOffsets, topicOffsetOrder, type TopicOffsets } from "./topic-offsets.ts";

export interface DebeziumSourceParts {
  readonly options: DebeziumOptions;
  readonly slice: Slice;
  readonly client: KafkaClient;
  readonly decoder: RecordDecoder;
  readonly heartbeats: HeartbeatWatch;
  /** The membership in the group, once it has the slice. Only the stream needs it. */
  readonly member: (signal: AbortSignal) => Promise<Pick<GroupMember, "read" | "note">>;
  /** Tables whose rows are wanted, the same array as long as it holds the same. */
  readonly tables: () => readonly TableName[];
  readonly clock: Clock;
}

/** Marks that are read before the place in the transaction topic: more than come between two questions for the ends of topics. */
const earlierMarks = 256n;

export type EndOfTopics = Pick<EndOfLog, "position" | "at">;

interface OpenStream {
  readonly stream: DebeziumStream;
  readonly clock: SourceClock;
  readonly grown: GrownPartitions;
}

export class DebeziumSource implements ChangeSource {
  readonly positions: PositionOrder;
  readonly transactional: boolean;
  readonly reserves = false;
  readonly carriesRows: boolean;
  readonly #parts: DebeziumSourceParts;
  readonly #log: TopicLog;
  readonly #connector = new ConnectorState();
  readonly #shown = new ShownLater();
  #open: OpenStream | null = null;

  constructor(parts: DebeziumSourceParts) {
    const { options, client, slice, tables } = parts;
    this.#parts = parts;
    this.#log = new TopicLog({ options, client, slice, tables });
    this.transactional = options.topics.transactions !== null;
    this.carriesRows = options.master === null;
    this.positions = topicOffsetOrder((topic) => this.#log.topics.includes(topic));
  }

  /** What the connector was last seen to do. */
  get connector(): ConnectorState {
    return this.#connector;
  }

  /** How far the open stream has come; null: none is open. */
  get places(): ReadonlyMap<string, PartitionPlace> | null {
    return this.#open?.stream.closed === false ? this.#open.stream.places : null;
  }

  async open(from: Position, signal: AbortSignal, places: readonly Position[] = []): Promise<ChangeStream> {
    const member = await this.#parts.member(signal);
    const log = await this.#lookAtLog();
    const offsets = parseOffsets(from);
    const { starts, grown } = startingPlaces(offsets, log, this.carriesRows);
    const held = new GrownPartitions();
    const begun = starts.map(({ place }) => place);
    held.hold(grown, (topic) => this.#counts(topic, begun), this.#parts.slice.of);
    const stands = places.map(parseOffsets);
    const clock = new SourceClock(offsets.completeAt);
    const stream = new DebeziumStream({
      member,
      clock,
      intake: this.#intake(stands, log),
      sequencer: this.#sequencer(stands, clock),
      apart: this.transactional,
      ends: (partitions) => this.#parts.client.offsets("end", partitions),
      explain: (failure) => this.#explain(failure),
      signal,
    });
    this.#open = { stream, clock, grown: held };
    const { transactions } = this.#parts.options.topics;
    stream.add(starts.map((start) => (start.place.topic === transactions ? fromEarlier(start, log) : start)));
    return stream;
  }

  /** Nothing is kept for us: names where the topics end. */
  async reserve(): Promise<Position> {
    await this.#log.look();
    return this.#log.end();
  }

  async reservation(): Promise<SourceReservation> {
    await this.#log.look();
    const { facts, partitions } = this.#log;
    const firsts = await this.#log.offsets("first");
    const places = partitions.map((partition) => firstPlace(partition, { facts, firsts }, this.carriesRows));
    const position = printOffsets({ completeAt: 0, places: new Map(places.map((place) => [placeKey(place), place])) });
    return { position, identity: await this.identity(), retainedBytes: 0, inUse: false, keptSince: null };
  }

  async identity(): Promise<string> {
    return `kafka/${await this.#parts.client.clusterId()}/${this.#parts.options.topics.prefix}`;
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * `at`: up to which source time everything has come through the open stream, so that it lies before the end as well; 0 when
   * that is not known, or no stream is open.
   */
  async endOfLog(): Promise<EndOfLog> {
    const open = this.#open?.stream.closed === false ? this.#open : null;
    const beat = open === null ? null : await this.#parts.heartbeats.look();
    await this.#log.look();
    const position = await this.#log.end();
    if (open !== null) {
      const ends = parseOffsets(position);
      if (beat !== null) open.clock.ask(ends, beat);
      open.clock.reached(open.stream.places);
      await this.#grow(open, ends);
      open.grown.look(beat, ends);
    }
    // Where rows come through the topics too, nothing is read that could be older than the stream.
    const visibility = this.carriesRows ? { sees: () => true } : this.#shown.at(this.#parts.clock.monotonicMs());
    return { position, at: open?.clock.completeAt ?? 0, visibility };
  }

  /** The topic ends now, whatever of them was read. */
  async ends(): Promise<Position> {
    await this.#log.look();
    return this.#log.end();
  }

  /**
   * The ends, and up to which source time everything is in the topics before them, read or not, as far as heartbeats and the
   * events read so far tell.
   */
  async trustedEnd(): Promise<EndOfTopics> {
    const beat = await this.#parts.heartbeats.look();
    const clock = this.#open?.clock;
    return { position: await this.ends(), at: beat === null || clock === undefined ? 0 : Math.max(clock.completeAt, clock.expected(beat)) };
  }

  async close(): Promise<void> {
    await this.#open?.stream.close();
  }

  #intake(stands: readonly TopicOffsets[], log: LogState): Intake {
    const { decoder, client, tables } = this.#parts;
    return new Intake({
      decoder,
      changes: new RowChanges(tables),
      natureOf: (topic) => this.#log.natureOf(topic),
      watch: {
        streamed: (processedAt, sourceAt) => {
          this.#connector.streamed(processedAt);
          this.#open?.clock.observe(processedAt, sourceAt);
        },
        snapshotted: (processedAt, last) => {
          this.#connector.snapshotted(processedAt, last);
        },
      },
      describe: async (topic) => (await describeTopic(client, decoder, topic)).values().next().value ?? null,
      isLoadedAnew: (place) => this.carriesRows && stands.every((stand) => isPassedOrBeginning(stand, place, log)),
    });
  }

  #sequencer(stands: readonly TopicOffsets[], clock: SourceClock): Sequencer {
    const { options } = this.#parts;
    const { transactions } = options.topics;
    if (transactions !== null) {
      const tableOf = (collection: string): string | null => this.#tableOf(collection);
      const partitionsOf = (table: string): readonly string[] => this.#log.partitionsOf(table).map(placeKey);
      const { name: subject } = options;
      const byTransaction = !this.carriesRows;
      return new TransactionMerge({ subject, clock, transactionTopic: transactions, tableOf, partitionsOf, byTransaction, stands });
    }
    return new PlainGroups({
      places: new Map(),
      clock,
      stands,
      byTransaction: !this.carriesRows,
      allTopicsKnown: () => this.#log.allKnown && this.#open?.grown.held.length === 0,
    });
  }

  /** Transaction metadata names `schema.table`, or `database.schema.table`. */
  #tableOf(collection: string): string | null {
    for (const table of this.#parts.tables()) {
      const name = printTable(table);
      if (collection === name || collection.endsWith(`.${name}`)) return name;
    }
    return null;
  }

  get #marks(): string | null {
    const { transactions } = this.#parts.options.topics;
    return transactions === null ? null : placeKey({ topic: transactions, partition: 0 });
  }

  async #lookAtLog(): Promise<LogState> {
    await this.#log.look();
    const { facts, partitions } = this.#log;
    const { transactions } = this.#parts.options.topics;
    const marks = facts.find(({ topic }) => topic === transactions)?.partitions.length ?? 0;
    if (transactions !== null && marks > 1) throw new ReplicationError("DB-KAF-022", { subject: transactions });
    const [firsts, ends] = [await this.#log.offsets("first"), await this.#log.ends()];
    return { facts, partitions, firsts, ends, marks: this.#marks, now: this.#parts.clock.now() };
  }

  /** Reads topics that did not exist before, and partitions whose turn has come. */
  async #grow({ stream, grown }: OpenStream, ends: TopicOffsets): Promise<void> {
    const begun = new Set([...stream.places.values()].map(({ topic }) => topic));
    const missing = this.#log.partitions.filter((partition) => !stream.places.has(placeKey(partition)));
    const added = missing.filter(({ topic }) => begun.has(topic));
    try {
      grown.hold(added, (topic) => this.#counts(topic, stream.places.values()), this.#parts.slice.of);
    } catch (error) {
      if (error instanceof Error) stream.fail(error);
      throw error;
    }
    const due = [...missing.filter((partition) => !added.includes(partition)), ...grown.release(stream.places)];
    if (due.length === 0 || ends.places.size === 0) return;
    const firsts = await this.#log.offsets("first", due);
    const log = { facts: this.#log.facts, firsts, ends: ends.places, marks: this.#marks };
    stream.add(due.map((partition) => startOf(firstPlace(partition, log, this.carriesRows), lateStart(partition, log))));
  }

  #counts(topic: string, places: Iterable<PartitionPlace>): { before: number; now: number } {
    const before = [...places].filter((place) => place.topic === topic).length;
    return { before, now: this.#log.natureOf(topic).partitions };
  }

  /** What is behind an offset that the topic does not have: records lost, or another topic. */
  async #explain(failure: unknown): Promise<Error> {
    const error = failure instanceof Error ? failure : new Error(String(failure));
    if (!(error instanceof ReplicationError) || error.code !== "DB-KAF-007" || this.#open === null) return error;
    try {
      const places = this.#open.stream.places;
      startingPlaces({ completeAt: 0, places }, await this.#lookAtLog(), this.carriesRows);
      return error;
    } catch (explained) {
      return explained instanceof Error ? explained : error;
    }
  }
}

/** Marks before its place tell which transactions began before it. */
function fromEarlier({ place, from, late }: PartitionStart, { firsts }: LogState): PartitionStart {
  const first = firsts.get(placeKey(place))?.offset ?? 0n;
  const earlier = from - earlierMarks;
  return { place, from: earlier > first ? earlier : first, late };
}

/** The subscription has everything before the place, or had nothing when the stream was opened. */
function isPassedOrBeginning({ places }: TopicOffsets, place: PartitionPlace, { firsts }: LogState): boolean {
  const stand = places.get(placeKey(place));
  if (stand === undefined) return true;
  return stand.offset > place.offset || stand.offset <= (firsts.get(placeKey(place))?.offset ?? 0n);
}
