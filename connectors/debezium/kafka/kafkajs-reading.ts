// What one reader has asked for and not yet taken, between kafkajs, which brings records when it likes, and the reader.
import type { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { PartitionOffset, RecordBatch, RecordReading } from "./kafka-client.ts";
import { bytesOf } from "./kafkajs-batch.ts";

/** Beyond this nothing more is asked for until the reader has taken half. */
const waitingBytesMax = 8 * 1024 * 1024;

/** The member's side of a reading. */
export interface ReadingKeeper {
  /** Begins to bring records; called once, when the reader first asks. */
  begin(reading: KafkajsReading): Promise<void>;
  /** There is room again. */
  resume(reading: KafkajsReading): void;
  end(reading: KafkajsReading): void;
}

export class KafkajsReading implements RecordReading {
  readonly from: readonly PartitionOffset[];
  readonly #keeper: ReadingKeeper;
  readonly #waiting: RecordBatch[] = [];
  #bytes = 0;
  #full = false;
  #failure: ReplicationError | null = null;
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(from: readonly PartitionOffset[], keeper: ReadingKeeper) {
    this.from = from;
    this.#keeper = keeper;
  }

  get full(): boolean {
    return this.#full;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly RecordBatch[], void, void> {
    try {
      if (this.#failure === null && !this.#closed) await this.#keeper.begin(this);
      for (let batch = await this.#next(); batch !== null; batch = await this.#next()) yield [batch];
    } finally {
      await this.close();
    }
  }

  /** Batches of one partition come in order. */
  push(batch: RecordBatch): void {
    if (this.#closed) return;
    this.#waiting.push(batch);
    this.#bytes += bytesOf(batch);
    if (this.#bytes > waitingBytesMax) this.#full = true;
    this.#wake?.();
  }

  /** Ends the reading with this failure, before anything that waits. */
  fail(error: ReplicationError): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#keeper.end(this);
      this.#wake?.();
    }
    return Promise.resolve();
  }

  async #next(): Promise<RecordBatch | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      if (this.#closed) return null;
      const batch = this.#waiting.shift();
      if (batch !== undefined) {
        this.#bytes -= bytesOf(batch);
        if (this.#full && this.#bytes < waitingBytesMax / 2) {
          this.#full = false;
          this.#keeper.resume(this);
        }
        return batch;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}
