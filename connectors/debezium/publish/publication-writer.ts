// The right to write under a prefix, and what was written there last.
import { assert } from "../../../engine/model/assert.ts";
import type { KafkaClient, KafkaProducer } from "../kafka/kafka-client.ts";
import { openKafkaProducer } from "../kafka/open-client.ts";
import type { PublicationState } from "./publication-state.ts";
import type { PublishOptions } from "./publish-options.ts";
import { readState, stateRecord } from "./state-topic.ts";
import { stateTopic, transactionalId } from "./topic-names.ts";

export class PublicationWriter {
  readonly producer: KafkaProducer;
  readonly #prefix: string;
  #state: PublicationState | null;

  private constructor(producer: KafkaProducer, prefix: string, state: PublicationState | null) {
    this.producer = producer;
    this.#prefix = prefix;
    this.#state = state;
  }

  /**
   * Throws out every writer before this one. What they had under way is over when this returns, one way or the other, so what is
   * read then is the last that was written.
   */
  static async start(client: KafkaClient, { kafka, prefix }: PublishOptions): Promise<PublicationWriter> {
    const producer = await openKafkaProducer(kafka, transactionalId(prefix));
    try {
      await producer.start();
      return new PublicationWriter(producer, prefix, await readState(client, prefix));
    } catch (error) {
      await producer.close();
      throw error;
    }
  }

  /** Null: nothing was published yet. */
  get stored(): PublicationState | null {
    return this.#state;
  }

  /** What was written last; there is something. */
  get state(): PublicationState {
    assert(this.#state !== null, "a publication that is written to has a state");
    return this.#state;
  }

  /** Writes the state by itself, in a transaction of its own. */
  async write(state: PublicationState): Promise<void> {
    await this.producer.begin();
    await this.producer.send(stateTopic(this.#prefix), [stateRecord(state)]);
    await this.producer.commit();
    this.#state = state;
  }

  /** A transaction has written this. */
  note(state: PublicationState): void {
    this.#state = state;
  }

  async close(): Promise<void> {
    await this.producer.close();
  }
}

/** Nobody writes to the subscription any more, whoever still does is thrown out. False when the prefix holds nothing of it. */
export async function terminatePublication(client: KafkaClient, publish: PublishOptions, subscription: string): Promise<boolean> {
  return changePublication(client, publish, subscription, (state) =>
    state.shareState === "TERMINATED" ? state : { ...state, shareState: "TERMINATED", epoch: state.epoch + 1 },
  );
}

/** Changes the state from outside of the worker that publishes: it is thrown out, finds the change, and goes on. */
export async function changePublication(
  client: KafkaClient,
  publish: PublishOptions,
  subscription: string,
  change: (state: PublicationState) => PublicationState,
): Promise<boolean> {
  if ((await readState(client, publish.prefix))?.subscription !== subscription) return false;
  const writer = await PublicationWriter.start(client, publish);
  try {
    const changed = change(writer.state);
    if (changed !== writer.state) await writer.write(changed);
    return true;
  } finally {
    await writer.close();
  }
}
