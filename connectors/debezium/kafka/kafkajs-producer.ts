// Writes transactions through kafkajs.
import type { Producer, Transaction } from "kafkajs";
import { Partitioners } from "kafkajs";
import { assert } from "../../../engine/model/assert.ts";
import type { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { KafkaProducer, OutgoingRecord } from "./kafka-client.ts";
import { type KafkajsSettings, makeKafka, toReplicationError } from "./kafkajs-settings.ts";
import { outgoingChunks } from "./outgoing-chunks.ts";

/** After this long the coordinator aborts a transaction whose producer is gone. */
const transactionMs = 60_000;
const allReplicas = -1;

export class KafkajsProducer implements KafkaProducer {
  readonly #settings: KafkajsSettings;
  readonly #transactionalId: string;
  #producer: Producer | null = null;
  #transaction: Transaction | null = null;
  /** Of something in this transaction: committing the rest would lose it. */
  #failure: ReplicationError | null = null;

  constructor(settings: KafkajsSettings, transactionalId: string) {
    this.#settings = settings;
    this.#transactionalId = transactionalId;
  }

  async start(): Promise<void> {
    await this.close();
    const producer = makeKafka(this.#settings).producer({
      transactionalId: this.#transactionalId,
      transactionTimeout: transactionMs,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      retry: { retries: 20, initialRetryTime: 200, maxRetryTime: 1000 },
    });
    this.#producer = producer;
    await this.#do(async () => {
      await producer.connect();
      // Only beginning a transaction makes the client ask for its id; nothing is sent in this one.
      const first = await producer.transaction();
      await first.abort();
    });
  }

  async begin(): Promise<void> {
    await this.#do(async (producer) => {
      this.#transaction = await producer.transaction();
    });
  }

  async send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    for (const chunk of outgoingChunks(records)) {
      const messages = chunk.map(({ key, value, headers = {}, partition }) => ({
        key,
        value,
        headers: { ...headers },
        ...(partition === undefined ? {} : { partition }),
      }));
      await this.#do(async () => {
        assert(this.#transaction !== null, "records are sent within a transaction");
        await this.#transaction.send({ topic, messages, acks: allReplicas });
      });
    }
  }

  async commit(): Promise<void> {
    await this.#do(async () => {
      await this.#transaction?.commit();
      this.#transaction = null;
    });
  }

  /** Starts anew as well: after a failure nobody can tell what the brokers took, and a new epoch aborts it for certain. */
  async abort(): Promise<void> {
    await this.start();
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    this.#transaction = null;
    this.#failure = null;
    await producer?.disconnect().catch(() => {});
  }

  async #do(work: (producer: Producer) => Promise<void>): Promise<void> {
    const producer = this.#producer;
    assert(producer !== null, "a producer is started before it is used");
    if (this.#failure !== null) throw this.#failure;
    try {
      await work(producer);
    } catch (error) {
      this.#failure = toReplicationError(error, `transactional id ${this.#transactionalId}`);
      throw this.#failure;
    }
  }
}
