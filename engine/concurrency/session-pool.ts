// A few sessions on one server, shared by everything that reads there. Their number is the limit that the server's owner
// set: who finds all of them busy waits, in order of arrival.

/** A session that goes from one user to the next; it comes back outside any transaction or not at all. */
export interface PoolSession {
  /** The connection is gone. */
  readonly lost: boolean;
  /** Ends the session in order. */
  end(): Promise<void>;
  /** Ends the session at once, also in the middle of a statement. */
  destroy(): void;
}

/** `drop` ends the session at once, and with it the work, unless the work ends by itself first. */
export type SessionWork<S, T> = (session: S, drop: () => void) => Promise<T>;

export class SessionPool<S extends PoolSession> {
  readonly #connect: () => Promise<S>;
  readonly #limit: number;
  readonly #idle: S[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  /** At most `limit` sessions at a time, each made by `connect` when it is first needed. */
  constructor(limit: number, connect: () => Promise<S>) {
    this.#connect = connect;
    this.#limit = limit;
  }

  /**
   * Runs `work` with a session. When it throws, or drops the session, that session is not used again: nobody can tell in
   * which state it is. When `signal` aborts, waiting ends, the session is dropped, and the signal's reason is thrown.
   */
  async use<T>(work: SessionWork<S, T>, signal?: AbortSignal): Promise<T> {
    await this.#takePlace(signal);
    try {
      return await this.#run(await this.#session(), work, signal);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy--;
      else next();
    }
  }

  /** Ends the idle sessions; the others end when their work does. */
  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((session) => session.end().catch(() => {})));
  }

  async #run<T>(session: S, work: SessionWork<S, T>, signal?: AbortSignal): Promise<T> {
    let dropped = false;
    const drop = (): void => {
      dropped = true;
      session.destroy();
    };
    signal?.addEventListener("abort", drop, { once: true });
    try {
      signal?.throwIfAborted();
      const result = await work(session, drop);
      if (!dropped && !session.lost) this.#idle.push(session);
      return result;
    } catch (error) {
      drop();
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", drop);
    }
  }

  async #session(): Promise<S> {
    for (let known = this.#idle.pop(); known !== undefined; known = this.#idle.pop()) if (!known.lost) return known;
    return this.#connect();
  }

  /** Resolves when one of the places is ours; whoever leaves hands its place to the one who has waited longest. */
  async #takePlace(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#busy < this.#limit) {
      this.#busy++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal?.reason as Error);
      };
      this.#waiting.push(go);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}
