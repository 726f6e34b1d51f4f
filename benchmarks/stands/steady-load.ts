// Transactions at a fixed rate that nobody waits for one by one: made within the source's server, so that little of the machine
// goes into asking for them.
import pg from "pg";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";

/** Commits of several sessions go to disk together. */
const sessions = 16;

export interface Written {
  readonly transactions: number;
  /** What writing them took: more than was planned where the source's server has come to its limit. */
  readonly seconds: number;
}

export class SteadyLoad implements AsyncDisposable {
  readonly #clients: readonly pg.Client[];
  readonly #changesPerTransaction: number;

  private constructor(clients: readonly pg.Client[], changesPerTransaction: number) {
    this.#clients = clients;
    this.#changesPerTransaction = changesPerTransaction;
  }

  static async connect(stand: PostgresStand, changesPerTransaction: number): Promise<SteadyLoad> {
    const connectionString = stand.source.url(registerDatabase);
    const clients = Array.from({ length: sessions }, () => new pg.Client({ connectionString }));
    await Promise.all(clients.map((client) => client.connect()));
    return new SteadyLoad(clients, changesPerTransaction);
  }

  async run(transactionsPerSecond: number, seconds: number): Promise<Written> {
    const each = Math.max(1, Math.round((transactionsPerSecond * seconds) / sessions));
    const started = performance.now();
    const call = "CALL public.change_steadily($1, $2, $3)";
    await Promise.all(this.#clients.map((client) => client.query(call, [each, this.#changesPerTransaction, seconds])));
    return { transactions: each * sessions, seconds: (performance.now() - started) / 1000 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
  }
}
