// Topics in memory, written by the test as a connector would write them; events are looked up, not encoded.
import type {
  DataEvent,
  DebeziumEvent,
  DescribedTable,
  RecordDecoder,
  TransactionMark,
} from "../../connectors/debezium/decode/change-event.ts";
import type {
  GroupMember,
  KafkaClient,
  KafkaRecord,
  PartitionOffset,
  RecordBatch,
  RecordReading,
  TopicFacts,
  TopicPartition,
} from "../../connectors/debezium/kafka/kafka-client.ts";
import { commitOrder } from "../../connectors/debezium/source-order.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { catalogTable, column, row, streamedTable } from "./table-builders.ts";

export const eventTopic = "national.public.citizen";
export const heartbeatTopic = "__debezium-heartbeat.national";
export const transactionTopic = "national.transaction";
export const citizen = { schema: "public", name: "citizen" };

export function described(name = "citizen", overrides: Parameters<typeof streamedTable>[1] = {}): DescribedTable {
  const catalog = catalogTable([column("id", "text"), column("text", "text")], { table: { schema: "public", name }, id: name });
  return { catalog, streamed: streamedTable(catalog, overrides) };
}

const citizenTable = described();

/** A change at a place of the source's log; its time is the place in milliseconds unless told. */
export function change(op: DataEvent["op"], id: string, text: string | null | 1, at: ChangePlace): DataEvent {
  const { lsn, time = lsn * 1000, processed = time, transaction = null, table = citizenTable, snapshot = null } = at;
  return {
    kind: "data",
    op,
    table,
    before: op === "d" ? row(id, null) : null,
    after: op === "d" || op === "t" ? null : row(id, text),
    source: {
      connector: "postgresql",
      order: { log: at.log ?? "lsn", parts: [BigInt(lsn)] },
      at: time,
      transactionId: String(lsn),
      snapshot,
    },
    processedAt: processed,
    transaction,
    oldKey: at.oldKey === undefined ? null : [Buffer.from(at.oldKey)],
    movesAway: at.movesAway ?? false,
  };
}

export interface ChangePlace {
  readonly lsn: number;
  readonly log?: string;
  readonly time?: number;
  readonly processed?: number;
  readonly transaction?: DataEvent["transaction"];
  readonly table?: DescribedTable;
  readonly snapshot?: DataEvent["source"]["snapshot"];
  readonly oldKey?: string;
  readonly movesAway?: boolean;
}

export function mark(status: TransactionMark["status"], id: string, counts: Readonly<Record<string, number>> = {}): TransactionMark {
  const counted = new Map(Object.entries(counts).map(([table, count]) => [table, BigInt(count)]));
  const order = status === "end" ? commitOrder(id) : null;
  return { kind: "transaction", status, id: id.split(":")[0] ?? id, order, counts: counted, at: 0 };
}

export function heartbeat(processedAt: number): DebeziumEvent {
  return { kind: "heartbeat", processedAt };
}

/** Events by the number that stands at the beginning of the record's value; what follows it makes the record larger. */
export class EventBook implements RecordDecoder {
  readonly #events: (DebeziumEvent | ReplicationError)[] = [];

  write(event: DebeziumEvent | ReplicationError, padding = ""): Buffer {
    return Buffer.from(`${this.#events.push(event) - 1} ${padding}`);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  decode({ key, value }: KafkaRecord): DebeziumEvent {
    if (value === null) return { kind: "tombstone", key: key === null ? null : [key] };
    const event = this.#events[Number.parseInt(value.toString("latin1", 0, 12), 10)];
    if (event === undefined || event instanceof Error) throw event ?? new Error("no such event");
    return event;
  }
}

interface MemoryTopic {
  facts: TopicFacts;
  /** By partition; a removed record leaves a gap. */
  readonly logs: { first: bigint; readonly records: KafkaRecord[]; next: bigint }[];
}

export class MemoryTopics implements KafkaClient, Pick<GroupMember, "read" | "note"> {
  readonly book = new EventBook();
  readonly #topics = new Map<string, MemoryTopic>();
  #wake: (() => void)[] = [];
  /** Records that one fetch brings of a partition. */
  fetched = 3;
  /** Records that fetches have brought so far. */
  handedOut = 0;
  /** Milliseconds of the next record's timestamp. */
  now = 1_000_000;
  /** Partitions that are not fetched now. */
  readonly silent = new Set<string>();

  make(topic: string, partitions = 1, cleanupPolicy = "delete", tombstoneRetentionMs = 86_400_000): void {
    const numbers = Array.from({ length: partitions }, (_, partition) => partition);
    const facts = { topic, id: null, partitions: numbers, cleanupPolicy, tombstoneRetentionMs, retentionMs: -1 };
    this.#topics.set(topic, { facts, logs: numbers.map(() => ({ first: 0n, records: [], next: 0n })) });
  }

  grow(topic: string, partitions: number): void {
    const found = this.#of(topic);
    const numbers = Array.from({ length: partitions }, (_, partition) => partition);
    found.facts = { ...found.facts, partitions: numbers };
    while (found.logs.length < partitions) found.logs.push({ first: 0n, records: [], next: 0n });
  }

  /** One record; an event, an error that its decoder throws, or a tombstone (null). */
  write(topic: string, partition: number, event: DebeziumEvent | ReplicationError | null, key: string | null = null): bigint {
    const log = this.#log({ topic, partition });
    const value = event === null ? null : this.book.write(event);
    const offset = log.next;
    const keyBytes = key === null ? null : Buffer.from(key);
    log.records.push({ topic, partition, offset, timestamp: this.now++ * 1000, key: keyBytes, value, headers: new Map() });
    log.next += 1n;
    this.wake();
    return offset;
  }

  /** An offset without a record: the end of a producer's transaction, or what compaction has taken. */
  gap(topic: string, partition = 0): void {
    this.#log({ topic, partition }).next += 1n;
    this.wake();
  }

  /** Retention has removed everything before. */
  truncate(topic: string, partition: number, first: bigint): void {
    const log = this.#log({ topic, partition });
    log.first = first;
    log.records.splice(0, log.records.length, ...log.records.filter(({ offset }) => offset >= first));
  }

  clusterId(): Promise<string> {
    return Promise.resolve("memory");
  }

  topics(names: readonly string[]): Promise<readonly TopicFacts[]> {
    return Promise.resolve(names.flatMap((name) => this.#topics.get(name)?.facts ?? []));
  }

  offsets(of: "first" | "end", partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    return Promise.resolve(partitions.map((one) => ({ ...one, offset: of === "first" ? this.#log(one).first : this.#log(one).next })));
  }

  lastRecords(topic: string, count: number): Promise<readonly KafkaRecord[]> {
    const logs = this.#topics.get(topic)?.logs ?? [];
    return Promise.resolve(logs.flatMap(({ records }) => records.filter(({ value }) => value !== null).slice(-count)));
  }

  createTopics(): Promise<void> {
    return Promise.reject(new Error("made by the test"));
  }

  join(): Promise<GroupMember> {
    const member: GroupMember = {
      slices: [0],
      onChange: () => {},
      leave: () => Promise.resolve(),
      read: (from, signal) => this.read(from, signal),
      note: () => {},
    };
    return Promise.resolve(member);
  }

  readAlone(from: readonly PartitionOffset[], signal: AbortSignal): Promise<RecordReading> {
    return Promise.resolve(this.read(from, signal));
  }

  note(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }

  wake(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const resolve of waiting) resolve();
  }

  read(from: readonly PartitionOffset[], signal: AbortSignal): RecordReading {
    const places = new Map(from.map((one) => [one, one.offset]));
    const iterate = (): AsyncGenerator<readonly RecordBatch[]> => this.#fetch(places, signal);
    return { close: () => Promise.resolve(this.wake()), [Symbol.asyncIterator]: iterate };
  }

  async *#fetch(places: Map<PartitionOffset, bigint>, signal: AbortSignal): AsyncGenerator<readonly RecordBatch[]> {
    while (!signal.aborted) {
      const batches: RecordBatch[] = [];
      for (const [one, offset] of places) {
        const { first, next, records } = this.#log(one);
        if (offset < first || offset > next) throw new ReplicationError("DB-KAF-007", { subject: one.topic });
        if (offset === next || this.silent.has(`${one.topic}/${one.partition}`)) continue;
        const start = indexOf(records, offset);
        const found = records.slice(start, start + this.fetched);
        const last = found.at(-1);
        const end = found.length < this.fetched || last === undefined ? next : last.offset + 1n;
        places.set(one, end);
        this.handedOut += found.length;
        batches.push({ topic: one.topic, partition: one.partition, records: found, nextOffset: end });
      }
      if (batches.length > 0) yield batches;
      else
        await new Promise<void>((resolve) => {
          this.#wake.push(resolve);
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
    }
  }

  #of(topic: string): MemoryTopic {
    const found = this.#topics.get(topic);
    if (found === undefined) throw new ReplicationError("DB-KAF-004", { subject: topic });
    return found;
  }

  #log({ topic, partition }: TopicPartition): MemoryTopic["logs"][number] {
    const log = this.#of(topic).logs[partition];
    if (log === undefined) throw new ReplicationError("DB-KAF-004", { subject: `${topic}/${partition}` });
    return log;
  }
}

/** Of the first record from the offset on; there may be gaps. */
function indexOf(records: readonly KafkaRecord[], offset: bigint): number {
  const from = (index: number): bigint => records[index]?.offset ?? 0n;
  let index = Math.min(records.length, Math.max(0, Number(offset - from(0))));
  while (index > 0 && from(index - 1) >= offset) index--;
  return index;
}
