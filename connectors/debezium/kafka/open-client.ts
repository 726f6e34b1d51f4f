// The one place that knows which client library is used, and loads it when it is: that takes most of a process's start.
import { chooseTls } from "./broker-tls.ts";
import type { KafkaAddress, KafkaClient, KafkaProducer } from "./kafka-client.ts";

export type KafkaLibrary = "platformatic" | "kafkajs";

export interface KafkaTiming {
  /** A broker that was asked and is not heard of for this long has failed. 30 s when left out. */
  readonly stalledAfterMs?: number;
}

const defaultStalledAfterMs = 30_000;

/** Finds out how the brokers want to be spoken to; connections are made when they are needed. */
export async function openKafkaClient(address: KafkaAddress, library: KafkaLibrary, timing: KafkaTiming = {}): Promise<KafkaClient> {
  const tls = await chooseTls(address);
  const stalledAfterMs = timing.stalledAfterMs ?? defaultStalledAfterMs;
  if (library === "platformatic") {
    const { PlatformaticClient } = await import("./platformatic-client.ts");
    return new PlatformaticClient(address, tls, stalledAfterMs);
  }
  const { KafkajsClient } = await import("./kafkajs-client.ts");
  return new KafkajsClient({ address, tls, stalledAfterMs });
}

/** A producer that is not started yet. That of the other library takes a new id with each transaction, so that no writer is thrown out. */
export async function openKafkaProducer(address: KafkaAddress, transactionalId: string): Promise<KafkaProducer> {
  const tls = await chooseTls(address);
  const { KafkajsProducer } = await import("./kafkajs-producer.ts");
  return new KafkajsProducer({ address, tls, stalledAfterMs: defaultStalledAfterMs }, transactionalId);
}
