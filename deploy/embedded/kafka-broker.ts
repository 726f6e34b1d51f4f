// A private Kafka broker as a child process, its own controller: the tests' and the benchmarks' servers.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { obtainProgram } from "./debian-packages.ts";
import { JavaProcess, javaProperties } from "./java-process.ts";
import { brokerArtifacts, type KafkaVersion } from "./kafka-artifacts.ts";
import { obtainArtifacts } from "./maven-artifacts.ts";
import { pollUntil } from "./poll-until.ts";
import { freePort } from "./postgres-server.ts";

export type JavaSettings = Readonly<Record<string, string | number | boolean>>;

export interface KafkaListener {
  readonly name: string;
  readonly port: number;
  /** Where clients are told to go: a proxy's port, for example. */
  readonly advertisedPort?: number;
}

export interface EmbeddedKafkaOptions {
  /** Made when missing. */
  readonly dataDir: string;
  readonly version?: KafkaVersion;
  /** 0 or nothing: any free port. */
  readonly port?: number;
  /** More ways in beside the plain one; what they need comes with `settings`, `listener.security.protocol.map` included. */
  readonly listeners?: readonly KafkaListener[];
  /** Broker settings, applied at each start. */
  readonly settings?: JavaSettings;
  /** Options of the Java machine, in place of those that make it start fast and stay small. */
  readonly jvmOptions?: readonly string[];
}

/** What a single small broker needs, and nothing made by itself: a topic that dongbo misspells must not come to be. */
const smallBroker: JavaSettings = {
  "auto.create.topics.enable": false,
  "offsets.topic.replication.factor": 1,
  "offsets.topic.num.partitions": 4,
  "transaction.state.log.replication.factor": 1,
  "transaction.state.log.min.isr": 1,
  "transaction.state.log.num.partitions": 4,
  "share.coordinator.state.topic.replication.factor": 1,
  "share.coordinator.state.topic.min.isr": 1,
  "group.initial.rebalance.delay.ms": 0,
  "group.min.session.timeout.ms": 500,
  // A killed broker is let in again when its former self counts as gone.
  "broker.session.timeout.ms": 2000,
  "broker.heartbeat.interval.ms": 500,
  "log.cleaner.dedupe.buffer.size": 4_194_304,
  "log.retention.hours": -1,
};

const runFile = promisify(execFile);

/** A running broker. Stops when disposed. */
export class EmbeddedKafka implements AsyncDisposable {
  readonly port: number;
  readonly dataDir: string;
  readonly #controllerPort: number;
  readonly #options: EmbeddedKafkaOptions;
  readonly #jars: string;
  readonly #java: JavaProcess;

  private constructor(options: EmbeddedKafkaOptions, jars: string, ports: { broker: number; controller: number }) {
    this.#options = options;
    this.#jars = jars;
    this.dataDir = options.dataDir;
    this.port = ports.broker;
    this.#controllerPort = ports.controller;
    this.#java = new JavaProcess({
      name: "kafka",
      dataDir: options.dataDir,
      classPath: [jars],
      mainClass: "kafka.Kafka",
      parameters: [settingsFile],
      jvmOptions: options.jvmOptions,
    });
  }

  /** Makes the data folder when needed, starts the broker and waits until it serves. */
  static async start(options: EmbeddedKafkaOptions): Promise<EmbeddedKafka> {
    const jars = join(await obtainArtifacts(brokerArtifacts[options.version ?? "4"]), "jars");
    mkdirSync(options.dataDir, { recursive: true });
    for (let tries = 1; ; tries++) {
      const broker = new EmbeddedKafka(options, jars, { broker: options.port || (await freePort()), controller: await freePort() });
      try {
        await broker.restart();
        return broker;
      } catch (error) {
        await broker[Symbol.asyncDispose]();
        // Somebody else was faster to take a port that was free.
        if (tries === 5 || !(error as Error).message.includes("Address already in use")) throw error;
      }
    }
  }

  /** For clients: `host:port`. */
  get brokers(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Process id of the broker, from its own file; null when it is down. */
  get pid(): number | null {
    return this.#java.pid;
  }

  /** Starts the broker again after stop or kill, on the same port. Extra settings hold for this start only. */
  async restart(settings: JavaSettings = {}): Promise<void> {
    writeFileSync(join(this.dataDir, settingsFile), javaProperties({ ...this.#fixedSettings(), ...settings }));
    if (!existsSync(join(this.dataDir, "log", "meta.properties"))) await this.#format();
    this.#java.start({ default: "warn", "kafka.server.KafkaRaftServer": "info" });
    await pollUntil(() => {
      this.#java.assertAlive();
      return Promise.resolve(this.#java.log().includes("Kafka Server started") || null);
    }, "the private Kafka broker to start");
  }

  /** Hands over and writes what is in memory, and stops. */
  async stop(): Promise<void> {
    await this.#java.end("SIGTERM");
  }

  /** SIGKILL: the broker recovers at the next start. */
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

  /** Stops the broker and deletes its data. */
  async destroy(): Promise<void> {
    await this[Symbol.asyncDispose]();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  #fixedSettings(): JavaSettings {
    const client = `PLAINTEXT://${this.brokers}`;
    const controller = `127.0.0.1:${this.#controllerPort}`;
    const more = this.#options.listeners ?? [];
    return {
      "process.roles": "broker,controller",
      "node.id": 1,
      listeners: [client, `CONTROLLER://${controller}`, ...more.map(({ name, port }) => at(name, port))].join(","),
      "advertised.listeners": [client, ...more.map(({ name, port, advertisedPort }) => at(name, advertisedPort ?? port))].join(","),
      "controller.listener.names": "CONTROLLER",
      "controller.quorum.voters": `1@${controller}`,
      "log.dirs": join(this.dataDir, "log"),
      ...smallBroker,
      ...this.#options.settings,
    };
  }

  async #format(): Promise<void> {
    const cluster = randomBytes(16).toString("base64url");
    const tool = ["-XX:TieredStopAtLevel=1", "-cp", join(this.#jars, "*"), "kafka.tools.StorageTool"];
    const program = obtainProgram("java", "default-jre-headless");
    // One argument: an id may begin with a dash.
    await runFile(program, [...tool, "format", `--cluster-id=${cluster}`, "-c", settingsFile], { cwd: this.dataDir });
  }
}

function at(name: string, port: number): string {
  return `${name}://127.0.0.1:${port}`;
}

/** In the data folder. */
const settingsFile = "server.properties";
