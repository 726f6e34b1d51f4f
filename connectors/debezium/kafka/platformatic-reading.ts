// Reads partitions from where their reader stands: a fetch at each leader, the next one while the reader is busy with the last.
import type { Broker } from "@platformatic/kafka";
import type { ErrorCode } from "../../../engine/model/error-codes.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printBrokers } from "./broker-tls.ts";
import type { PartitionOffset, RecordBatch, RecordReading, TopicPartition } from "./kafka-client.ts";
import { fromProtocol, protocolError } from "./kafka-errors.ts";
import { outOfLog } from "./log-bounds.ts";
import type { BrokerConnections } from "./platformatic-cluster.ts";
import { toReplicationError } from "./platformatic-errors.ts";
import { type Cursor, type Fetched, fetchFrom } from "./platformatic-fetch.ts";

/** Fetches at one leader. */
interface Lead {
  readonly broker: Broker;
  /** Served in turn: who gave records last comes last. */
  cursors: Cursor[];
  /** Since when this leader owes an answer; null: it does not. */
  askedAt: number | null;
  asking: boolean;
}

/** What a cluster mends by itself, or a broker that comes back. */
const mayPass: ReadonlySet<ErrorCode> = new Set(["DB-KAF-001", "DB-KAF-005", "DB-KAF-008"] as const);
/** Before a broker is asked again that just failed. */
const pauseMs = 200;

/** The reading, which ends when the signal says so; `ended` is told. */
export function endedBy(signal: AbortSignal, reading: PlatformaticReading, ended = (): void => {}): PlatformaticReading {
  const close = (): void => void reading.close();
  signal.addEventListener("abort", close, { once: true });
  reading.onClose(() => {
    signal.removeEventListener("abort", close);
    ended();
  });
  if (signal.aborted) close();
  return reading;
}

export class PlatformaticReading implements RecordReading {
  readonly #connections: BrokerConnections;
  readonly #stalledAfterMs: number;
  readonly #from: readonly PartitionOffset[];
  readonly #leads = new Map<string, Lead>();
  readonly #fetched: { readonly lead: Lead; readonly batches: readonly RecordBatch[] }[] = [];
  #failure: ReplicationError | null = null;
  #closed = false;
  #wake: (() => void) | null = null;
  #retry: NodeJS.Timeout | null = null;
  #onClose: () => void = () => {};

  /** `connections` are this reading's own: it closes them. */
  constructor(connections: BrokerConnections, from: readonly PartitionOffset[], stalledAfterMs: number) {
    this.#connections = connections;
    this.#from = from;
    this.#stalledAfterMs = stalledAfterMs;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly RecordBatch[], void, void> {
    try {
      this.#spread(await this.#findLeaders(this.#from.map((at) => ({ ...at, topicId: "", next: at.offset }))));
      for (let batches = await this.#next(); batches !== null; batches = await this.#next()) yield batches;
    } catch (error) {
      // What ends by closing has not failed, whatever closing has torn.
      if (this.#failure !== null || !this.#closed) throw this.#failure ?? error;
    } finally {
      await this.close();
    }
  }

  /** Called once, when the reading has ended in whatever way. */
  onClose(listener: () => void): void {
    this.#onClose = listener;
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#onClose();
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#wake?.();
    await this.#connections.close();
  }

  /** Ends the reading with this failure, before anything that waits. */
  fail(error: ReplicationError): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** Whether the reading is of one of these partitions. */
  reads(matches: (partition: TopicPartition) => boolean): boolean {
    return this.#from.some(matches);
  }

  async #next(): Promise<readonly RecordBatch[] | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      if (this.#closed) return null;
      const first = this.#fetched.shift();
      if (first !== undefined) {
        this.#ask(first.lead);
        return first.batches;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  /** Asks a leader, unless it is being asked or something of it waits to be taken. */
  #ask(lead: Lead): void {
    if (this.#closed || this.#failure !== null || lead.asking || lead.cursors.length === 0) return;
    lead.asking = true;
    lead.askedAt ??= performance.now();
    fetchFrom(this.#connections, lead.broker, lead.cursors).then(
      (fetched) => this.#took(lead, fetched),
      (error: unknown) => this.#troubled(lead, toReplicationError(error, printBrokers(this.#connections.address))),
    );
  }

  #took(lead: Lead, { batches, failed }: Fetched): void {
    lead.asking = false;
    if (batches.length > 0) {
      const served = new Set(batches.map(({ topic, partition }) => `${partition} ${topic}`));
      const gave = ({ topic, partition }: Cursor): boolean => served.has(`${partition} ${topic}`);
      lead.cursors = [...lead.cursors.filter((cursor) => !gave(cursor)), ...lead.cursors.filter(gave)];
      this.#fetched.push({ lead, batches });
      this.#wake?.();
    }
    const [trouble] = failed;
    if (trouble !== undefined) {
      const { topic, partition, next } = trouble.cursor;
      const subject = `topic ${topic} partition ${partition}`;
      if (trouble.error === protocolError.offsetOutOfRange) this.fail(outOfLog(subject, next, trouble.logStart));
      else this.#troubled(lead, fromProtocol(trouble.error, subject));
      return;
    }
    lead.askedAt = null;
    if (batches.length === 0) this.#ask(lead);
  }

  /** Looks for the leaders again after a pause, unless it has lasted too long or cannot pass. */
  #troubled(lead: Lead, error: ReplicationError): void {
    lead.asking = false;
    if (this.#closed) return;
    const lasted = performance.now() - (lead.askedAt ?? performance.now());
    if (!mayPass.has(error.code) || lasted > this.#stalledAfterMs) {
      this.fail(error);
      return;
    }
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      void this.#spreadAgain();
    }, pauseMs);
  }

  async #spreadAgain(): Promise<void> {
    try {
      const resting = [...this.#leads.values()].filter(({ asking }) => !asking);
      this.#spread(await this.#findLeaders(resting.flatMap(({ cursors }) => cursors)));
    } catch (again) {
      const failure = toReplicationError(again, printBrokers(this.#connections.address));
      const waiting = [...this.#leads.values()].find(({ askedAt, asking }) => askedAt !== null && !asking);
      if (waiting === undefined) this.fail(failure);
      else this.#troubled(waiting, failure);
    }
  }

  /** Gives the cursors to their leaders and asks those that have nothing waiting. */
  #spread(found: ReadonlyMap<Cursor, Broker>): void {
    const moved = new Set(found.keys());
    const since = new Map<Cursor, number | null>();
    for (const lead of this.#leads.values()) {
      for (const cursor of lead.cursors) since.set(cursor, lead.askedAt);
      lead.cursors = lead.cursors.filter((cursor) => !moved.has(cursor));
    }
    for (const [cursor, broker] of found) {
      const key = `${broker.host}:${broker.port}`;
      const lead = this.#leads.get(key) ?? { broker, cursors: [], askedAt: since.get(cursor) ?? null, asking: false };
      this.#leads.set(key, lead);
      lead.cursors.push(cursor);
    }
    for (const [key, lead] of this.#leads) {
      if (lead.cursors.length === 0 && !lead.asking) this.#leads.delete(key);
      else if (!this.#fetched.some((waiting) => waiting.lead === lead)) this.#ask(lead);
    }
  }

  /** Where to ask for each. A topic that was made anew is another log: its offsets mean nothing here. */
  async #findLeaders(cursors: readonly Cursor[]): Promise<Map<Cursor, Broker>> {
    const found = new Map<Cursor, Broker>();
    const { topics } = await this.#connections.metadata([...new Set(cursors.map(({ topic }) => topic))]);
    for (const cursor of cursors) {
      const subject = `topic ${cursor.topic} partition ${cursor.partition}`;
      const topic = topics.get(cursor.topic);
      const part = topic?.partitions.find(({ partition }) => partition === cursor.partition);
      if (topic === undefined || part === undefined) throw fromProtocol(protocolError.unknownTopicOrPartition, subject);
      if (cursor.topicId !== "" && cursor.topicId !== topic.id) {
        throw new ReplicationError("DB-KAF-007", { subject, cause: "the topic was deleted and made anew" });
      }
      if (part.leader === null) throw new ReplicationError("DB-KAF-005", { subject, cause: "the partition has no leader just now" });
      cursor.topicId = topic.id;
      found.set(cursor, part.leader);
    }
    return found;
  }
}
