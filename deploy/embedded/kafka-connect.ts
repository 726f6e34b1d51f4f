// A private Kafka Connect worker as a child process. It is a distributed one: offsets and configurations live in Kafka.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConnectRest } from "./connect-rest.ts";
import { JavaProcess, javaProperties } from "./java-process.ts";
import { type ConnectPlugin, pluginArtifacts, workerArtifacts } from "./kafka-artifacts.ts";
import type { JavaSettings } from "./kafka-broker.ts";
import { obtainArtifacts } from "./maven-artifacts.ts";
import { pollUntil } from "./poll-until.ts";
import { freePort } from "./postgres-server.ts";

export interface EmbeddedConnectOptions {
  /** Made when missing; holds nothing but the worker's settings and log. */
  readonly dataDir: string;
  /** Of Kafka: `host:port`. */
  readonly brokers: string;
  readonly plugins: readonly ConnectPlugin[];
  /** 0 or nothing: any free port. */
  readonly port?: number;
  /** Worker settings, applied at each start; `group.id` tells the workers of several groups on one broker apart. */
  readonly settings?: JavaSettings;
  /** Options of the Java machine, in place of those that make it start fast and stay small. */
  readonly jvmOptions?: readonly string[];
}

/** A running worker. Stops when disposed; its connectors stay in Kafka and go on with the next worker of the group. */
export class EmbeddedConnect implements AsyncDisposable {
  readonly port: number;
  readonly dataDir: string;
  readonly rest: ConnectRest;
  readonly #options: EmbeddedConnectOptions;
  readonly #plugins: readonly string[];
  readonly #java: JavaProcess;

  private constructor(options: EmbeddedConnectOptions, folders: { jars: string; plugins: readonly string[] }, port: number) {
    this.#options = options;
    this.#plugins = folders.plugins;
    this.dataDir = options.dataDir;
    this.port = port;
    this.rest = new ConnectRest(`http://127.0.0.1:${port}`);
    this.#java = new JavaProcess({
      name: "connect",
      dataDir: options.dataDir,
      classPath: [folders.jars],
      mainClass: "org.apache.kafka.connect.cli.ConnectDistributed",
      parameters: [settingsFile],
      jvmOptions: options.jvmOptions,
    });
  }

  /** Starts the worker and waits until it takes connectors. */
  static async start(options: EmbeddedConnectOptions): Promise<EmbeddedConnect> {
    const jars = join(await obtainArtifacts(workerArtifacts), "jars");
    const plugins: string[] = [];
    for (const plugin of options.plugins) plugins.push(await obtainArtifacts(pluginArtifacts[plugin]));
    mkdirSync(options.dataDir, { recursive: true });
    for (let tries = 1; ; tries++) {
      const worker = new EmbeddedConnect(options, { jars, plugins }, options.port || (await freePort()));
      try {
        await worker.restart();
        return worker;
      } catch (error) {
        await worker[Symbol.asyncDispose]();
        // Somebody else was faster to take the port that was free.
        if (options.port || tries === 5 || !(error as Error).message.includes("Address already in use")) throw error;
      }
    }
  }

  /** Process id of the worker, from its own file; null when it is down. */
  get pid(): number | null {
    return this.#java.pid;
  }

  /** What the worker and its connectors have logged since the last start: warnings and errors. */
  log(): string {
    return this.#java.log();
  }

  /** Starts the worker again after stop or kill, on the same port. Extra settings hold for this start only. */
  async restart(settings: JavaSettings = {}): Promise<void> {
    writeFileSync(join(this.dataDir, settingsFile), javaProperties({ ...this.#fixedSettings(), ...settings }));
    this.#java.start({ default: "warn" });
    await pollUntil(async () => {
      this.#java.assertAlive();
      // Where the port was free a moment ago another server may have come, but then the worker ends.
      const health = await fetch(`${this.rest.url}/health`).catch(() => null);
      return health?.ok ? true : null;
    }, "the private Kafka Connect worker to start");
  }

  /** Lets tasks finish and store their offsets, leaves the group, and stops. */
  async stop(): Promise<void> {
    await this.#java.end("SIGTERM");
  }

  /** SIGKILL: what was sent since offsets were last stored is sent again at the next start. */
  async kill(): Promise<void> {
    await this.#java.end("SIGKILL");
  }

  /** Any signal, for example SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#java.signal(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** Stops the worker and deletes its folder; what it keeps in Kafka stays. */
  async destroy(): Promise<void> {
    await this[Symbol.asyncDispose]();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  #fixedSettings(): JavaSettings {
    const group = String(this.#options.settings?.["group.id"] ?? "connect");
    const json = "org.apache.kafka.connect.json.JsonConverter";
    return {
      "bootstrap.servers": this.#options.brokers,
      "group.id": group,
      ...storageTopics(group),
      "key.converter": json,
      "value.converter": json,
      listeners: this.rest.url,
      "rest.advertised.host.name": "127.0.0.1",
      "plugin.path": this.#plugins.join(","),
      // The converter does not list itself where services are found; looking into every class takes seconds.
      "plugin.discovery": this.#options.plugins.includes("avro") ? "hybrid_warn" : "service_load",
      "connector.client.config.override.policy": "All",
      "offset.flush.interval.ms": 1000,
      // A killed worker is given up, and its work taken up, within seconds.
      "session.timeout.ms": 5000,
      "heartbeat.interval.ms": 1000,
      "scheduled.rebalance.max.delay.ms": 0,
      ...this.#options.settings,
    };
  }
}

/** In the data folder. */
const settingsFile = "worker.properties";

function storageTopics(group: string): JavaSettings {
  const kinds = ["config", "offset", "status"];
  const topics = kinds.map((kind) => [
    [`${kind}.storage.topic`, `${group}-${kind}`],
    [`${kind}.storage.replication.factor`, 1],
  ]);
  const partitions = { "offset.storage.partitions": 1, "status.storage.partitions": 1 };
  return { ...(Object.fromEntries(topics.flat()) as Record<string, string | number>), ...partitions };
}
