// The register written at a fixed rate until something else is done.
import { SteadyLoad } from "./steady-load.ts";
import { type CopyPlace, SteadyWriter } from "./steady-writer.ts";
import type { PostgresStand } from "./postgres-stand.ts";

export class BackgroundWrites {
  readonly #stand: PostgresStand;
  readonly #place: CopyPlace;
  readonly #load: SteadyLoad;
  readonly #written: Promise<void>;
  #wanted = true;

  private constructor(stand: PostgresStand, place: CopyPlace, load: SteadyLoad, transactionsPerSecond: number) {
    this.#stand = stand;
    this.#place = place;
    this.#load = load;
    this.#written = this.#write(transactionsPerSecond);
    // Told to whoever stops it.
    this.#written.catch(() => {});
  }

  /** Transactions of one row each, all over the table. */
  static async start(stand: PostgresStand, place: CopyPlace, transactionsPerSecond: number): Promise<BackgroundWrites> {
    return new BackgroundWrites(stand, place, await SteadyLoad.connect(stand, 1), transactionsPerSecond);
  }

  /** Ends them within a second, and waits until the copy has them all. */
  async stop(): Promise<void> {
    this.#wanted = false;
    await this.#written;
    await this.#load[Symbol.asyncDispose]();
    await using follower = await SteadyWriter.connect(this.#stand, this.#place);
    await follower.awaitFollowing();
  }

  async #write(transactionsPerSecond: number): Promise<void> {
    while (this.#wanted) await this.#load.run(transactionsPerSecond, 1);
  }
}
