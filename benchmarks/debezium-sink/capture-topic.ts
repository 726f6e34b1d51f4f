// The topic that both read: what Debezium's PostgreSQL connector writes while a register changes.
import { join } from "node:path";
import { openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import { EmbeddedConnect } from "../../deploy/embedded/kafka-connect.ts";
import type { EmbeddedKafka } from "../../deploy/embedded/kafka-broker.ts";
import { pollUntil } from "../../deploy/embedded/poll-until.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { postgresConnector } from "../../test/support/debezium-connectors.ts";
import { topicLength } from "../../test/support/topic-reader.ts";
import { changeRegister, createRegister, eventsPerTransaction, table } from "./register.ts";

export interface CapturedTopic {
  readonly topic: string;
  readonly prefix: string;
  readonly transactionTopic: string;
  readonly partitions: number;
  /** Changes of rows; tombstones, one after each deletion, are not counted. */
  readonly events: number;
  /** What the last events of each partition leave behind, by key; null: deleted. Who has it all has done everything. */
  readonly lastVersions: ReadonlyMap<string, number | null>;
}

export interface TopicPlan {
  readonly folder: string;
  readonly broker: EmbeddedKafka;
  readonly master: EmbeddedPostgres;
  /** Of the master's database, the connector and its topics. */
  readonly name: string;
  readonly events: number;
  readonly partitions: number;
}

/** Settings with which nothing is lost, as deploy/examples/debezium-connector.json has them; the register is empty at first. */
const streamOnly = {
  "snapshot.mode": "no_data",
  "time.precision.mode": "connect",
  "skipped.operations": "none",
  "event.converting.failure.handling.mode": "fail",
  "key.converter.replace.null.with.default": "false",
  "value.converter.replace.null.with.default": "false",
};

export async function captureTopic(plan: TopicPlan): Promise<CapturedTopic> {
  const { broker, master, name, partitions } = plan;
  const transactions = Math.ceil(plan.events / eventsPerTransaction);
  await createRegister(master, name);
  await using worker = await EmbeddedConnect.start({
    dataDir: join(plan.folder, `capture-${name}`),
    brokers: broker.brokers,
    plugins: ["debezium"],
    settings: { "group.id": `capture-${name}` },
    jvmOptions: ["-Xmx1g"],
  });
  const url = master.url(name);
  // The sink needs each message's schema.
  const { config, topics } = postgresConnector({ name, url, tables: [table], format: "json-schemas", partitions, overrides: streamOnly });
  await worker.rest.createConnector(name, config);
  const length = (topic: string): Promise<number> => topicLength(broker.brokers, topic);
  // Its first heartbeat comes when the replication slot is there.
  await reaches(() => length(topics.heartbeats), 1, 60);
  await changeRegister(master, name, transactions);
  const events = transactions * eventsPerTransaction;
  const seconds = 120 + events / 500;
  await reaches(() => length(topics.of(table)), events + transactions, seconds);
  await reaches(() => length(topics.transactions), 2 * transactions, seconds);
  // Two more prove that everything before them has come.
  await reaches(() => length(topics.heartbeats), (await length(topics.heartbeats)) + 2, 60);
  const lastVersions = await lastVersionsOf(broker.port, topics.of(table));
  return { topic: topics.of(table), prefix: name, transactionTopic: topics.transactions, partitions, events, lastVersions };
}

async function reaches(length: () => Promise<number>, wanted: number, seconds: number): Promise<void> {
  await pollUntil(async () => ((await length()) >= wanted ? true : null), `${wanted} records of the connector`, seconds * 1000);
}

/** More than deletions alone, which an empty table fulfils. */
const lastCount = 50;

async function lastVersionsOf(port: number, topic: string): Promise<Map<string, number | null>> {
  const tls = { mode: "disable", rootCertificate: null, certificate: null, key: null } as const;
  const client = await openKafkaClient({ brokers: [{ host: "127.0.0.1", port }], tls, sasl: null }, "platformatic");
  try {
    return new Map((await client.lastRecords(topic, lastCount)).map(({ value }) => versionAfter(String(value))));
  } finally {
    await client.close();
  }
}

interface Row {
  readonly id: number;
  readonly version: number;
}

function versionAfter(event: string): [string, number | null] {
  const { before, after } = (JSON.parse(event) as { payload: { before: Row | null; after: Row | null } }).payload;
  return [String((after ?? before)?.id), after?.version ?? null];
}
