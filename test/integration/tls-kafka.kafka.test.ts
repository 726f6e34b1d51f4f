import { expect } from "vitest";
import { openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import type { EmbeddedKafka, KafkaListener } from "../../deploy/embedded/kafka-broker.ts";
import { freePort } from "../../deploy/embedded/postgres-server.ts";
import { Secret } from "../../engine/model/secret.ts";
import type { KafkaAddress } from "../../engine/model/server-address.ts";
import { startKafka } from "../support/kafka-server.ts";
import { type CertificateFiles, pem } from "../support/test-authority.ts";
import { type Certificates, type Entrance, entrant, registerTlsTests, type TlsSubject, type WayIn } from "../support/tls-matrix.ts";

registerTlsTests({
  kind: "Kafka, by both clients",
  untrusted: "DB-KAF-009",
  // The broker closes the connection; whether its reason comes before that is a matter of time.
  uncertified: ["DB-KAF-009", "DB-KAF-001"],
  start: (authority, certificates) => KafkaSubject.start(authority, certificates),
});

/** The clients that read; the producer is set up as kafkajs is for reading. */
const libraries = ["platformatic", "kafkajs"] as const;

async function enterBy(library: (typeof libraries)[number], address: KafkaAddress): Promise<void> {
  const client = await openKafkaClient(address, library, { stalledAfterMs: 10_000 });
  try {
    await client.clusterId();
  } finally {
    await client.close();
  }
}

/** One broker with a listener for each certificate, and one that asks for its clients'. */
class KafkaSubject implements TlsSubject {
  readonly #broker: EmbeddedKafka;
  readonly #ports: ReadonlyMap<string, number>;
  #served: string | null = null;

  private constructor(broker: EmbeddedKafka, ports: ReadonlyMap<string, number>) {
    this.#broker = broker;
    this.#ports = ports;
  }

  static async start(authority: string, certificates: Certificates): Promise<KafkaSubject> {
    const ports = new Map<string, number>();
    const listeners: KafkaListener[] = [];
    const protocols = ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", "MUTUAL:SSL"];
    const settings: Record<string, string> = { "sasl.enabled.mechanisms": "PLAIN", "inter.broker.listener.name": "PLAINTEXT" };
    const listen = async (key: string, name: string, files: CertificateFiles): Promise<void> => {
      const port = await freePort();
      ports.set(key, port);
      listeners.push({ name, port });
      const prefix = `listener.name.${name.toLowerCase()}`;
      settings[`${prefix}.ssl.keystore.type`] = "PEM";
      settings[`${prefix}.ssl.keystore.certificate.chain`] = pem(files.certificate);
      settings[`${prefix}.ssl.keystore.key`] = pem(files.key);
      settings[`${prefix}.plain.sasl.jaas.config`] =
        `org.apache.kafka.common.security.plain.PlainLoginModule required user_${entrant.user}="${entrant.password}";`;
    };
    for (const [name, files] of Object.entries(certificates)) {
      await listen(files.certificate, name.toUpperCase(), files);
      protocols.push(`${name.toUpperCase()}:SASL_SSL`);
    }
    await listen("mutual", "MUTUAL", certificates.good);
    settings["listener.name.mutual.ssl.client.auth"] = "required";
    settings["listener.name.mutual.ssl.truststore.type"] = "PEM";
    settings["listener.name.mutual.ssl.truststore.certificates"] = pem(authority);
    settings["listener.security.protocol.map"] = protocols.join(",");
    return new KafkaSubject(await startKafka({ listeners, settings }), ports);
  }

  serve(files: CertificateFiles | null): Promise<void> {
    this.#served = files === null ? null : files.certificate;
    return Promise.resolve();
  }

  port(entrance: Entrance): number {
    if (this.#served === null) return this.#broker.port;
    return this.#ports.get(entrance === "certificate" ? "mutual" : this.#served) ?? 0;
  }

  async enter({ host, port, tls }: WayIn, entrance: Entrance): Promise<void> {
    const sasl = { mechanism: "plain", user: entrant.user, password: new Secret(entrant.password) } as const;
    const address = { brokers: [{ host, port }], tls, sasl: entrance === "password" ? sasl : null };
    const outcomes = await Promise.allSettled(libraries.map((library) => enterBy(library, address)));
    const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as Error & { code?: string }] : []));
    const alike = failures.length === 0 || failures.length === libraries.length;
    if (!alike) throw new Error("one client was let in, the other was not", { cause: failures[0] });
    if (entrance === "password") expect(new Set(failures.map(({ code }) => code)).size).toBeLessThan(2);
    const [failure] = failures;
    if (failure !== undefined) throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker.destroy();
  }
}
