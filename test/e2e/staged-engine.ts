// The engine of one test's installation, and waiting for what its copies show: the same whatever kinds of servers it has.
import type { DongboHome, Finished } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { waitUntil } from "../support/wait-until.ts";

/** One subscription in `status --json`, as far as tests look at it. */
export interface SubscriptionStatus {
  readonly id: string;
  readonly share_state: string;
  readonly copy_state: string;
  readonly usable: boolean;
  readonly reason: string | null;
  readonly last_sync_at: string | null;
  readonly valid_until: string | null;
  readonly last_reconciled_at: string | null;
  readonly rows_quarantined: number;
  readonly suspended: { readonly reason: string } | null;
  readonly problem: { readonly code: string; readonly cause: string; readonly remedy: string } | null;
  readonly pending_orders: readonly { readonly kind: string }[];
  readonly tables: readonly {
    readonly target: string;
    readonly rows: number;
    readonly usable: boolean;
    readonly reason: string | null;
    readonly last_sync_at: string | null;
    readonly last_reconciled_at: string | null;
    readonly rows_quarantined: number;
    readonly stopped: { readonly code: string; readonly message: string } | null;
  }[];
}

export type Row = Record<string, string | null>;

export abstract class StagedEngine implements AsyncDisposable {
  readonly home: DongboHome;
  #running: DongboProcess | null = null;

  constructor(home: DongboHome) {
    this.home = home;
  }

  /** What a reader gets; the SQLSTATE where it is refused or there is nothing yet. */
  abstract read(target: string, sql: string): Promise<Row[] | string>;

  /** One copy as the target itself records it; null before it is there. Cheap enough to be polled. */
  abstract record(target: string, table: string): Promise<Row | null>;

  /** What a target says of its copies, for the error of a wait in vain. */
  protected abstract describe(target: string): Promise<string>;

  /** Starts `dongbo run` unless it runs. */
  start(...options: readonly string[]): DongboProcess {
    if (this.#running === null || this.#running.exit !== null) this.#running = this.home.start(["run", ...options]);
    return this.#running;
  }

  async stop(): Promise<DongboProcess> {
    const running = this.start();
    // Before its first word a process has not yet said how it wants to be ended.
    await running.waitForOutput(/dongbo runs/);
    const exit = await running.terminate();
    if (exit.code !== 0 && exit.code !== 5) throw new Error(running.describe());
    this.#running = null;
    return running;
  }

  /** Ends the engine as a power cut would. */
  async kill(): Promise<void> {
    await this.#running?.kill9();
    this.#running = null;
  }

  /** `dongbo run --until-caught-up`; throws when it leaves with another code than expected. */
  async catchUp(expectedCode = 0): Promise<Finished> {
    const finished = await this.home.run(["run", "--until-caught-up"], 90_000);
    if (finished.code !== expectedCode || (expectedCode === 0 && finished.stderr.includes('"level":"error"'))) {
      throw new Error(`left with ${finished.code ?? finished.signal}, not ${expectedCode}\n${finished.stdout}\n${finished.stderr}`);
    }
    return finished;
  }

  /** Runs a command that must leave with 0. */
  async command(...parameters: readonly string[]): Promise<Finished> {
    const finished = await this.home.run(parameters);
    if (finished.code !== 0) throw new Error(`dongbo ${parameters.join(" ")}\n${finished.stdout}\n${finished.stderr}`);
    return finished;
  }

  /** Orders a re-sync and waits until the running engine has durably begun with it: from then on readers are refused until its end. */
  async resync(id: string, ...options: readonly string[]): Promise<void> {
    await this.command("resync", id, ...options);
    const carriedOut = async () => (await this.status(id)).pending_orders.length === 0;
    await waitUntil(carriedOut, { describe: `the re-sync of ${id} to begin`, deadlineMs: 60_000, detail: () => this.start().describe() });
  }

  async status(id: string): Promise<SubscriptionStatus> {
    const report = await this.home.json<{ subscriptions: SubscriptionStatus[] }>(["status"], [0, 5]);
    const found = report.subscriptions.find((subscription) => subscription.id === id);
    if (found === undefined) throw new Error(`no subscription ${id} in ${JSON.stringify(report)}`);
    return found;
  }

  /** Waits, while the engine runs, until a copy reads as wanted: the query's rows as arrays of texts, or the SQLSTATE. */
  async shows(target: string, sql: string, wanted: string | readonly (readonly (string | null)[])[], deadlineMs = 90_000): Promise<void> {
    let seen: unknown = null;
    const expected = JSON.stringify(wanted);
    await waitUntil(
      async () => {
        if (this.#running !== null && this.#running.exit !== null) throw new Error(`the engine left: ${this.#running.describe()}`);
        const answer = await this.read(target, sql);
        seen = typeof answer === "string" ? answer : answer.map((row) => Object.values(row));
        return JSON.stringify(seen) === expected;
      },
      {
        describe: `${target}: ${sql} to give ${expected}`,
        deadlineMs,
        everyMs: 100,
        detail: async () => `last seen: ${JSON.stringify(seen)}\n${await this.#situation(target)}`,
      },
    );
  }

  /** Waits until the copy's record has a value: `await stage.recorded("hcm", "p.t", (row) => row["stopped_code"] !== null)`. */
  async recorded(target: string, table: string, condition: (row: Row) => boolean, deadlineMs = 90_000): Promise<Row> {
    let last: Row | null = null;
    return waitUntil(
      async () => {
        if (this.#running !== null && this.#running.exit !== null) throw new Error(`the engine left: ${this.#running.describe()}`);
        last = await this.record(target, table);
        return last !== null && condition(last) ? last : null;
      },
      {
        describe: `the record of ${table} in ${target}: ${String(condition)}`,
        deadlineMs,
        everyMs: 100,
        detail: async () => `last seen: ${JSON.stringify(last)}\n${await this.#situation(target)}`,
      },
    );
  }

  async #situation(target: string): Promise<string> {
    return `${await this.describe(target)}\n${this.#running?.describe() ?? ""}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
  }
}
