// From a record to what it does: decoded, held against what its partition has brought so far, understood as changes of rows.
import type { Micros } from "../../../engine/model/change-message.ts";
import { errorCodes } from "../../../engine/model/error-codes.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { DataEvent, DebeziumEvent, DescribedTable, RecordDecoder, TransactionMark, TransactionPart } from "../decode/change-event.ts";
import type { KafkaRecord, RecordBatch } from "../kafka/kafka-client.ts";
import { type PartitionPlace, placeKey } from "../topic-offsets.ts";
import { RecentChanges } from "./recent-changes.ts";
import { judgeDelivery, withSeen } from "./redelivery.ts";
import { emptied, type RowChanges, type TableChange, type TopicNature } from "./row-changes.ts";

/** One record, understood. */
export interface Item {
  /** Its partition's place once it counts. */
  readonly place: PartitionPlace;
  readonly changes: readonly TableChange[];
  /** Of a wanted table's event: its part in a source transaction. Null: none is told. */
  readonly transaction: TransactionPart | null;
  /** `schema.table` of a wanted table's event. */
  readonly table: string | null;
  /** It came before; `changes` are empty. */
  readonly repeated: boolean;
  /** A record that could not be read stands for changes that nobody knows. */
  readonly unreadable: boolean;
  readonly mark: TransactionMark | null;
  /** It lies before the place that is read from. */
  readonly earlier: boolean;
  /** The source's own id of the transaction; empty where it does not tell. */
  readonly sourceTransaction: string;
  /** The source's time of it; null: it tells none. */
  readonly at: Micros | null;
  readonly bytes: number;
}

/** What the connector was seen to do, by its own clock. */
export interface ConnectorWatch {
  streamed(processedAt: Micros, sourceAt: Micros): void;
  /** A row of an initial snapshot; `last`: with it the snapshot is over. */
  snapshotted(processedAt: Micros, last: boolean): void;
}

export interface IntakeParts {
  readonly decoder: RecordDecoder;
  readonly changes: RowChanges;
  readonly natureOf: (topic: string) => TopicNature;
  readonly watch: ConnectorWatch;
  /** Finds a topic's columns out from its last records; null: it has none. */
  readonly describe: (topic: string) => Promise<DescribedTable | null>;
  /** Everybody who has not passed this place of the partition yet loads the table anew, from the beginning. */
  readonly isLoadedAnew: (place: PartitionPlace) => boolean;
}

export class Intake {
  readonly #parts: IntakeParts;
  /** Where each partition stands, whatever of it has been delivered. */
  readonly #places = new Map<string, PartitionPlace>();
  /** Partitions whose last record, read once before, is still to be looked at. */
  readonly #unverified = new Set<string>();
  readonly #recent = new RecentChanges();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** `verify`: the partition is read from the last record that was read before. */
  begin(place: PartitionPlace, verify: boolean): void {
    this.#places.set(placeKey(place), place);
    if (verify) this.#unverified.add(placeKey(place));
  }

  async prepare(batches: readonly RecordBatch[]): Promise<void> {
    for (const { topic, records } of batches) {
      await this.#parts.decoder.prepare(records);
      const { compacted } = this.#parts.natureOf(topic);
      if (!compacted || this.#parts.changes.described(topic) !== null || records.every(({ value }) => value !== null)) continue;
      const described = await this.#parts.describe(topic);
      if (described !== null) this.#parts.changes.learn(topic, described);
    }
  }

  /** Everything that the records of one partition do, in their order, and where it stands after them. */
  take(batch: RecordBatch): { readonly items: readonly Item[]; readonly place: PartitionPlace } {
    const key = placeKey(batch);
    const items: Item[] = [];
    for (const record of batch.records) {
      const item = this.#item(record, key);
      if (item !== null) items.push(item);
    }
    const place = this.#placeOf(key);
    const end = place.offset < batch.nextOffset ? { ...place, offset: batch.nextOffset } : place;
    this.#places.set(key, end);
    return { items, place: end };
  }

  #placeOf(key: string): PartitionPlace {
    const place = this.#places.get(key);
    if (place === undefined) throw new ReplicationError("DB-RUN-001", { subject: key });
    return place;
  }

  #item(record: KafkaRecord, key: string): Item | null {
    const place = this.#placeOf(key);
    if (record.offset >= (place.last?.offset ?? 0n) && this.#unverified.delete(key)) {
      verifyLast(record, place, this.#parts.natureOf(record.topic));
    }
    if (record.offset < place.offset) {
      if (place.last === null || place.last.offset < record.offset) this.#places.set(key, { ...place, last: markOf(record) });
      return this.#earlierMark(record, this.#placeOf(key));
    }
    const item = this.#understood(record, key, place);
    this.#places.set(key, item.place);
    return item;
  }

  /** A mark before the place tells which transactions are not to be waited for any more. */
  #earlierMark(record: KafkaRecord, place: PartitionPlace): Item | null {
    if (this.#parts.natureOf(record.topic).tables.length > 0) return null;
    const event = this.#parts.decoder.decode(record);
    return event.kind === "transaction" ? { ...nothing, place, bytes: 0, mark: event, earlier: true } : null;
  }

  #understood(record: KafkaRecord, key: string, before: PartitionPlace): Item {
    const { topic, partition, lacking, seen } = before;
    const place: PartitionPlace = { topic, partition, offset: record.offset + 1n, lacking, last: markOf(record), seen };
    const bytes = (record.value?.length ?? 0) + (record.key?.length ?? 0);
    const nature = this.#parts.natureOf(record.topic);
    let event: DebeziumEvent;
    try {
      event = this.#parts.decoder.decode(record);
    } catch (error) {
      return { ...nothing, place, bytes, unreadable: true, changes: this.#unreadable(error, record, nature) };
    }
    if (event.kind === "data") return this.#dataItem(event, key, { before, place, nature, bytes, recordKey: record.key });
    if (event.kind === "tombstone") {
      return { ...nothing, place, bytes, changes: this.#parts.changes.tombstone(event.key, key, nature) };
    }
    this.#parts.changes.passed(key);
    return { ...nothing, place, bytes, mark: event.kind === "transaction" ? event : null };
  }

  #dataItem(event: DataEvent, key: string, at: DataPlace): Item {
    const { changes: rows, watch } = this.#parts;
    const { source, processedAt, transaction } = event;
    const name = event.table.catalog.table;
    const isSnapshot = source.snapshot !== null && source.snapshot !== "incremental";
    if (isSnapshot) watch.snapshotted(processedAt, source.snapshot === "last");
    else if (source.snapshot === null) watch.streamed(processedAt, source.at);
    const delivery = judgeDelivery(event, at.before.seen);
    if (delivery === "set back") throw setBack(at.place);
    const isRepeated = delivery === "repeated";
    const isWanted = rows.wants(name);
    const isAnew = !isRepeated && isSnapshot && isWanted && beginsAnew(event, at.before);
    if (isAnew) this.#recent.forget(key);
    const changes = rows.of(event, key, at.nature);
    const tellsNothing = isRepeated || (isWanted && this.#isStale(event, key, at.recordKey));
    // Field by field: this is made for every event.
    return {
      place: isRepeated ? at.place : placeAfter(event, at, isAnew),
      changes: tellsNothing ? nothing.changes : isAnew ? [this.#readAnew(event, at.before, at.nature), ...changes] : changes,
      transaction,
      table: isWanted ? printTable(name) : null,
      repeated: isRepeated,
      unreadable: false,
      mark: null,
      earlier: false,
      sourceTransaction: source.snapshot === null ? (source.transactionId ?? "") : "",
      at: source.at,
      bytes: at.bytes,
    };
  }

  /** A row of an incremental snapshot whose key has changed just before it. */
  #isStale(event: DataEvent, key: string, recordKey: Buffer | null): boolean {
    const { snapshot } = event.source;
    if (recordKey === null) return false;
    if (snapshot === null) this.#recent.note(key, recordKey, event);
    return snapshot === "incremental" && this.#recent.covers(key, recordKey, event);
  }

  /** The connector reads the whole table once more: rows that went away in between are told by nothing else. */
  #readAnew({ table }: DataEvent, before: PartitionPlace, nature: TopicNature): TableChange {
    const what = "the connector has lost its place and read the table anew";
    if (this.#parts.isLoadedAnew(before)) return emptied(table.streamed, nature, what);
    return { tag: "replaced", table: table.catalog.table, cause: `${what}: rows that went away meanwhile are not told` };
  }

  /** Stops the tables whose row this may be; throws when that cannot be told, or when trying again may help. */
  #unreadable(error: unknown, record: KafkaRecord, { tables }: TopicNature): readonly TableChange[] {
    if (!(error instanceof ReplicationError) || errorCodes[error.code].retry === "timed") throw error;
    const place = `record ${record.offset} of partition ${record.partition} of topic ${record.topic}`;
    const [only] = tables;
    const isRow = record.value !== null && tables.length === 1 && this.#hasKey(record);
    if (only !== undefined && isRow) {
      return [{ tag: "replaced", table: only, cause: `${place} cannot be read (${error.code}: ${error.explanation})` }];
    }
    throw new ReplicationError(error.code, { subject: place, cause: error.explanation, remedy: error.remedy }, { cause: error });
  }

  #hasKey(record: KafkaRecord): boolean {
    if (record.key === null) return false;
    try {
      const event = this.#parts.decoder.decode({ ...record, value: null });
      return event.kind === "tombstone" && event.key !== null;
    } catch {
      return false;
    }
  }
}

const nothing = {
  changes: [],
  transaction: null,
  table: null,
  repeated: false,
  unreadable: false,
  mark: null,
  earlier: false,
  sourceTransaction: "",
  at: null,
} as const;

interface DataPlace {
  readonly before: PartitionPlace;
  readonly place: PartitionPlace;
  readonly nature: TopicNature;
  readonly bytes: number;
  readonly recordKey: Buffer | null;
}

function placeAfter(event: DataEvent, { before, place, nature }: DataPlace, isAnew: boolean): PartitionPlace {
  const { topic, partition, offset, last } = place;
  if (isAnew) return { topic, partition, offset, last, seen: [], lacking: place.lacking && nature.partitions > 1 };
  return { topic, partition, offset, last, seen: withSeen(event, before.seen), lacking: place.lacking };
}

/** By what a record is known again. */
function markOf({ offset, timestamp }: KafkaRecord): PartitionPlace["last"] {
  return { offset, timestampMs: Math.floor(timestamp / 1000) };
}

/** A snapshot where there was something before: after changes, or after another snapshot that was not brought to its end. */
function beginsAnew({ source }: DataEvent, { last, seen }: PartitionPlace): boolean {
  const isFirst = source.snapshot === "first" || source.snapshot === "first_in_data_collection";
  return seen.length > 0 || (isFirst && last !== null);
}

/** Throws when the record that was read last is another one now, or gone although nothing removes single records there. */
function verifyLast(record: KafkaRecord, place: PartitionPlace, { compacted }: TopicNature): void {
  const { last } = place;
  if (last === null) return;
  const isThere = record.offset === last.offset && Math.floor(record.timestamp / 1000) === last.timestampMs;
  if (isThere || (compacted && record.offset > last.offset)) return;
  const cause = `the record that was read last from partition ${place.partition} of topic ${place.topic} is another one now: the topic was made anew`;
  throw new ReplicationError("DB-SLOT-004", { subject: placeKey(place), cause });
}

function setBack(place: PartitionPlace): ReplicationError {
  const at = `record ${place.offset - 1n} of partition ${place.partition} of topic ${place.topic}`;
  const cause = `${at} stands before others in the source's log and is later than they are: the source has begun another log`;
  return new ReplicationError("DB-SLOT-004", {
    subject: placeKey(place),
    cause,
    remedy: "Let the connector take a new snapshot, then run `dongbo resync` for the subscriptions of this source",
  });
}
