// A writer's session that outlives its server: what was begun when the connection was lost never was, unless the master says so.
import type { Effect } from "../checker/master-model.ts";
import { isConnectionLost } from "../support/connection-lost.ts";
import { pause } from "../support/wait-until.ts";
import type { MasterSession, Update } from "./master-session.ts";
import type { GeneratedTable, Values } from "./population-tables.ts";

/** Between two attempts to connect. */
const retryMs = 200;

/** The master was lost within a transaction that it does not know: for a writer the same as one that was rolled back. */
class TransactionLost extends Error {}

export class LastingMaster implements MasterSession {
  readonly #open: () => Promise<MasterSession>;
  #session: MasterSession | null;
  /** Of the transaction that is open, once it has its number. */
  #numbered: { readonly sequence: number; readonly writer: number } | null = null;

  private constructor(open: () => Promise<MasterSession>, session: MasterSession) {
    this.#open = open;
    this.#session = session;
  }

  static async open(open: () => Promise<MasterSession>): Promise<LastingMaster> {
    return new LastingMaster(open, await open());
  }

  /** Waits for a server that is away. */
  async begin(): Promise<void> {
    this.#numbered = null;
    await this.#lasting((session) => session.begin());
  }

  /** Whether it took place, where the answer was lost, the master's journal tells: the number is the ledger's, and nobody's twice. */
  async commit(): Promise<void> {
    try {
      await this.#within((session) => session.commit());
    } catch (error) {
      const numbered = this.#numbered;
      if (!(error instanceof TransactionLost) || numbered === null) throw error;
      if (!(await this.#lasting((session) => session.holds(numbered.sequence, numbered.writer)))) throw error;
    }
  }

  async rollback(): Promise<void> {
    // A transaction whose connection was lost needs none.
    if (this.#session !== null) await this.#within((session) => session.rollback()).catch(passLost);
  }

  savepoint(): Promise<void> {
    return this.#within((session) => session.savepoint());
  }

  endSavepoint(kept: boolean): Promise<void> {
    return this.#within((session) => session.endSavepoint(kept));
  }

  async number(writer: number): Promise<number> {
    const sequence = await this.#within((session) => session.number(writer));
    this.#numbered = { sequence, writer };
    return sequence;
  }

  holds(sequence: number, writer: number): Promise<boolean> {
    return this.#within((session) => session.holds(sequence, writer));
  }

  insert(table: GeneratedTable, rows: readonly Values[]): Promise<Effect[]> {
    return this.#within((session) => session.insert(table, rows));
  }

  update(table: GeneratedTable, updates: readonly Update[]): Promise<Effect[]> {
    return this.#within((session) => session.update(table, updates));
  }

  remove(table: GeneratedTable, keys: readonly string[]): Promise<Effect[]> {
    return this.#within((session) => session.remove(table, keys));
  }

  clear(table: GeneratedTable): Promise<Effect[]> {
    return this.#within((session) => session.clear(table));
  }

  crossed(error: unknown): boolean {
    return error instanceof TransactionLost || (this.#session?.crossed(error) ?? false);
  }

  async end(): Promise<void> {
    await this.#session?.end();
  }

  /** A part of a transaction. */
  async #within<T>(work: (session: MasterSession) => Promise<T>): Promise<T> {
    if (this.#session === null) throw new TransactionLost();
    try {
      return await work(this.#session);
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      this.#session = null;
      throw new TransactionLost("the master was lost within a transaction", { cause: error });
    }
  }

  /** Outside of any transaction: on a new connection as often as it takes. */
  async #lasting<T>(work: (session: MasterSession) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        this.#session ??= await this.#open();
        return await work(this.#session);
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        this.#session = null;
        await pause(retryMs);
      }
    }
  }
}

function passLost(error: unknown): void {
  if (!(error instanceof TransactionLost)) throw error;
}
