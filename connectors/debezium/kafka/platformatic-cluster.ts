// Requests to brokers through the protocol layer of @platformatic/kafka. Its consumer is not used for reading: of aborted
// transactions it passes on what their marker has not reached, and it moves offsets by rules of its own.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { isIP } from "node:net";
import {
  type API,
  type Broker,
  type Connection,
  type ConnectionOptions,
  ConnectionPool,
  apiVersionsV3,
  metadataV10,
  metadataV11,
  metadataV12,
  TimeoutError,
} from "@platformatic/kafka";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printBrokers } from "./broker-tls.ts";
import type { KafkaAddress } from "./kafka-client.ts";
import { fromProtocol } from "./kafka-errors.ts";
import { toReplicationError } from "./platformatic-errors.ts";
import { readSnappyFrames } from "./platformatic-snappy.ts";

export interface TopicMetadata {
  readonly topic: string;
  /** The id of this making of the topic: a topic made again under its name has another. */
  readonly id: string;
  readonly partitions: readonly { readonly partition: number; readonly leader: Broker | null }[];
}

export interface ClusterMetadata {
  readonly clusterId: string;
  /** By name; topics that do not exist are not there. */
  readonly topics: ReadonlyMap<string, TopicMetadata>;
}

/** Name and way in of this client at the brokers. */
export const clientId = "dongbo";

readSnappyFrames();

/** Connections of one user, one to each broker, made when they are needed. */
export class BrokerConnections {
  readonly address: KafkaAddress;
  readonly #pool: ConnectionPool;
  #versions: Map<string, { minVersion: number; maxVersion: number }> | null = null;

  constructor(address: KafkaAddress, tls: TlsOptions | null, requestTimeoutMs: number) {
    this.address = address;
    this.#pool = new ConnectionPool(clientId, connectionOptions(address, tls, requestTimeoutMs));
    // A failure of a connection reaches whoever waits on it; nobody else must be told.
    this.#pool.on("connecting", ({ connection }) => connection.on("error", () => {}));
  }

  /** Sends a request in the newest version that both sides know. `broker` null: to any. */
  async request<A extends unknown[], R>(broker: Broker | null, apis: readonly API<A, R>[], ...parameters: A): Promise<R> {
    const connection = await this.#connect(broker);
    try {
      const api = await this.#newest(connection, apis);
      return await api.async(connection, ...parameters);
    } catch (error) {
      // A late answer would not be told from the next one.
      if (error instanceof TimeoutError) void connection.close().catch(() => {});
      throw error;
    }
  }

  /** Never makes a topic that is asked for. */
  async metadata(topics: readonly string[]): Promise<ClusterMetadata> {
    const subject = printBrokers(this.address);
    try {
      const answer = await answerOf(this.request(null, [metadataV12.api, metadataV11.api, metadataV10.api], [...topics], false, false));
      const brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
      const known = new Map<string, TopicMetadata>();
      for (const { name, topicId, errorCode, partitions } of answer.topics) {
        if (name === null || name === undefined || errorCode === 3) continue;
        if (errorCode !== 0) throw fromProtocol(errorCode, `topic ${name}`);
        const list = partitions.map(({ partitionIndex, leaderId }) => ({
          partition: partitionIndex,
          leader: brokers.get(leaderId) ?? null,
        }));
        known.set(name, { topic: name, id: topicId, partitions: list.toSorted((a, b) => a.partition - b.partition) });
      }
      return { clusterId: answer.clusterId ?? "", topics: known };
    } catch (error) {
      throw toReplicationError(error, subject);
    }
  }

  async close(): Promise<void> {
    await this.#pool.close().catch(() => {});
  }

  async #connect(broker: Broker | null): Promise<Connection> {
    if (broker !== null) return this.#pool.get(broker);
    return this.#pool.getFirstAvailable([...this.address.brokers]);
  }

  async #newest<A extends unknown[], R>(connection: Connection, apis: readonly API<A, R>[]): Promise<API<A, R>> {
    if (this.#versions === null) {
      const { apiKeys } = await apiVersionsV3.api.async(connection, clientId, "1");
      this.#versions = new Map(apiKeys.map((api) => [String(api.apiKey), api]));
    }
    for (const api of apis) {
      const range = this.#versions.get(String(api.key));
      if (range !== undefined && api.version >= range.minVersion && api.version <= range.maxVersion) return api;
    }
    const cause = `the brokers speak no version of request ${apis[0]?.key ?? ""} that dongbo knows`;
    throw new ReplicationError("DB-KAF-010", { subject: printBrokers(this.address), cause });
  }
}

/** The client throws when any part of an answer failed; the parts that did not are in it as well. */
export async function answerOf<T extends object>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    const { response } = error as { response?: T };
    if (response === undefined) throw error;
    return response;
  }
}

const connectTimeoutMs = 5000;

/** What each connection to these brokers needs. */
export function connectionOptions(address: KafkaAddress, tls: TlsOptions | null, requestTimeoutMs: number): ConnectionOptions {
  const { sasl } = address;
  return {
    connectTimeout: Math.min(connectTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    // Names a broker behind a proxy; an IP address is no server name (RFC 6066).
    ...(tls === null ? {} : { tls, tlsServerName: address.brokers.every(({ host }) => isIP(host) === 0) }),
    ...(sasl === null
      ? {}
      : { sasl: { mechanism: saslNames[sasl.mechanism], username: sasl.user, password: () => sasl.password.reveal() } }),
  };
}

const saslNames = { plain: "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512" } as const;
