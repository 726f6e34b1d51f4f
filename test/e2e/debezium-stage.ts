// One installation whose source is Debezium's topics: a master, a connector on Kafka Connect that reads it, and copies of both kinds.
import { randomBytes } from "node:crypto";
import type { ConnectorConfig, ConnectRest } from "../../deploy/embedded/connect-rest.ts";
import {
  type ConnectorOptions,
  type DebeziumConnector,
  mariadbConnector,
  type MessageFormat,
  postgresConnector,
} from "../support/debezium-connectors.ts";
import { waitUntil } from "../support/wait-until.ts";
import { readTopic, topicLength } from "../support/topic-reader.ts";
import type { MasterKind } from "../support/two-families.ts";
import { type PairOptions, type PairPlan, PairStage } from "./pair-stage.ts";

/** The Kafka side of a test, shared or its own. */
export interface KafkaPlace {
  /** `host:port`. */
  readonly brokers: string;
  readonly rest: ConnectRest;
}

export interface DebeziumPlan {
  readonly master: MasterKind;
  readonly format?: MessageFormat;
  /** Whole source transactions, by the connector's transaction topic. */
  readonly transactions?: boolean;
  /** Tables captured beside those that the shares name. */
  readonly captured?: readonly string[];
  /** One of them, which the connector's heartbeats change. */
  readonly proof?: string;
  /** `check` may ask Kafka Connect. */
  readonly withConnect?: boolean;
  /** Partitions of each topic; 1 when left out. */
  readonly partitions?: number;
  /** Settings of the connector; they win. */
  readonly connector?: ConnectorConfig;
  /** Merged into the source's entry in dongbo.yaml. */
  readonly source?: object;
}

/** Settings with which nothing is lost and everything comes soon. */
const complete: ConnectorConfig = {
  "skipped.operations": "none",
  "event.converting.failure.handling.mode": "fail",
  "column.propagate.source.type": ".*",
  "slot.retry.delay.ms": "500",
  "retriable.restart.connector.wait.ms": "500",
};

/** Kafka's own converter otherwise writes a column's default in place of NULL. */
const nullsInJson: ConnectorConfig = {
  "key.converter.replace.null.with.default": "false",
  "value.converter.replace.null.with.default": "false",
};

/**
 * These connectors send heartbeats when the server sends something, and an idle one sends its own after four fifths of this interval.
 * https://debezium.io/documentation/reference/stable/connectors/mariadb.html#mariadb-property-connect-keep-alive-interval-ms
 */
const binlogHeartbeats: ConnectorConfig = { "connect.keep.alive.interval.ms": "600", "heartbeat.interval.ms": "400" };

/** The server that a connector is to read: the MariaDB master where there is one. */
interface ConnectedMaster {
  readonly cluster: { readonly source: { url(database: string): string } };
  readonly mysqlMaster: { url(): string } | null;
}

/** A connector that is planned before its master's address is known, so that dongbo.yaml can name its topics. */
export class PlannedConnector {
  /** Prefix of its topics, too. */
  readonly name = `d${randomBytes(4).toString("hex")}`;
  readonly kafka: KafkaPlace;
  readonly #plan: DebeziumPlan;

  constructor(kafka: KafkaPlace, plan: DebeziumPlan) {
    this.kafka = kafka;
    this.#plan = plan;
  }

  /** The source's entry in dongbo.yaml. */
  source(changes: object = {}): object {
    const { transactions, proof, withConnect } = this.#plan;
    const topics = {
      ...(transactions === true ? { transactions: `${this.name}.transaction` } : {}),
      ...(proof === undefined ? {} : { proof: `${this.name}.${proof}` }),
    };
    return {
      connector: "debezium",
      url: `kafka://${this.kafka.brokers}`,
      topics: { prefix: this.name, ...topics },
      // Tests share brokers, and all of them name their source alike: engines of one group would take its slice from each other.
      group: `dongbo-${this.name}`,
      converter: { format: typeof this.#plan.format === "object" ? "avro" : "json" },
      ...(withConnect === true ? { connect: { url: this.kafka.rest.url, connector: this.name } } : {}),
      ...this.#plan.source,
      ...changes,
    };
  }

  /** The connector as it is made for a master; `tables` as dongbo.yaml names them. */
  on(servers: ConnectedMaster, tables: readonly string[], settings: ConnectorConfig = {}): DebeziumConnector {
    const { format, partitions, transactions, connector } = this.#plan;
    const options: Omit<ConnectorOptions, "url"> = {
      name: this.name,
      tables,
      format: format ?? "json-schemas",
      partitions: partitions ?? 1,
      overrides: {
        ...complete,
        ...(typeof format === "object" ? {} : nullsInJson),
        ...(servers.mysqlMaster === null ? {} : binlogHeartbeats),
        "provide.transaction.metadata": String(transactions === true),
        ...connector,
        ...settings,
      },
    };
    const { mysqlMaster, cluster } = servers;
    if (mysqlMaster === null) return postgresConnector({ ...options, url: cluster.source.url("national") });
    return mariadbConnector({ ...options, url: mysqlMaster.url(), brokers: this.kafka.brokers });
  }
}

export interface DebeziumStageOptions extends Omit<PairOptions, "source">, DebeziumPlan {
  readonly kafka: KafkaPlace;
}

export class DebeziumStage implements AsyncDisposable {
  /** Master, copies and engine. */
  readonly pair: PairStage;
  readonly planned: PlannedConnector;
  readonly #options: DebeziumStageOptions;
  readonly #connectors: string[];
  #times = 1;

  private constructor(pair: PairStage, planned: PlannedConnector, options: DebeziumStageOptions) {
    this.pair = pair;
    this.planned = planned;
    this.#options = options;
    this.#connectors = [planned.name];
  }

  /** Makes everything but the connector. */
  static async create(options: DebeziumStageOptions): Promise<DebeziumStage> {
    const planned = new PlannedConnector(options.kafka, options);
    const pair = await PairStage.create({ ...options, source: planned.source() });
    return new DebeziumStage(pair, planned, options);
  }

  get rest(): ConnectRest {
    return this.#options.kafka.rest;
  }

  get name(): string {
    return this.planned.name;
  }

  /** Topic of one of the master's tables. */
  topic(table: string): string {
    return `${this.name}.${this.#options.master === "mysql" ? "national" : "public"}.${table}`;
  }

  get brokers(): string {
    return this.#options.kafka.brokers;
  }

  /** Tables that the connector is to read. */
  get tables(): readonly string[] {
    const shared = Object.values(this.#options.shares).flatMap((tables) => tables.map((table) => table.source));
    return [...new Set([...shared, ...(this.#options.captured ?? [])])];
  }

  /** Makes the connector, or gives it other settings, and waits until it runs. */
  async capture(settings: ConnectorConfig = {}, tables = this.tables): Promise<void> {
    const { config } = this.planned.on(this.pair.servers, tables, settings);
    await this.rest.createConnector(this.name, config);
  }

  /** Makes a connector that knows nothing of the former one but the names of its topics. */
  async captureAnew(settings: ConnectorConfig = {}): Promise<void> {
    const name = `${this.name}_${++this.#times}`;
    const own = { "slot.name": name, "publication.name": name, "schema.history.internal.kafka.topic": `${name}.history` };
    const { config } = this.planned.on(this.pair.servers, this.tables, { ...own, ...settings });
    this.#connectors.push(name);
    await this.rest.createConnector(name, config);
  }

  /** Number of records in a table's topic. */
  length(table: string): Promise<number> {
    return topicLength(this.brokers, this.topic(table));
  }

  /** Waits until the connector has written all rows of its snapshot, before which it sends no heartbeat. */
  async snapshotIsOver(): Promise<void> {
    const over = async () => (await topicLength(this.brokers, `__debezium-heartbeat.${this.name}`)) > 0;
    await waitUntil(over, { describe: "the connector's snapshot", deadlineMs: 90_000, everyMs: 200 });
  }

  async reaches(table: string, length: number): Promise<void> {
    await waitUntil(async () => (await this.length(table)) >= length, { describe: `${length} records of ${table}`, everyMs: 100 });
  }

  /** How many records of one kind of change, `r` for rows of snapshots, are in a table's topic. */
  async recordsOf(table: string, operation: string): Promise<number> {
    const records = await readTopic(this.brokers, this.topic(table));
    return records.filter(({ value }) => value !== null && operationOf(value) === operation).length;
  }

  /** Writes another dongbo.yaml; `source` is merged into the source's entry. */
  configure(changes: Partial<PairPlan>): void {
    this.pair.configure({ ...changes, source: this.planned.source(changes.source) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#connectors) await this.rest.deleteConnector(name).catch(() => {});
    await this.pair[Symbol.asyncDispose]();
  }
}

/** `op` of an envelope in JSON, with its schema or without. */
function operationOf(value: Buffer): string | undefined {
  const message = JSON.parse(value.toString()) as { op?: string; payload?: { op?: string } };
  return message.payload?.op ?? message.op;
}
