// Live writes on the master by several writers at once, at a steady pace, with a model of every state they commit.
import { MasterModel } from "../checker/master-model.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { LastingMaster } from "./lasting-master.ts";
import type { MasterSession } from "./master-session.ts";
import { MysqlMaster } from "./mysql-session.ts";
import { ledgerTables, type Make, populationTables } from "./population-tables.ts";
import { PopulationWriter } from "./population-writer.ts";
import { PostgresMaster } from "./postgres-session.ts";
import { Random } from "./random.ts";

export interface WorkloadOptions {
  /** Connects as the master's owner; the tables of the make's DDL are there and empty. */
  readonly url: string;
  /** `native` when left out. */
  readonly make?: Make;
  readonly seed: string;
  readonly writers: number;
  /** Row changes a second, all writers together; they pause when ahead of it. */
  readonly changesPerSecond: number;
  /** Rows of the largest transactions. */
  readonly bigRows: number;
  /** Whether tables are emptied at times. */
  readonly truncates: boolean;
  /** Whether writers outlive a master that is killed: they wait until it is there again. */
  readonly lasting?: boolean;
}

/** Names of all tables that the workload writes, for publication and shares. */
export const workloadTables: readonly string[] = [
  ...Object.values(populationTables("native")).map((table) => table.tracked.name),
  ...Object.values(ledgerTables).map((table) => table.name),
];

/** Changes from one emptied table to the next, and from one very large transaction to the next. */
const changesPerTruncation = 30_000;
const changesPerBig = 12_000;

export class PopulationWorkload implements AsyncDisposable {
  readonly model: MasterModel;
  readonly #options: WorkloadOptions;
  readonly #sessions: readonly MasterSession[];
  readonly #writers: PopulationWriter[];
  /** At how many changes the next rare things happen. */
  readonly #due = { truncation: changesPerTruncation / 2, big: changesPerBig / 2 };

  private constructor(options: WorkloadOptions, sessions: readonly MasterSession[]) {
    this.#options = options;
    this.#sessions = sessions;
    const tables = Object.values(populationTables(options.make ?? "native"));
    this.model = new MasterModel(tables.map((table) => table.tracked));
    this.#writers = sessions.map((session, number) => {
      return new PopulationWriter({ session, tables, number, model: this.model, random: new Random(`${options.seed}/${number}`) });
    });
  }

  static async open(options: WorkloadOptions): Promise<PopulationWorkload> {
    const { url, make = "native", writers, lasting = false } = options;
    const once = () => (make === "mysql" ? MysqlMaster.open(url) : PostgresMaster.open(url, make));
    const open = () => (lasting ? LastingMaster.open(once) : once());
    return new PopulationWorkload(options, await Promise.all(Array.from({ length: writers }, open)));
  }

  /** Fills the tables. */
  async preload(rowsPerTable: number): Promise<void> {
    const share = Math.ceil(rowsPerTable / this.#writers.length);
    await Promise.all(this.#writers.map((writer) => writer.preload(share)));
  }

  /** Has the first writer do one of the rare things next, whenever it would have been due; resolves when it is done. */
  async hasten(what: "truncation" | "big"): Promise<void> {
    this.#due[what] = 0;
    await waitUntil(() => this.#due[what] > 0, { describe: `a writer to come to its ${what}`, deadlineMs: 120_000 });
  }

  /** Writes until aborted; throws what a writer throws. */
  async run(signal: AbortSignal): Promise<void> {
    const before = this.model.changes;
    const started = performance.now();
    const ahead = () => this.model.changes - before - ((performance.now() - started) / 1000) * this.#options.changesPerSecond;
    await Promise.all(
      this.#writers.map(async (writer, number) => {
        while (!signal.aborted) {
          if (ahead() > 0) await pause(10);
          else await this.#next(writer, number);
        }
      }),
    );
  }

  /** Emptying a table and very large transactions are rare, certain, and one writer's alone. */
  async #next(writer: PopulationWriter, number: number): Promise<void> {
    const { changes } = this.model;
    if (this.#options.truncates && number === 0 && changes >= this.#due.truncation) {
      if (await writer.truncate()) this.#due.truncation = changes + changesPerTruncation;
    } else if (number === 0 && changes >= this.#due.big) {
      await writer.big(this.#options.bigRows);
      this.#due.big = changes + changesPerBig;
    } else await writer.step();
  }

  /** Commits, rollbacks and truncations so far, for the test's report. */
  summary(): string {
    const sum = (of: (writer: PopulationWriter) => number) => this.#writers.reduce((total, writer) => total + of(writer), 0);
    const parts = {
      committed: sum((w) => w.done.committed),
      rolledBack: sum((w) => w.done.rolledBack),
      truncated: sum((w) => w.done.truncated),
    };
    return `${this.model.changes} changes in ${parts.committed} transactions, ${parts.rolledBack} rolled back, ${parts.truncated} truncations`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.end()));
  }
}
