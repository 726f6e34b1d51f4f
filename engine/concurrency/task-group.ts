/**
 * Tasks that live and end together: the first failure aborts the others, and nobody leaves before all have ended. Use
 * with `await using`, so that an exception in the owner ends its tasks as well.
 */
export class TaskGroup implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;
  readonly #unlink: () => void;

  /** `parent`: when it aborts, the group does. */
  constructor(parent?: AbortSignal) {
    const abort = (): void => {
      this.#controller.abort();
    };
    if (parent?.aborted === true) abort();
    else parent?.addEventListener("abort", abort, { once: true });
    this.#unlink = () => {
      parent?.removeEventListener("abort", abort);
    };
  }

  /** Aborts when a task failed, the parent aborted or the group is being ended. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs a task beside the others. A task that returns early ends nothing else. */
  start(task: (signal: AbortSignal) => Promise<void>): void {
    const run = async (): Promise<void> => {
      try {
        await task(this.signal);
      } catch (error) {
        this.#failure ??= { error };
        this.#controller.abort();
      }
    };
    const running: Promise<void> = run().finally(() => {
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  /** Waits until no task runs any more, also those started meanwhile; throws what the first failed one threw. */
  async join(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#unlink();
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Asks every task to end. */
  abort(): void {
    this.#controller.abort();
  }

  /** Aborts and waits; a failure seen only now is not thrown, since the owner leaves for a reason of its own. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#unlink();
  }
}
