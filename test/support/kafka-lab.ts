// A Kafka broker with every way in that clients can be asked to use, and what tests of clients do to it.
import { createPrivateKey, pbkdf2Sync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConnectionPool, alterUserScramCredentialsV0 } from "@platformatic/kafka";
import { type Admin, Kafka, logLevel } from "kafkajs";
import type { KafkaVersion } from "../../deploy/embedded/kafka-artifacts.ts";
import type { EmbeddedKafka } from "../../deploy/embedded/kafka-broker.ts";
import { freePort } from "../../deploy/embedded/postgres-server.ts";
import type { KafkaAddress } from "../../connectors/debezium/kafka/kafka-client.ts";
import type { TlsSettings } from "../../engine/model/server-address.ts";
import { Secret } from "../../engine/model/secret.ts";
import { startKafka } from "./kafka-server.ts";
import { certificates } from "./server-tls.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const noTls: TlsSettings = { mode: "disable", rootCertificate: null, certificate: null, key: null };

export class KafkaLab implements AsyncDisposable {
  readonly broker: EmbeddedKafka;
  /** Stands before the listener that `proxied` names. */
  readonly proxy: TcpProxy;
  readonly #securePort: number;

  private constructor(broker: EmbeddedKafka, proxy: TcpProxy, securePort: number) {
    this.broker = broker;
    this.proxy = proxy;
    this.#securePort = securePort;
  }

  static async start(version: KafkaVersion): Promise<KafkaLab> {
    const [secure, behind] = [await freePort(), await freePort()];
    const proxy = await TcpProxy.start({ host: "127.0.0.1", port: behind });
    const broker = await startKafka({
      version,
      listeners: [
        { name: "SECURE", port: secure },
        { name: "PROXIED", port: behind, advertisedPort: proxy.port },
      ],
      settings: {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,SECURE:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": readFileSync(join(certificates, "good.pem"), "utf8"),
        "ssl.keystore.key": pkcs8(readFileSync(join(certificates, "good.key"), "utf8")),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.secure.plain.sasl.jaas.config":
          'org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="reader-secret";',
        "listener.name.secure.scram-sha-256.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        // Compaction within a test's patience.
        "log.cleaner.backoff.ms": 200,
        "log.initial.task.delay.ms": 200,
        "log.retention.check.interval.ms": 500,
      },
    });
    const lab = new KafkaLab(broker, proxy, secure);
    try {
      await lab.#makeScramUser("reader", "reader-secret");
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  get plain(): KafkaAddress {
    return { brokers: [{ host: "127.0.0.1", port: this.broker.port }], tls: noTls, sasl: null };
  }

  get proxied(): KafkaAddress {
    return { brokers: [{ host: "127.0.0.1", port: this.proxy.port }], tls: noTls, sasl: null };
  }

  secure(mechanism: "plain" | "scram-sha-256" | "scram-sha-512", more: { password?: string; authority?: string } = {}): KafkaAddress {
    const rootCertificate = join(certificates, more.authority ?? "ca.pem");
    return {
      brokers: [{ host: "127.0.0.1", port: this.#securePort }],
      tls: { mode: "verify-full", rootCertificate, certificate: null, key: null },
      sasl: { mechanism, user: "reader", password: new Secret(more.password ?? "reader-secret") },
    };
  }

  /** An administrator's session, for what dongbo itself never does. */
  async administer(work: (admin: Admin) => Promise<unknown>): Promise<void> {
    const admin = new Kafka({ brokers: [this.broker.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** Deletes a partition's records before this offset, as retention does. */
  async deleteBefore(topic: string, offset: bigint): Promise<void> {
    await this.administer(async (admin) => {
      // Makes the session know the topic.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close();
    await this.broker.destroy();
  }

  async #makeScramUser(name: string, password: string): Promise<void> {
    const pool = new ConnectionPool("test");
    const connection = await pool.get({ host: "127.0.0.1", port: this.broker.port });
    const [iterations, salt] = [4096, randomBytes(16)];
    for (const [index, digest] of (["sha256", "sha512"] as const).entries()) {
      const saltedPassword = pbkdf2Sync(password, salt, iterations, digest === "sha256" ? 32 : 64, digest);
      await alterUserScramCredentialsV0.api.async(connection, [], [{ name, mechanism: index + 1, iterations, salt, saltedPassword }]);
    }
    await pool.close();
  }
}

/** The one form in which Kafka reads a key. */
function pkcs8(key: string): string {
  return createPrivateKey(key).export({ type: "pkcs8", format: "pem" }).toString();
}
