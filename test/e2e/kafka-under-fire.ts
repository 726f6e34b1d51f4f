// A broker and a Connect worker of one test file, in the hands of tests that break them.
import type { EmbeddedConnect } from "../../deploy/embedded/kafka-connect.ts";
import type { EmbeddedKafka, JavaSettings } from "../../deploy/embedded/kafka-broker.ts";
import { startConnect, startKafka } from "../support/kafka-server.ts";
import type { KafkaPlace } from "./debezium-stage.ts";

export class KafkaUnderFire implements KafkaPlace, AsyncDisposable {
  readonly broker: EmbeddedKafka;
  readonly worker: EmbeddedConnect;

  private constructor(broker: EmbeddedKafka, worker: EmbeddedConnect) {
    this.broker = broker;
    this.worker = worker;
  }

  static async start(settings: JavaSettings = {}): Promise<KafkaUnderFire> {
    const broker = await startKafka({ settings });
    return new KafkaUnderFire(broker, await startConnect(broker.brokers, { plugins: ["debezium"] }));
  }

  get brokers(): string {
    return this.broker.brokers;
  }

  get rest(): EmbeddedConnect["rest"] {
    return this.worker.rest;
  }

  /** A power cut and its end. */
  async killBroker(): Promise<void> {
    await this.broker.kill();
    await this.broker.restart();
  }

  /** What the connectors had sent and not noted is sent again. */
  async killWorker(): Promise<void> {
    await this.worker.kill();
    await this.worker.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.destroy();
    await this.broker.destroy();
  }
}
