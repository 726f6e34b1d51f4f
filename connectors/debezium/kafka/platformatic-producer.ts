// Writes transactions through @platformatic/kafka.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { Producer, compatibilityPartitioner } from "@platformatic/kafka";
import { assert } from "../../../engine/model/assert.ts";
import type { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { KafkaAddress, KafkaProducer, OutgoingRecord } from "./kafka-client.ts";
import { outgoingChunks } from "./outgoing-chunks.ts";
import { clientId, connectionOptions } from "./platformatic-cluster.ts";
import { toReplicationError } from "./platformatic-errors.ts";

/** After this long the coordinator aborts a transaction whose producer is gone. */
const transactionMs = 60_000;
/** Asks for a producer id without claiming to hold one. */
const newcomer = { producerId: -1n, producerEpoch: -1 };

type Transaction = Awaited<ReturnType<Producer["beginTransaction"]>>;

export class PlatformaticProducer implements KafkaProducer {
  readonly #address: KafkaAddress;
  readonly #tls: TlsOptions | null;
  readonly #transactionalId: string;
  #producer: Producer | null = null;
  #transaction: Transaction | null = null;
  /** Of something in this transaction: committing the rest would lose it. */
  #failure: ReplicationError | null = null;

  constructor(address: KafkaAddress, tls: TlsOptions | null, transactionalId: string) {
    this.#address = address;
    this.#tls = tls;
    this.#transactionalId = transactionalId;
  }

  async start(): Promise<void> {
    await this.close();
    const producer = new Producer({
      ...connectionOptions(this.#address, this.#tls, transactionMs),
      clientId,
      bootstrapBrokers: this.#address.brokers.map(({ host, port }) => ({ host, port })),
      transactionalId: this.#transactionalId,
      idempotent: true,
      partitioner: (message, key) => compatibilityPartitioner(message, key),
      timeout: transactionMs,
      retries: 20,
      retryDelay: 250,
    });
    this.#producer = producer;
    await this.#do(async () => {
      // Only beginning a transaction makes the client ask for its id; nothing is sent in this one.
      const first = await producer.beginTransaction({ ...newcomer });
      await first.cancel();
    });
  }

  async begin(): Promise<void> {
    await this.#do(async (producer) => {
      this.#transaction = await producer.beginTransaction({ ...newcomer });
    });
  }

  async send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    for (const chunk of outgoingChunks(records)) {
      const messages = chunk.map(({ key, value, headers = {}, partition }) => ({
        topic,
        ...(key === null ? {} : { key }),
        // A tombstone, which the client writes though its types do not say so.
        value: value as Buffer,
        headers: new Map(Object.entries(headers).map(([name, content]) => [Buffer.from(name), content])),
        ...(partition === undefined ? {} : { partition }),
      }));
      await this.#do(async () => {
        assert(this.#transaction !== null, "records are sent within a transaction");
        await this.#transaction.send({ messages });
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
    try {
      await producer?.close();
    } catch {
      // Its connections are gone either way.
    }
  }

  async #do(work: (producer: Producer) => Promise<void>): Promise<void> {
    assert(this.#producer !== null, "a producer is started before it is used");
    if (this.#failure !== null) throw this.#failure;
    try {
      await work(this.#producer);
    } catch (error) {
      this.#failure = toReplicationError(error, `transactional id ${this.#transactionalId}`);
      throw this.#failure;
    }
  }
}
