// Kafka brokers and Connect workers for tests. Most tests share one of each: they tell their topics and connectors apart by name.
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConnectRest } from "../../deploy/embedded/connect-rest.ts";
import type { ConnectPlugin } from "../../deploy/embedded/kafka-artifacts.ts";
import { EmbeddedConnect, type EmbeddedConnectOptions } from "../../deploy/embedded/kafka-connect.ts";
import { EmbeddedKafka, type EmbeddedKafkaOptions } from "../../deploy/embedded/kafka-broker.ts";
import { oncePerRun } from "./once-per-run.ts";
import { sharedFolder, testFolder } from "./test-run.ts";

/** A broker of its own, for tests that break it or set it up in their way. */
export function startKafka(options: Omit<EmbeddedKafkaOptions, "dataDir"> = {}): Promise<EmbeddedKafka> {
  return EmbeddedKafka.start({ ...options, dataDir: join(testFolder("kafka"), "data") });
}

const allPlugins: readonly ConnectPlugin[] = ["debezium", "jdbc-sink"];

/** A worker of its own, in a group of its own: two of one `group.id` share the connectors, and must have the same plugins. */
export function startConnect(brokers: string, options: Partial<EmbeddedConnectOptions> = {}): Promise<EmbeddedConnect> {
  const settings = { "group.id": `connect-${randomUUID()}`, ...options.settings };
  return EmbeddedConnect.start({ plugins: allPlugins, ...options, settings, brokers, dataDir: join(testFolder("connect"), "data") });
}

/** `host:port` of the broker that all tests of the run share; the first to ask starts it, the end of the run stops it. */
export async function sharedKafka(): Promise<string> {
  return shared("kafka", async (dataDir) => (await EmbeddedKafka.start({ dataDir })).brokers);
}

/** The worker that all tests of the run share, on the shared broker. */
export async function sharedConnect(): Promise<{ brokers: string; rest: ConnectRest }> {
  const brokers = await sharedKafka();
  const url = await shared("connect", async (dataDir) => (await EmbeddedConnect.start({ dataDir, brokers, plugins: allPlugins })).rest.url);
  return { brokers, rest: new ConnectRest(url) };
}

async function shared(name: string, start: (dataDir: string) => Promise<string>): Promise<string> {
  const folder = join(sharedFolder(), name);
  const addressFile = `${folder}.address`;
  await oncePerRun(`shared-${name}`, async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(addressFile, await start(folder));
  });
  return readFileSync(addressFile, "utf8");
}
