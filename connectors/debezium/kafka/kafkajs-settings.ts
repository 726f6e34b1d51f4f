// How kafkajs is set up for these brokers, and what it throws → error codes.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { Kafka, type KafkaConfig, type SASLOptions, logLevel } from "kafkajs";
import type { ErrorCode } from "../../../engine/model/error-codes.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printBrokers } from "./broker-tls.ts";
import type { KafkaAddress } from "./kafka-client.ts";
import { fromProtocol, fromSocket, unexpected } from "./kafka-errors.ts";

export interface KafkajsSettings {
  readonly address: KafkaAddress;
  readonly tls: TlsOptions | null;
  readonly stalledAfterMs: number;
}

/** Tries that fill the time for which a broker may be silent, a second apart at most. */
export function patientRetries({ stalledAfterMs }: KafkajsSettings): number {
  return Math.ceil(stalledAfterMs / 1000) + 3;
}

/** Its log says nothing: what it would tell is told by errors. `retries`: of a request whose connection failed. */
export function makeKafka({ address, tls, stalledAfterMs }: KafkajsSettings, retries = 3): Kafka {
  const { sasl } = address;
  const config: KafkaConfig = {
    clientId: "dongbo",
    brokers: address.brokers.map(({ host, port }) => `${host}:${port}`),
    connectionTimeout: Math.min(5000, stalledAfterMs),
    requestTimeout: stalledAfterMs,
    logLevel: logLevel.NOTHING,
    logCreator: () => () => {},
    retry: { initialRetryTime: 200, maxRetryTime: 1000, retries },
    ...(tls === null ? {} : { ssl: tls }),
    ...(sasl === null ? {} : { sasl: saslOptions(sasl) }),
  };
  return new Kafka(config);
}

function saslOptions({ mechanism, user, password }: NonNullable<KafkaAddress["sasl"]>): SASLOptions {
  return { mechanism, username: user, password: password.reveal() };
}

/** What kafkajs puts on its errors. Told by name: Node.js cannot import their classes from it one by one. */
interface KafkajsError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const codeOfName: ReadonlyMap<unknown, ErrorCode> = new Map([
  ["KafkaJSSASLAuthenticationError", "DB-KAF-002"],
  ["KafkaJSRequestTimeoutError", "DB-KAF-008"],
  ["KafkaJSLockTimeout", "DB-KAF-008"],
  ["KafkaJSConnectionClosedError", "DB-KAF-001"],
  ["KafkaJSBrokerNotFound", "DB-KAF-005"],
  ["KafkaJSGroupCoordinatorNotFound", "DB-KAF-005"],
  ["KafkaJSTopicMetadataNotLoaded", "DB-KAF-004"],
  ["KafkaJSNotImplemented", "DB-KAF-013"],
]);

/** Wraps what kafkajs threw. `subject` names the brokers, the topic or the group. */
export function toReplicationError(error: unknown, subject: string): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const { name, code, cause, errors } = (typeof error === "object" && error !== null ? error : {}) as KafkajsError;
  // Of several failures the first; of retries what they ended with.
  const inner: unknown = Array.isArray(errors) ? errors[0] : cause;
  if (typeof code === "number") return fromProtocol(code, subject, error);
  const known = codeOfName.get(name);
  if (known !== undefined) return new ReplicationError(known, { subject }, { cause: error });
  const socket = fromSocket(error, subject);
  if (socket !== null) return socket;
  if (inner instanceof Error) return toReplicationError(inner, subject);
  if (name === "KafkaJSConnectionError") return new ReplicationError("DB-KAF-001", { subject }, { cause: error });
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
