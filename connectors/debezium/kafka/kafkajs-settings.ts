// How kafkajs is set up for these brokers, and what it throws → error codes.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import {
  Kafka,
  KafkaJSConnectionError,
  type KafkaConfig,
  KafkaJSLockTimeout,
  KafkaJSNotImplemented,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
  KafkaJSSASLAuthenticationError,
  type SASLOptions,
  logLevel,
} from "kafkajs";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printBrokers } from "./broker-tls.ts";
import type { KafkaAddress } from "./kafka-client.ts";
import { fromProtocol, fromSocket, unexpected } from "./kafka-errors.ts";

export interface KafkajsSettings {
  readonly address: KafkaAddress;
  readonly tls: TlsOptions | null;
  readonly stalledAfterMs: number;
}

/** Its log says nothing: what it would tell is told by errors. */
export function makeKafka({ address, tls, stalledAfterMs }: KafkajsSettings): Kafka {
  const { sasl } = address;
  const config: KafkaConfig = {
    clientId: "dongbo",
    brokers: address.brokers.map(({ host, port }) => `${host}:${port}`),
    connectionTimeout: Math.min(5000, stalledAfterMs),
    requestTimeout: stalledAfterMs,
    logLevel: logLevel.NOTHING,
    logCreator: () => () => {},
    retry: { initialRetryTime: 200, maxRetryTime: 1000, retries: 3 },
    ...(tls === null ? {} : { ssl: tls }),
    ...(sasl === null ? {} : { sasl: saslOptions(sasl) }),
  };
  return new Kafka(config);
}

function saslOptions({ mechanism, user, password }: NonNullable<KafkaAddress["sasl"]>): SASLOptions {
  return { mechanism, username: user, password: password.reveal() };
}

/** Wraps what kafkajs threw. `subject` names the brokers, the topic or the group. */
export function toReplicationError(error: unknown, subject: string): ReplicationError {
  if (error instanceof ReplicationError) return error;
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof KafkaJSSASLAuthenticationError) return new ReplicationError("DB-KAF-002", { subject }, { cause: error });
    if (at instanceof KafkaJSProtocolError) return fromProtocol(at.code, subject, error);
    if (at instanceof KafkaJSRequestTimeoutError || at instanceof KafkaJSLockTimeout) {
      return new ReplicationError("DB-KAF-008", { subject }, { cause: error });
    }
    const socket = fromSocket(at, subject);
    if (socket !== null) return socket;
    if (at instanceof KafkaJSConnectionError) return new ReplicationError("DB-KAF-001", { subject }, { cause: error });
    if (at instanceof KafkaJSNotImplemented) return new ReplicationError("DB-KAF-013", { subject }, { cause: error });
  }
  return unexpected(error, subject);
}

/** Runs a request; its failure comes out with a code. */
export async function coded<T>(settings: KafkajsSettings, request: () => Promise<T>, subject?: string): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw toReplicationError(error, subject ?? printBrokers(settings.address));
  }
}
