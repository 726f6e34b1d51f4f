// Work that goes on beside a test, such as writers and readers: it ends with the test, and its failure is the test's.

export class Background implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;

  constructor(work: (signal: AbortSignal) => Promise<unknown>) {
    this.#done = work(this.#stop.signal);
    // Told to whoever waits in `during` or `stop`; nobody may be waiting at the moment it happens.
    this.#done.catch(() => {});
  }

  /** Waits for something else, but no longer than until this fails. */
  async during<T>(other: Promise<T>): Promise<T> {
    return Promise.race([other, this.#done.then(() => other)]);
  }

  /** Asks the work to end and throws what it threw. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done.catch(() => {});
  }
}
