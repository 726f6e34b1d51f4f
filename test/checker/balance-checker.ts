// The bank's invariant of pgbench's tables, asked of one snapshot: every transaction moves all four sums by the same amount.
import type pg from "pg";
import { textClient } from "../support/cluster.ts";
import { pause } from "../support/wait-until.ts";

export class BalanceChecker {
  readonly looks = { total: 0, agreeing: 0, refused: 0 };
  readonly violations: string[] = [];
  /** Rows of history seen: one a transaction. */
  readonly sizes = new Set<number>();
  readonly #url: string;
  readonly #schema: string;
  #newest = 0;

  constructor(url: string, schema: string) {
    this.#url = url;
    this.#schema = schema;
  }

  /** Transactions in the newest look. */
  get newest(): number {
    return this.#newest;
  }

  /** Looks until aborted. */
  async watch(signal: AbortSignal, everyMs = 150): Promise<void> {
    const client = textClient(this.#url);
    await client.connect();
    try {
      while (!signal.aborted) {
        await this.look(client);
        await pause(everyMs);
      }
    } finally {
      await client.end();
    }
  }

  /** One statement is one snapshot. */
  async look(client: pg.Client): Promise<void> {
    const table = (name: string) => `${this.#schema}.pgbench_${name}`;
    this.looks.total++;
    try {
      const result = await client.query<Record<string, string>>(`SELECT
        (SELECT coalesce(sum(bbalance), 0) FROM ${table("branches")}) AS branches,
        (SELECT coalesce(sum(tbalance), 0) FROM ${table("tellers")}) AS tellers,
        (SELECT coalesce(sum(abalance), 0) FROM ${table("accounts")}) AS accounts,
        (SELECT coalesce(sum(delta), 0) FROM ${table("history")}) AS history,
        (SELECT count(*) FROM ${table("history")}) AS transactions`);
      this.#judge(result.rows[0] ?? {});
    } catch (error) {
      // Refused by the gate, or not made yet.
      if (!["DB001", "42P01", "3F000"].includes((error as { code?: string }).code ?? "")) throw error;
      this.looks.refused++;
    }
  }

  #judge(row: Readonly<Record<string, string>>): void {
    const { branches, tellers, accounts, history } = row;
    const transactions = Number(row["transactions"]);
    const told = `branches ${branches}, tellers ${tellers}, accounts ${accounts}, history ${history} after ${transactions} transactions`;
    const agree = branches === tellers && tellers === accounts && accounts === history;
    if (!agree) this.violations.push(`sums differ: ${told}`);
    if (transactions < this.#newest) this.violations.push(`went back from ${this.#newest} transactions: ${told}`);
    if (!agree) return;
    this.looks.agreeing++;
    this.sizes.add(transactions);
    this.#newest = transactions;
  }
}
