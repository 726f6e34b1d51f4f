// One ordinary session on the source beside the binary log connection, for short queries; opened when first needed and again
// after it was lost.
import { Turns } from "../../../engine/concurrency/turns.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";
import { answerInTime } from "./answer-in-time.ts";

export class SourceSession {
  readonly #connect: () => Promise<MysqlSession>;
  readonly #subject: string;
  readonly #answerMsMax: number;
  readonly #turns = new Turns();
  #session: MysqlSession | null = null;

  constructor(connect: () => Promise<MysqlSession>, subject: string, answerMsMax: number) {
    this.#connect = connect;
    this.#subject = subject;
    this.#answerMsMax = answerMsMax;
  }

  /**
   * Does short work that reads, alone. Tried a second time when the session turns out to have been lost since the last one: a
   * server that was restarted in between is no failure. Throws ReplicationError.
   */
  read<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      const reused = this.#session !== null;
      try {
        return await this.#attempt(work);
      } catch (error) {
        if (!reused || this.#session !== null) throw error;
      }
      return this.#attempt(work);
    });
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.end();
  }

  async #attempt<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    this.#session ??= await this.#connect();
    const session = this.#session;
    try {
      return await answerInTime(work(session), { msMax: this.#answerMsMax, subject: this.#subject });
    } catch (error) {
      // Only what the server answered leaves the session usable.
      if (session.lost || errorNumber(error) === null || sessionEnding.has(errorNumber(error) ?? 0)) {
        this.#session = null;
        session.destroy();
      }
      throw error;
    }
  }
}

/** The server is ending the session: shutdown, KILL, idle too long. */
const sessionEnding: ReadonlySet<number> = new Set([1053, 1927, 4031]);
