import { errorCodes } from "../../engine/model/error-codes.ts";
import type { Position } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import { pause } from "../support/wait-until.ts";

/**
 * Reads as the engine does: what came with its commit is applied, what came without is forgotten; after a failure that may
 * pass it opens again from the last commit. Keeps the id of each inserted row, in order.
 */
export class ResumingReader {
  readonly ids: number[] = [];
  /** Codes of the failures it came through, with how often. */
  readonly failures = new Map<string, number>();
  #position: Position;
  readonly #source: ChangeSource;
  readonly #stop = new AbortController();

  constructor(source: ChangeSource, from: Position) {
    this.#source = source;
    this.#position = from;
  }

  get position(): Position {
    return this.#position;
  }

  /** Until the last id is this one, or a failure that nobody but an operator can end. Acknowledges as it goes. */
  async readTo(last: () => number | null): Promise<void> {
    while (last() === null || this.ids.at(-1) !== last()) {
      try {
        await this.#readOnce(last);
      } catch (error) {
        if (!(error instanceof ReplicationError) || errorCodes[error.code].retry !== "timed") throw error;
        this.failures.set(error.code, (this.failures.get(error.code) ?? 0) + 1);
        await pause(20);
      }
    }
  }

  async #readOnce(last: () => number | null): Promise<void> {
    const stream = await this.#source.open(this.#position, this.#stop.signal);
    let pending: number[] = [];
    // A stream may say nothing while nothing happens; asked, it tells where it stands, and whether that is the end is looked at.
    const asking = setInterval(() => stream.requestProgress(), 100);
    try {
      for await (const messages of stream) {
        for (const message of messages) {
          if (message.tag === "begin") pending = [];
          else if (message.tag === "insert") pending.push(rowId(message.after?.[0]));
          else if (message.tag === "commit") {
            this.#check(message.position);
            this.ids.push(...pending);
            this.#position = message.position;
            stream.acknowledge(this.#position);
          }
        }
        if (last() !== null && this.ids.at(-1) === last()) return;
      }
    } finally {
      clearInterval(asking);
      await stream.close();
    }
  }

  #check(position: Position): void {
    if (this.#source.positions.covers(this.#position, position)) throw new Error(`the commit at ${position} came a second time`);
  }
}

function rowId(value: unknown): number {
  if (!(value instanceof Buffer)) throw new Error("an id is a value");
  return Number(value.toString());
}
