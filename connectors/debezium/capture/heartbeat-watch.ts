// The connector's heartbeats, or the changes that it makes itself at the master where they are named as proof (VL-07).
import type { Micros } from "../../../engine/model/change-message.ts";
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { DebeziumEvent, RecordDecoder } from "../decode/change-event.ts";
import type { KafkaClient, TopicPartition } from "../kafka/kafka-client.ts";
import { placeKey } from "../topic-offsets.ts";
import type { Beat } from "./source-clock.ts";

/** The newest, the one before it that counts, and the one before that, with some to spare. */
const beatsWanted = 8;

export class HeartbeatWatch {
  readonly #client: KafkaClient;
  readonly #decoder: RecordDecoder;
  readonly #topic: string;
  readonly #bySource: boolean;
  #beat: Beat | null = null;
  #newestAt: Micros = 0;
  #ends = "";
  #looking: Promise<Beat | null> | null = null;

  constructor(client: KafkaClient, decoder: RecordDecoder, topics: Pick<DebeziumOptions["topics"], "heartbeat" | "proof">) {
    this.#client = client;
    this.#decoder = decoder;
    this.#topic = topics.proof ?? topics.heartbeat;
    this.#bySource = topics.proof !== null;
  }

  /** When the connector was last known to live, by its own clock; 0: never. */
  get newestAt(): Micros {
    return this.#newestAt;
  }

  /** The newest beat that counts; null: there have not been two. Whoever asks meanwhile gets the same answer. */
  look(): Promise<Beat | null> {
    this.#looking ??= this.#find().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #find(): Promise<Beat | null> {
    const [facts] = await this.#client.topics([this.#topic]);
    if (facts === undefined) return this.#beat;
    const ends = await this.#endsOf(facts.partitions.map((partition) => ({ topic: this.#topic, partition })));
    if (ends === this.#ends) return this.#beat;
    const records = await this.#client.lastRecords(this.#topic, beatsWanted);
    await this.#decoder.prepare(records);
    const times = records.flatMap((record) => this.#timeOf(this.#decoder.decode(record)) ?? []);
    const [newest, counting, before] = [...new Set(times)].toSorted((a, b) => b - a);
    this.#ends = ends;
    this.#newestAt = Math.max(this.#newestAt, newest ?? 0);
    if (counting !== undefined && counting > (this.#beat?.at ?? 0)) {
      this.#beat = { at: counting, after: before ?? null, bySource: this.#bySource };
    }
    return this.#beat;
  }

  async #endsOf(partitions: readonly TopicPartition[]): Promise<string> {
    const ends = await this.#client.offsets("end", partitions);
    return ends.map((end) => `${placeKey(end)}=${end.offset}`).join(" ");
  }

  #timeOf(event: DebeziumEvent): Micros | null {
    if (!this.#bySource) return event.kind === "heartbeat" ? event.processedAt : null;
    const streams = (event.kind === "data" && event.source.snapshot === null) || event.kind === "message";
    return streams ? event.source.at : null;
  }
}
