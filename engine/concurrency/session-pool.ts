// A few sessions on the source, shared by everything that reads there. Their number is the limit that the source's owner
// set: who finds all of them busy waits, in order of arrival.
import type { Client } from "pg";

/** A session that goes from one user to the next; it comes back outside any transaction or not at all. */
interface PooledSession {
  readonly client: Client;
  alive: boolean;
}

/** `drop` ends the session at once, also in the middle of a statement. */
export type SessionWork<T> = (client: Client, drop: () => void) => Promise<T>;

export class SessionPool {
  readonly #connect: () => Promise<Client>;
  readonly #limit: number;
  readonly #idle: PooledSession[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  /** At most `limit` sessions at a time, each made by `connect` when it is first needed. */
  constructor(limit: number, connect: () => Promise<Client>) {
    this.#limit = limit;
    this.#connect = connect;
  }

  /**
   * Runs `work` with a session. When it throws, or drops the session, that session is not used again: nobody can tell in
   * which state it is. When `signal` aborts, waiting ends, the session is dropped, and the signal's reason is thrown.
   */
  async use<T>(work: SessionWork<T>, signal?: AbortSignal): Promise<T> {
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
    await Promise.all(this.#idle.splice(0).map((session) => session.client.end().catch(() => {})));
  }

  async #run<T>(session: PooledSession, work: SessionWork<T>, signal?: AbortSignal): Promise<T> {
    const drop = (): void => {
      session.alive = false;
      // With a statement under way the driver closes the socket at once, and the statement fails.
      void session.client.end().catch(() => {});
    };
    signal?.addEventListener("abort", drop, { once: true });
    try {
      signal?.throwIfAborted();
      const result = await work(session.client, drop);
      if (session.alive) this.#idle.push(session);
      return result;
    } catch (error) {
      drop();
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", drop);
    }
  }

  async #session(): Promise<PooledSession> {
    for (let known = this.#idle.pop(); known !== undefined; known = this.#idle.pop()) if (known.alive) return known;
    const session: PooledSession = { client: await this.#connect(), alive: true };
    const lost = (): void => {
      session.alive = false;
    };
    session.client.on("end", lost).on("error", lost);
    return session;
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
