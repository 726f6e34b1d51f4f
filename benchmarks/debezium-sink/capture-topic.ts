// The topic that both read: what Debezium's PostgreSQL connector writes while a register changes.
import { join } from "node:path";
import type { ConnectorConfig } from "../../deploy/embedded/connect-rest.ts";
import { openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import { EmbeddedConnect } from "../../deploy/embedded/kafka-connect.ts";
import { pollUntil } from "../../deploy/embedded/poll-until.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { type DebeziumConnector, postgresConnector } from "../../test/support/debezium-connectors.ts";
import { createTopics, topicLength } from "../../test/support/topic-reader.ts";
import { changeRegister, type Content, contentOf, createRegister, eventsPerTransaction, table } from "./register.ts";
import type { Stand } from "./stand.ts";

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

/** The topic, and what the master holds: the whole, and each part that was asked for. */
export interface Captured {
  readonly topic: CapturedTopic;
  readonly whole: Content;
  readonly parts: readonly Content[];
}

export interface CapturePlan {
  /** Of the master's database, the connector and its topics. */
  readonly name: string;
  /** Of whole transactions. */
  readonly events: number;
  readonly partitions: number;
  /** Provinces of each part. */
  readonly parts: readonly (readonly string[])[];
}

/** Settings with which nothing is lost, as deploy/examples/debezium-connector.json has them; the register is empty at first. */
const streamOnly: ConnectorConfig = {
  "snapshot.mode": "no_data",
  "skipped.operations": "none",
  "event.converting.failure.handling.mode": "fail",
  "key.converter.replace.null.with.default": "false",
  "value.converter.replace.null.with.default": "false",
  // Otherwise the sink takes a date for a number of days when it writes arrays of them (DBZ 3.5.0, dialect.postgres.unnest.insert.enabled).
  "time.precision.mode": "connect",
  "heartbeat.interval.ms": "2000",
};

/** A captured topic. Its connector and its master stay alive, idle, until it is disposed, as they are where copies are kept. */
export class Capture implements AsyncDisposable {
  readonly captured: Captured;
  readonly #servers: readonly AsyncDisposable[];

  private constructor(captured: Captured, servers: readonly AsyncDisposable[]) {
    this.captured = captured;
    this.#servers = servers;
  }

  static async start({ folder, broker }: Stand, plan: CapturePlan): Promise<Capture> {
    const servers: AsyncDisposable[] = [];
    try {
      const settings = { wal_level: "logical", fsync: "off", max_wal_size: "4GB" };
      const master = await EmbeddedPostgres.start({ dataDir: join(folder, `master-${plan.name}`), settings });
      servers.push(master);
      const worker = await EmbeddedConnect.start({
        dataDir: join(folder, `capture-${plan.name}`),
        brokers: broker.brokers,
        plugins: ["debezium"],
        settings: { "group.id": `capture-${plan.name}` },
        jvmOptions: ["-Xmx1g"],
      });
      servers.push(worker);
      return new Capture(await captureTopic({ broker, master, worker }, plan), servers);
    } catch (error) {
      await stopAll(servers);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopAll(this.#servers);
  }
}

/** The last that was started first. */
async function stopAll(servers: readonly AsyncDisposable[]): Promise<void> {
  for (const server of servers.toReversed()) await server[Symbol.asyncDispose]();
}

interface CaptureServers extends Pick<Stand, "broker"> {
  readonly master: EmbeddedPostgres;
  readonly worker: EmbeddedConnect;
}

async function captureTopic({ broker, master, worker }: CaptureServers, plan: CapturePlan): Promise<Captured> {
  const { name, partitions, events } = plan;
  await createRegister(master, name);
  const options = { name, url: master.url(name), tables: [table], partitions, overrides: streamOnly };
  // The sink needs each message's schema.
  const connector = postgresConnector({ ...options, format: "json-schemas" });
  const { of, transactions: marks, heartbeats } = connector.topics;
  // Made before, and led: whoever asks for the length of a topic that is being made may be refused.
  await createTopics(broker.brokers, { topic: of(table), partitions }, { topic: marks }, { topic: heartbeats });
  await worker.rest.createConnector(name, connector.config);
  const transactions = events / eventsPerTransaction;
  await stream(broker.brokers, connector, transactions, () => changeRegister(master, name, transactions));
  const topic: CapturedTopic = {
    topic: of(table),
    prefix: name,
    transactionTopic: marks,
    partitions,
    events,
    lastVersions: await lastVersionsOf(broker.port, of(table)),
  };
  const parts: Content[] = [];
  for (const part of plan.parts) parts.push(await contentOf(master.url(name), table, part));
  return { topic, whole: await contentOf(master.url(name), table), parts };
}

/** Changes the master while the connector streams, and waits until everything has come. */
async function stream(brokers: string, { topics }: DebeziumConnector, transactions: number, change: () => Promise<void>): Promise<void> {
  const length = (topic: string): Promise<number> => topicLength(brokers, topic);
  // Its first heartbeat comes when the replication slot is there.
  await reaches(() => length(topics.heartbeats), 1, 60);
  await change();
  const events = transactions * eventsPerTransaction;
  const seconds = 120 + events / 500;
  // A deletion has a tombstone beside its event; a transaction has BEGIN and END.
  await reaches(() => length(topics.of(table)), events + transactions, seconds);
  await reaches(() => length(topics.transactions), 2 * transactions, seconds);
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
