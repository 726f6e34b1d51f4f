// One batch on its way into Kafka: events, checkpoint, clock and quarantine in one transaction there (invariant 2).
import { assert } from "../../../engine/model/assert.ts";
import { failpoint } from "../../../engine/concurrency/failpoint.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { RowList } from "../../../engine/model/packed-rows.ts";
import { type Key, keyText, type Row } from "../../../engine/model/row.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { CheckpointWrite, CommitOutcome, TableChange, TargetTransaction, WriteOutcome } from "../../../engine/ports/change-target.ts";
import { type HeldRows, QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import { RowTally } from "../../../engine/target/row-tally.ts";
import type { KafkaProducer } from "../kafka/kafka-client.ts";
import { advanced, isComplete } from "./advance-state.ts";
import { BatchEvents, heartbeatRecord } from "./batch-events.ts";
import type { PublicationState } from "./publication-state.ts";
import { stateRecord } from "./state-topic.ts";
import type { TableCodec } from "./table-codec.ts";
import { heartbeatTopic, stateTopic } from "./topic-names.ts";
import { refusalOf, ValueRefused } from "./value-refused.ts";

export interface PublicationParts {
  readonly producer: KafkaProducer;
  readonly subscription: Subscription;
  readonly prefix: string;
  readonly state: PublicationState;
  readonly held: HeldRows;
  readonly codecOf: (table: TableMapping) => TableCodec;
  /** A topic of one partition that is not compacted: only there a truncate has a place among the rows. */
  readonly truncatable: (table: TableMapping) => boolean;
  /** Called when it has taken place, with what is stored from then on. */
  readonly committed: (state: PublicationState) => void;
}

/** Rows between two looks at how much is held back. */
const rowsAtOnce = 100;

export class PublicationTransaction implements TargetTransaction {
  readonly batchId: number;
  readonly #parts: PublicationParts;
  readonly #tally = new RowTally();
  readonly #book: QuarantineBook;
  readonly #events: BatchEvents;
  /** Tables of which rows were loaded here. */
  readonly #loaded = new Set<string>();
  #open = true;

  constructor(parts: PublicationParts) {
    const { state, subscription, prefix, producer, held } = parts;
    this.#parts = parts;
    this.batchId = state.nextBatch;
    this.#book = new QuarantineBook(subscription, held, refusalOf);
    const transactionId = `${subscription.id}:${this.batchId}`;
    const snapshot = !isComplete(state);
    const origin = { prefix, source: subscription.source, batchId: this.batchId, transactionId, snapshot, standing: state.heartbeat };
    this.#events = new BatchEvents(producer, origin, { at: state.sourceTime ?? 0, position: state.position });
  }

  get rowsWritten(): number {
    return this.#tally.written;
  }

  get rowsDeleted(): number {
    return this.#tally.deleted;
  }

  /**
   * Rows that are not told whole are asked for (`missing`), for a topic holds nothing that could be completed and a sink would
   * take Debezium's placeholder for a value.
   */
  async write(changes: readonly TableChange[]): Promise<WriteOutcome> {
    assert(this.#open, "a target transaction is used until it is committed or rolled back");
    const missing: { table: TableMapping; keys: Key[] }[] = [];
    for (const { table, truncate, deletes, updates, upserts } of changes) {
      if (truncate) this.#truncate(table);
      if (this.#book.isStopped(table)) continue;
      const codec = this.#parts.codecOf(table);
      const keys = updates.map(({ row }) => codec.keyOf(row));
      const moved = updates.flatMap(({ key }, index) => (keyText(key) === keyText(keys[index] as Key) ? [] : [key]));
      const gone = new Map([...deletes, ...moved].map((key) => [keyText(key), key]));
      for (const key of gone.values()) await this.#delete(table, key);
      await this.#publish(table, "u", upserts);
      if (keys.length > 0) missing.push({ table, keys });
    }
    return { missing, ...this.#book.news() };
  }

  async load(table: TableMapping, rows: RowList): Promise<WriteOutcome> {
    assert(this.#open, "a target transaction is used until it is committed or rolled back");
    this.#loaded.add(tableKey(table.target));
    await this.#publish(table, "r", rows);
    return { missing: [], ...this.#book.news() };
  }

  async commit(checkpoint: CheckpointWrite): Promise<CommitOutcome> {
    assert(this.#open, "a target transaction is used until it is committed or rolled back");
    const { subscription, state: before, producer, prefix } = this.#parts;
    for (const { table, progress } of checkpoint.loads) if (progress.sweepBefore === this.batchId) this.#loadBegins(table);
    failpoint("target-after-rows");
    const facts = { subscription, batchId: this.batchId, checkpoint, tally: this.#tally, book: this.#book, clock: Date.now() * 1000 };
    const { state, expired, heartbeat } = advanced(before, { ...facts, events: (table) => this.#events.count(table) });
    await this.#events.finish({ at: checkpoint.sourceTime, position: checkpoint.position });
    if (heartbeat !== null) await producer.send(heartbeatTopic(prefix), [heartbeatRecord(prefix, heartbeat)]);
    await producer.send(stateTopic(prefix), [stateRecord(state)]);
    failpoint("target-after-checkpoint");
    await this.#commitProducer();
    failpoint("target-after-commit");
    const { stops } = this.#book.news();
    this.#book.settle();
    this.#open = false;
    this.#parts.committed(state);
    return { expired, stops, quarantined: this.#book.total };
  }

  /** The next producer of the transactional id aborts what was sent: to do it here could throw out a newer one. */
  async rollback(): Promise<void> {
    this.#open = false;
    await this.#parts.producer.close();
  }

  async #commitProducer(): Promise<void> {
    const { producer, subscription } = this.#parts;
    failpoint("target-commit-sent");
    try {
      await producer.commit();
    } catch (error) {
      throw new ReplicationError("DB-RUN-011", { subject: subscription.id }, { cause: error });
    }
  }

  /** What consumers hold is forgotten first: which of it the load will not meet cannot be told later. */
  #loadBegins(table: TableMapping): void {
    const events = this.#parts.state.copies[printTable(table.target)]?.events ?? 0;
    this.#book.forgetHeld(table);
    if (events === 0) return;
    assert(!this.#loaded.has(tableKey(table.target)), "a load begins before its first rows are written");
    if (this.#maySayTruncated(table)) this.#events.loadBegins(this.#parts.codecOf(table));
  }

  #truncate(table: TableMapping): void {
    this.#book.clearAll(table);
    if (this.#maySayTruncated(table)) this.#events.truncated(this.#parts.codecOf(table));
  }

  #maySayTruncated(table: TableMapping): boolean {
    if (this.#parts.truncatable(table)) return true;
    this.#book.stop(table, "DB-KAF-163", "its topic has several partitions, or is compacted");
    return false;
  }

  async #delete(table: TableMapping, key: Key): Promise<void> {
    this.#book.clear(table, [key]);
    try {
      this.#events.gone(this.#parts.codecOf(table), key);
      this.#tally.addDeleted(table, 1);
    } catch (error) {
      // Under such a key nothing was ever published.
      if (!(error instanceof ValueRefused)) throw error;
    }
    await this.#events.drain();
  }

  async #publish(table: TableMapping, op: "r" | "u", rows: Iterable<Row>): Promise<void> {
    const codec = this.#parts.codecOf(table);
    let published = 0;
    for (const row of rows) {
      if (this.#book.isStopped(table)) return;
      const key = codec.keyOf(row);
      try {
        this.#events.row(codec, op, row);
        this.#tally.addWritten(table, 1, 1);
        this.#book.clear(table, [key]);
      } catch (error) {
        // The row's former version must not stand for it.
        await this.#delete(table, key);
        this.#book.add(table, key, error);
      }
      published += 1;
      if (published % rowsAtOnce === 0) await this.#events.drain();
    }
    await this.#events.drain();
  }
}
