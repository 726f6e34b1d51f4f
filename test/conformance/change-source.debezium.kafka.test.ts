import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import type { DebeziumEvent } from "../../connectors/debezium/decode/change-event.ts";
import type { GroupMember, KafkaClient, RecordReading } from "../../connectors/debezium/kafka/kafka-client.ts";
import { openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import { DebeziumConnection } from "../../connectors/debezium/open-debezium.ts";
import { systemClock } from "../../deploy/processes/system-clock.ts";
import { sharedKafka } from "../support/kafka-server.ts";
import { change, described, EventBook, mark } from "../support/memory-topics.ts";
import { createTopics } from "../support/topic-reader.ts";
import { debeziumOptions } from "../support/topic-lab.ts";
import { type ChangeSourceHarness, type ItemChange, registerChangeSourceTests } from "./change-source.ts";

const traits = { reserves: false, tellsClock: false, clockStepMicros: 1 };
const table = described("item");

registerChangeSourceTests("Debezium with a transaction topic", traits, startHarness);

/** Writes what a connector would write; the broker is a real one, the events are looked up. */
async function startHarness(): Promise<ChangeSourceHarness> {
  const brokers = await sharedKafka();
  const prefix = `items-${randomUUID()}`;
  const [topic, transactions, heartbeat] = [`${prefix}.public.item`, `${prefix}.transaction`, `${prefix}.heartbeat`];
  await createTopics(brokers, { topic }, { topic: transactions }, { topic: heartbeat });
  const kafka = new Kafka({ brokers: [brokers], clientId: "test", logLevel: logLevel.NOTHING });
  const [producer, admin] = [kafka.producer(), kafka.admin()];
  await Promise.all([producer.connect(), admin.connect()]);
  const [host = "", port = ""] = brokers.split(":");
  const tls = { mode: "disable", rootCertificate: null, certificate: null, key: null } as const;
  const options = debeziumOptions(
    { prefix, transactions, heartbeat },
    { group: prefix, kafka: { brokers: [{ host, port: Number(port) }], tls, sasl: null } },
  );
  const book = new EventBook();
  const client = new CountingClient(await openKafkaClient(options.kafka, "platformatic"));
  const wanted = [{ schema: "public", name: "item" }];
  const connection = new DebeziumConnection({ options, client: client.counted, decoder: book, tables: () => wanted, clock: systemClock });
  let [lsn, written] = [0, 0];
  const write = async (records: readonly { topic: string; partition: number; event: DebeziumEvent; pad?: string }[]): Promise<void> => {
    for (const { topic: to, partition, event, pad } of records) {
      await producer.send({ topic: to, messages: [{ partition, value: book.write(event, pad) }], acks: -1 });
      written += 1;
    }
  };
  async function commit(changes: readonly ItemChange[]): Promise<void> {
    const id = String(++lsn);
    const events = changes.map((one, index) => {
      const at = { lsn: ++lsn, table, time: Date.now() * 1000, transaction: { id, totalOrder: BigInt(index + 1), tableOrder: null } };
      const text = one.op === "delete" ? null : one.text;
      const event = change(one.op === "insert" ? "c" : one.op === "update" ? "u" : "d", String(one.id), text, at);
      return { topic, partition: 0, event, pad: text ?? "" };
    });
    await write([
      { topic: transactions, partition: 0, event: mark("begin", id) },
      ...events,
      { topic: transactions, partition: 0, event: mark("end", id, { "public.item": events.length }) },
    ]);
  }
  return {
    patienceMs: 2000,
    source: () => connection.source(0),
    commit,
    async commitInterleaved(first, second) {
      await commit(second);
      await commit(first);
    },
    confirmed: () => Promise.reject(new Error("nothing is confirmed to topics")),
    handedOut: () => Promise.resolve({ measure: String(client.handedOut), all: client.handedOut >= written }),
    async forget() {
      for (const name of [topic, transactions]) {
        const partitions = (await admin.fetchTopicOffsets(name)).map(({ partition, high }) => ({ partition, offset: high }));
        await admin.deleteTopicRecords({ topic: name, partitions });
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([producer.disconnect(), admin.disconnect(), connection.close()]);
    },
  };
}

/** Counts the records that readings have handed out. */
class CountingClient {
  handedOut = 0;
  readonly counted: KafkaClient;

  constructor(inner: KafkaClient) {
    this.counted = Object.create(inner, {
      join: { value: async (...group: Parameters<KafkaClient["join"]>) => this.#member(await inner.join(...group)) },
    }) as KafkaClient;
    for (const name of ["clusterId", "topics", "offsets", "lastRecords", "readAlone", "createTopics", "close"] as const) {
      Object.defineProperty(this.counted, name, { value: inner[name].bind(inner) });
    }
  }

  #member(inner: GroupMember): GroupMember {
    return {
      get slices() {
        return inner.slices;
      },
      onChange: (listener) => inner.onChange(listener),
      read: (...asked) => this.#reading(inner.read(...asked)),
      note: (offsets) => inner.note(offsets),
      leave: () => inner.leave(),
    };
  }

  #reading(inner: RecordReading): RecordReading {
    const count = (records: number): void => {
      this.handedOut += records;
    };
    return {
      close: () => inner.close(),
      async *[Symbol.asyncIterator]() {
        for await (const batches of inner) {
          count(batches.reduce((sum, { records }) => sum + records.length, 0));
          yield batches;
        }
      },
    };
  }
}
