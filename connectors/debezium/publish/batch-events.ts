// The events of one batch: gathered, stamped with their place and time, and sent in pieces of bounded size.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { Key, Row } from "../../../engine/model/row.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { KafkaProducer, OutgoingRecord } from "../kafka/kafka-client.ts";
import { connectJson, controlSchemas } from "./event-schemas.ts";
import type { TableCodec } from "./table-codec.ts";
import { transactionTopic } from "./topic-names.ts";

/** What all events of a batch have in common. */
export interface BatchOrigin {
  readonly prefix: string;
  readonly source: string;
  readonly batchId: number;
  /** `<subscription>:<batch>`. */
  readonly transactionId: string;
  /** A load is under way: nothing is told as a change, nor in a transaction, until it is over. */
  readonly snapshot: boolean;
  /** Time of what is told during a load: no event may move a clock then. Null: there is no clock yet. */
  readonly standing: Micros | null;
}

/** What an event's source block says of time and place. */
export interface Stamp {
  readonly at: Micros;
  readonly position: string | null;
}

interface Event {
  readonly codec: TableCodec;
  readonly op: "r" | "u" | "d" | "t";
  /** JSON; null for op t. */
  readonly key: string | null;
  readonly before: string | null;
  readonly after: string | null;
  /** Among all events of the batch. */
  readonly order: number;
  /** Place in the batch as a transaction; null: not told as part of one. */
  readonly place: { readonly inAll: number; readonly inTable: number } | null;
}

/** Characters held back until time and place are known; more are sent with what was known when the batch began. */
const heldMax = 4 * 1024 * 1024;

export class BatchEvents {
  readonly #producer: KafkaProducer;
  readonly #origin: BatchOrigin;
  /** For events that cannot be held back until the batch ends. */
  readonly #early: Stamp;
  readonly #counts = new Map<string, { readonly codec: TableCodec; events: number; inTransaction: number }>();
  #held: Event[] = [];
  #heldSize = 0;
  #events = 0;
  /** Of them those that are told as one transaction. */
  #inTransaction = 0;

  constructor(producer: KafkaProducer, origin: BatchOrigin, early: Stamp) {
    this.#producer = producer;
    this.#origin = origin;
    this.#early = early;
  }

  /** A complete row. Throws ValueRefused. */
  row(codec: TableCodec, op: "r" | "u", row: Row): void {
    const after = codec.encodeRow(row);
    this.#add({ codec, op, key: codec.encodeKey(codec.keyOf(row)), before: null, after });
  }

  /** Throws ValueRefused. */
  gone(codec: TableCodec, key: Key): void {
    this.#add({ codec, op: "d", key: codec.encodeKey(key), before: codec.encodeOldRow(key), after: null });
  }

  truncated(codec: TableCodec): void {
    this.#add({ codec, op: "t", key: null, before: null, after: null });
  }

  /** The table is read anew from here on. */
  loadBegins(codec: TableCodec): void {
    this.#add({ codec, op: "t", key: null, before: null, after: null }, true);
  }

  count(table: TableMapping): number {
    return this.#counts.get(tableKey(table.target))?.events ?? 0;
  }

  /** Keeps the memory bounded; called between rows. */
  async drain(): Promise<void> {
    if (this.#heldSize > heldMax) await this.#send(this.#early);
  }

  /** Sends what is left and, outside of loads, the batch's begin and end. */
  async finish(stamp: Stamp): Promise<void> {
    await this.#send(stamp);
    if (this.#inTransaction === 0) return;
    await this.#producer.send(transactionTopic(this.#origin.prefix), this.#marks(stamp));
  }

  #add(event: Omit<Event, "order" | "place">, snapshot: boolean = this.#origin.snapshot): void {
    const id = tableKey(event.codec.mapping.target);
    const counted = this.#counts.get(id) ?? { codec: event.codec, events: 0, inTransaction: 0 };
    this.#counts.set(id, counted);
    counted.events += 1;
    this.#events += 1;
    if (!snapshot) {
      counted.inTransaction += 1;
      this.#inTransaction += 1;
    }
    const place = snapshot ? null : { inAll: this.#inTransaction, inTable: counted.inTransaction };
    this.#held.push({ ...event, order: this.#events, place });
    this.#heldSize += (event.before?.length ?? 0) + (event.after?.length ?? 0) + (event.key?.length ?? 0);
  }

  async #send(stamp: Stamp): Promise<void> {
    const byTopic = new Map<string, Event[]>();
    for (const event of this.#held) {
      const { topic } = event.codec;
      const events = byTopic.get(topic);
      if (events === undefined) byTopic.set(topic, [event]);
      else events.push(event);
    }
    this.#held = [];
    this.#heldSize = 0;
    for (const [topic, events] of byTopic) {
      const records = events.flatMap((event) => this.#records(event, stamp));
      await this.#producer.send(topic, records);
    }
  }

  /** A delete is followed by its tombstone, so that compaction can forget the key. */
  #records(event: Event, stamp: Stamp): OutgoingRecord[] {
    const { codec, op, before, after } = event;
    const key = event.key === null ? null : connectJson(codec.keySchema, event.key);
    const handled = Date.now();
    const payload =
      `{"before":${before ?? "null"},"after":${after ?? "null"},"source":${this.#source(event, stamp)},` +
      `"transaction":${this.#block(event)},"op":"${op}","ts_ms":${handled},"ts_us":${handled}000,"ts_ns":${handled}000000}`;
    const record = { key, value: connectJson(codec.envelopeSchema, payload) };
    return op === "d" ? [record, { key, value: null }] : [record];
  }

  #source({ codec, order, place }: Event, { at: now, position }: Stamp): string {
    const { prefix, source, batchId, standing } = this.#origin;
    const at = place === null ? (standing ?? now) : now;
    const { schema, name } = codec.mapping.target;
    return JSON.stringify({
      version: "dongbo",
      connector: "postgresql",
      name: prefix,
      ts_ms: Math.floor(at / 1000),
      snapshot: String(place === null),
      db: source,
      sequence: JSON.stringify([String(batchId), String(order)]),
      ts_us: at,
      ts_ns: null,
      schema,
      table: name,
      txId: null,
      lsn: order,
      xmin: null,
      position,
    });
  }

  #block({ place }: Event): string {
    const { transactionId: id } = this.#origin;
    return place === null ? "null" : JSON.stringify({ id, total_order: place.inAll, data_collection_order: place.inTable });
  }

  #marks({ at }: Stamp): OutgoingRecord[] {
    const { transactionId: id } = this.#origin;
    const time = Math.floor(at / 1000);
    const counted = [...this.#counts.values()].filter(({ inTransaction }) => inTransaction > 0);
    const collections = counted.map(({ codec, inTransaction }) => ({
      data_collection: printTable(codec.mapping.target),
      event_count: inTransaction,
    }));
    const marks = [
      { status: "BEGIN", id, event_count: null, data_collections: null, ts_ms: time },
      { status: "END", id, event_count: this.#inTransaction, data_collections: collections, ts_ms: time },
    ];
    const key = connectJson(controlSchemas.transactionKey, JSON.stringify({ id }));
    return marks.map((mark) => ({ key, value: connectJson(controlSchemas.transactionValue, JSON.stringify(mark)) }));
  }
}

/** The record that says until when, by the source's clock, the topics of the prefix are complete. */
export function heartbeatRecord(prefix: string, at: Micros): OutgoingRecord {
  return {
    key: connectJson(controlSchemas.heartbeatKey, JSON.stringify({ serverName: prefix })),
    value: connectJson(controlSchemas.heartbeatValue, JSON.stringify({ ts_ms: Math.floor(at / 1000) })),
  };
}
