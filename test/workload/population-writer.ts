// One writer on the master: transactions of several operations on several tables, each numbered by the ledger at its end.
import type { Effect, MasterModel } from "../checker/master-model.ts";
import { KeyPool } from "./key-pool.ts";
import type { MasterSession } from "./master-session.ts";
import { type OperationName, operations, type Plot } from "./operations.ts";
import type { GeneratedTable } from "./population-tables.ts";
import type { Random } from "./random.ts";

const weights: Readonly<Record<Exclude<OperationName, "truncate">, number>> = {
  insert: 16,
  reinsert: 4,
  small: 24,
  long: 6,
  move: 14,
  moveAndChange: 3,
  touch: 2,
  changeKey: 5,
  changeKeyAndMove: 3,
  swapKeys: 3,
  remove: 12,
  removeAndReinsert: 5,
  insertAndRemove: 3,
};

export interface WriterOptions {
  readonly session: MasterSession;
  readonly tables: readonly GeneratedTable[];
  readonly random: Random;
  readonly model: MasterModel;
  /** Keeps the keys of writers apart; 0 to 9. */
  readonly number: number;
}

/** Rows that a single operation touches, by chance: mostly a few, at times many. */
const sizes = { few: 90, some: 9, many: 1 } as const;

export class PopulationWriter {
  readonly done = { committed: 0, rolledBack: 0, truncated: 0 };
  readonly #options: WriterOptions;
  readonly #plots: readonly Plot[];
  #serial = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#plots = options.tables.map((table) => this.#plot(table));
  }

  /** Rows to begin with, in transactions of at most a thousand rows. */
  async preload(rowsPerTable: number): Promise<void> {
    for (const plot of this.#plots) {
      for (let left = rowsPerTable; left > 0; left -= 1000) {
        await this.#transaction(() => operations.insert(plot, Math.min(left, 1000)));
      }
    }
  }

  /** One transaction of the mix; at times it ends in a rollback, in parts or whole. */
  async step(): Promise<void> {
    const { random } = this.#options;
    await this.#transaction(async () => {
      const effects: Effect[] = [];
      for (let left = random.chance(0.5) ? 1 : random.between(2, 6); left > 0; left--) effects.push(...(await this.#operation()));
      return random.chance(0.03) ? null : effects;
    });
  }

  /** A transaction that updates many rows of one table without its long columns. */
  async big(rows: number): Promise<void> {
    await this.#transaction(() => operations.small(this.#options.random.pick(this.#plots), rows));
  }

  /** Empties one of the smaller tables and puts some rows in again, in one transaction; false when that crossed another writer's. */
  async truncate(): Promise<boolean> {
    const plot = this.#options.random.pick(this.#plots.slice(1));
    const committed = await this.#transaction(async () => [...(await operations.truncate(plot)), ...(await operations.insert(plot, 400))]);
    if (committed) this.done.truncated++;
    return committed;
  }

  #plot(table: GeneratedTable): Plot {
    const { session, random, number } = this.#options;
    const freshKey = () => table.freshKey(random, number, ++this.#serial);
    return { table, session, random, live: new KeyPool(), buried: new KeyPool(), freshKey };
  }

  /** One operation on one table, sometimes in a savepoint that is taken back. */
  async #operation(): Promise<Effect[]> {
    const { session, random } = this.#options;
    const plot = random.pick(this.#plots);
    const size = random.weighted(sizes);
    const count = { few: random.between(1, 8), some: random.between(20, 80), many: random.between(150, 500) }[size];
    const operation = operations[random.weighted(weights)];
    if (!random.chance(0.06)) return operation(plot, count);
    const released = random.chance(0.5);
    await session.savepoint();
    const effects = await operation(plot, count);
    await session.endSavepoint(released);
    return released ? effects : [];
  }

  /** Work that gives null is rolled back. Tells whether it was committed. */
  async #transaction(work: () => Promise<Effect[] | null>): Promise<boolean> {
    const { session, model, number } = this.#options;
    await session.begin();
    try {
      const effects = await work();
      if (effects === null) {
        await session.rollback();
        this.done.rolledBack++;
        return false;
      }
      const sequence = await session.number(number);
      await session.commit();
      model.commit(sequence, effects);
      for (const effect of effects) this.#remember(effect);
      this.done.committed++;
      return true;
    } catch (error) {
      if (!session.crossed(error)) throw error;
      await session.rollback();
      this.done.rolledBack++;
      return false;
    }
  }

  #remember(effect: Effect): void {
    const plot = this.#plots.find((candidate) => candidate.table.tracked.name === effect.table);
    if (plot === undefined) return;
    if (effect.kind === "clear") {
      plot.live.clear();
      plot.buried.clear();
      return;
    }
    const gone = effect.kind === "remove" ? effect.key : effect.from;
    if (gone !== null) {
      // Emptying a table takes other writers' rows too, which are not ours to bring back.
      if (effect.kind === "remove" && plot.live.has(gone)) plot.buried.add(gone);
      plot.live.remove(gone);
    }
    if (effect.kind === "put") {
      plot.buried.remove(effect.row.key);
      plot.live.add(effect.row.key);
    }
  }
}
