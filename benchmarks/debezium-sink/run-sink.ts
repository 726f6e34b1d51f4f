// One Kafka Connect worker with Debezium's JDBC sink that brings an empty table up to the end of the topic.
import { join } from "node:path";
import pg from "pg";
import type { ConnectorConfig } from "../../deploy/embedded/connect-rest.ts";
import { EmbeddedConnect } from "../../deploy/embedded/kafka-connect.ts";
import { pollUntil } from "../../deploy/embedded/poll-until.ts";
import { peakMemoryMb, processSeconds } from "../suite/process-usage.ts";
import type { CapturedTopic } from "./capture-topic.ts";
import { contentOf, type Content, createTable, table } from "./register.ts";
import type { SinkTuning } from "./sink-tunings.ts";
import type { Run, Stand } from "./stand.ts";

export interface SinkPlan {
  /** Names the database and the worker's group. */
  readonly name: string;
  readonly topic: CapturedTopic;
  readonly tuning: SinkTuning;
}

/** Gives what the table holds, too. */
export async function runSink(stand: Stand, plan: SinkPlan): Promise<{ run: Run; content: Content }> {
  const { name } = plan;
  await stand.createDatabases(name);
  await stand.copies.query(createTable, name);
  await stand.copies.query(`ALTER TABLE ${table} OWNER TO dongbo`, name);
  const run = await stand.measure(() => runWorker(stand, plan));
  const content = await contentOf(stand.copies.url(name), table);
  await stand.dropDatabases(name);
  return { run, content };
}

/** Times it from the worker's start, and from when its connector is asked for, until the table has everything. */
async function runWorker(stand: Stand, { name, topic, tuning }: SinkPlan): Promise<Omit<Run, "serverCpuSeconds">> {
  const started = performance.now();
  await using worker = await EmbeddedConnect.start({
    dataDir: join(stand.folder, `${name}-worker`),
    brokers: stand.broker.brokers,
    plugins: ["jdbc-sink"],
    settings: { "group.id": name },
    jvmOptions: tuning.jvmOptions,
  });
  const target = new pg.Client({ connectionString: stand.copies.url(name) });
  await target.connect();
  try {
    const created = performance.now();
    await worker.rest.createConnector(name, { ...sinkConfig(stand, name, topic), ...tuning.config });
    let asked = 0;
    const isThere = async (): Promise<true | null> => {
      // Throws when it has failed; asked seldom, since the answer costs the worker time.
      if (asked++ % 20 === 0) await worker.rest.waitUntilRunning(name);
      return (await hasEverything(target, topic)) ? true : null;
    };
    await pollUntil(isThere, "the sink to write everything", (120 + topic.events / 200) * 1000);
    const ended = performance.now();
    const { pid } = worker;
    if (pid === null) throw new Error("the worker has ended");
    return {
      wholeSeconds: (ended - started) / 1000,
      workSeconds: (ended - created) / 1000,
      cpuSeconds: processSeconds(pid),
      peakMb: peakMemoryMb(pid),
      memory: [],
    };
  } finally {
    await target.end();
  }
}

async function hasEverything(target: pg.Client, { lastVersions }: CapturedTopic): Promise<boolean> {
  const sql = `SELECT id, version FROM ${table} WHERE id = ANY($1)`;
  const { rows } = await target.query<{ id: string; version: number }>(sql, [[...lastVersions.keys()]]);
  const versions = new Map(rows.map(({ id, version }) => [id, version]));
  return [...lastVersions].every(([id, version]) => (versions.get(id) ?? null) === version);
}

/** https://debezium.io/documentation/reference/stable/connectors/jdbc.html */
function sinkConfig({ copies }: Stand, database: string, { topic, partitions }: CapturedTopic): ConnectorConfig {
  const json = "org.apache.kafka.connect.json.JsonConverter";
  return {
    "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
    "tasks.max": String(partitions),
    topics: topic,
    "connection.url": `jdbc:postgresql://127.0.0.1:${copies.port}/${database}`,
    "connection.username": "dongbo",
    "connection.password": "none",
    "insert.mode": "upsert",
    "delete.enabled": "true",
    "primary.key.mode": "record_key",
    "schema.evolution": "none",
    "collection.name.format": table,
    "key.converter": json,
    "key.converter.schemas.enable": "true",
    "value.converter": json,
    "value.converter.schemas.enable": "true",
    "consumer.override.auto.offset.reset": "earliest",
  };
}
