// Captures what real connectors write, into test/golden/debezium:
//
//   npx tsc -p tsconfig.json --noEmit false --outDir dist --rootDir . && node dist/test/golden/capture-debezium.js [SCENARIO ...]
//
// Run it only when a scenario is added or another version of Debezium is taken, and read the difference before committing it.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { EmbeddedConnect } from "../../deploy/embedded/kafka-connect.ts";
import { EmbeddedKafka } from "../../deploy/embedded/kafka-broker.ts";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { type DebeziumConnector, mariadbConnector, postgresConnector } from "../support/debezium-connectors.ts";
import { TestSchemaRegistry } from "../support/schema-registry.ts";
import { readTopic, topicLength } from "../support/topic-reader.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type DebeziumGolden, debeziumGoldenPath, goldenPart, type GoldenRecord } from "./debezium-file.ts";
import { type DebeziumScenario, debeziumScenarios } from "./debezium-scenarios.ts";

const folder = mkdtempSync(join(tmpdir(), "dongbo-golden-"));
chmodSync(folder, 0o711);
await using kafka = await EmbeddedKafka.start({ dataDir: join(folder, "kafka") });
await using connect = await EmbeddedConnect.start({ dataDir: join(folder, "connect"), brokers: kafka.brokers, plugins: ["debezium", "avro"] });
await using registry = await TestSchemaRegistry.start();
const wanted = process.argv.slice(2);
for (const scenario of debeziumScenarios) if (wanted.length === 0 || wanted.includes(scenario.name)) await capture(scenario);
rmSync(folder, { recursive: true, force: true });

async function capture(scenario: DebeziumScenario): Promise<void> {
  const database = scenario.database === "postgres" ? await postgres(scenario.name) : await mariadb(scenario.name);
  try {
    await database.run(scenario.before);
    const format = scenario.format === "avro" ? { avro: registry.converterUrl } : scenario.format;
    const options = { name: scenario.name, url: database.url, tables: scenario.tables, format, overrides: scenario.settings };
    const connector =
      scenario.database === "postgres" ? postgresConnector(options) : mariadbConnector({ ...options, brokers: kafka.brokers });
    await connect.rest.createConnector(connector.name, connector.config);
    await arrived(scenario, connector, scenario.records.snapshot);
    // What comes while it changes over to the log would be read as part of the snapshot.
    await waitUntil(async () => (await topicLength(kafka.brokers, connector.topics.heartbeats)) > 0, { describe: "a heartbeat" });
    await database.run(scenario.during);
    await arrived(scenario, connector, scenario.records.total);
    const golden = await collect(scenario, connector);
    mkdirSync(dirname(debeziumGoldenPath(scenario.name)), { recursive: true });
    const file: DebeziumGolden = { ...golden, database: database.version, selected: await database.selected(scenario) };
    writeFileSync(debeziumGoldenPath(scenario.name), `${JSON.stringify(file, null, 1)}\n`);
    process.stdout.write(`${scenario.name}: ${file.records.length} records\n`);
    await connect.rest.deleteConnector(connector.name);
  } finally {
    await database.end();
  }
}

async function arrived({ tables }: DebeziumScenario, { topics }: DebeziumConnector, count: number): Promise<void> {
  let length = 0;
  const all = async () => {
    const lengths = await Promise.all(tables.map((table) => topicLength(kafka.brokers, topics.of(table))));
    length = lengths.reduce((sum, one) => sum + one, 0);
    return length >= count;
  };
  await waitUntil(all, { describe: `${count} records`, deadlineMs: 60_000, detail: () => `there are ${length}` });
}

async function collect(scenario: DebeziumScenario, { topics }: DebeziumConnector): Promise<Omit<DebeziumGolden, "database" | "selected">> {
  const schemas: Record<string, string> = {};
  const records: GoldenRecord[] = [];
  const others = scenario.name.endsWith("changes") ? [topics.transactions, topics.schemaChanges, `${scenario.name}.message`] : [];
  const beats = (await readTopic(kafka.brokers, topics.heartbeats)).slice(0, 1).map((message) => ({ topic: topics.heartbeats, message }));
  const messages = beats;
  for (const topic of [...scenario.tables.map(topics.of), ...others]) {
    for (const message of await readTopic(kafka.brokers, topic)) messages.push({ topic, message });
  }
  for (const { topic, message } of messages) {
    const headers = Object.entries(message.headers).filter(([name]) => name.endsWith("key"));
    records.push({
      topic,
      key: goldenPart(message.key, schemas),
      value: goldenPart(message.value, schemas),
      ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])) }),
    });
    for (const bytes of [message.key, message.value]) if (bytes?.[0] === 0) await keepAvroSchema(bytes.readUInt32BE(1), schemas);
  }
  const { connector } = await connectorVersion(scenario.name);
  return { connector, prefix: scenario.name, schemas, records };
}

async function keepAvroSchema(id: number, schemas: Record<string, string>): Promise<void> {
  const answer = (await (await fetch(`${registry.url}/schemas/ids/${id}`)).json()) as { schema: string };
  schemas[String(id)] = answer.schema;
}

async function connectorVersion(name: string): Promise<{ connector: string }> {
  const status = (await connect.rest.status(name)) as unknown as { connector: { version?: string } } | null;
  return { connector: status?.connector.version ?? "" };
}

interface Database {
  readonly url: string;
  readonly version: string;
  run(statements: readonly string[]): Promise<void>;
  selected(scenario: DebeziumScenario): Promise<DebeziumGolden["selected"]>;
  end(): Promise<void>;
}

async function postgres(name: string): Promise<Database> {
  const dataDir = join(folder, name);
  const server = await EmbeddedPostgres.start({ dataDir, major: 18, settings: { wal_level: "logical", fsync: "off" } });
  const tls = { mode: "disable", rootCertificate: null, certificate: null, key: null } as const;
  const address = { kind: "postgres", host: "127.0.0.1", port: server.port, database: "postgres", user: "postgres", password: null, tls } as const;
  const session = await connectPostgres(address, { role: "golden" });
  const rows = async (sql: string) => (await session.query<(string | null)[]>({ text: sql, rowMode: "array" })).rows;
  await session.query("SET search_path = public");
  return {
    url: server.url(),
    version: `PostgreSQL ${(await rows("SHOW server_version"))[0]?.[0] ?? ""}`,
    run: async (statements) => {
      for (const sql of statements) await session.query(sql);
    },
    selected: async ({ tables }) => (tables[0] === "public.every" ? byId(await rows("SELECT * FROM public.every ORDER BY id")) : {}),
    end: async () => {
      await session.end();
      await server.destroy();
    },
  };
}

async function mariadb(name: string): Promise<Database> {
  const server = await EmbeddedMariaDb.start({ dataDir: join(folder, name) });
  const [version] = await server.query("SELECT VERSION() AS version");
  const prelude = ["SET NAMES utf8mb4", "SET time_zone = '+00:00'"];
  return {
    url: server.url(),
    version: `MariaDB ${version?.["version"] ?? ""}`,
    run: async (statements) => {
      const own = statements.some((sql) => sql.startsWith("CREATE TABLE")) ? ["CREATE DATABASE IF NOT EXISTS d"] : [];
      await server.query(...prelude, ...own, ...statements);
    },
    selected: () => Promise.resolve({}),
    end: () => server.destroy(),
  };
}

function byId(rows: readonly (readonly (string | null)[])[]): DebeziumGolden["selected"] {
  return Object.fromEntries(rows.map(([id, ...values]) => [String(id), values]));
}
