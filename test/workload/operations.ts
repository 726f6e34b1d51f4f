// What a writer may do to the master within one transaction, chosen by chance.
import type { Effect } from "../checker/master-model.ts";
import type { KeyPool } from "./key-pool.ts";
import type { GeneratedTable } from "./population-tables.ts";
import type { Random } from "./random.ts";
import { keyOf, keyValues, type MasterSession } from "./master-session.ts";

/** One table as one writer sees it. */
export interface Plot {
  readonly table: GeneratedTable;
  readonly random: Random;
  readonly session: MasterSession;
  /** Keys of rows that are there. */
  readonly live: KeyPool;
  /** Keys of rows deleted before, to come back one day. */
  readonly buried: KeyPool;
  readonly freshKey: () => ReturnType<GeneratedTable["freshKey"]>;
}

export type Operation = (plot: Plot, count: number) => Promise<Effect[]>;

export const operations = {
  insert: (plot, count) => plot.session.insert(plot.table, rowsFor(plot, times(count, plot.freshKey))),

  /** Rows that were deleted come back under their old key with other values. */
  reinsert: (plot, count) => plot.session.insert(plot.table, rowsFor(plot, valuesOf(plot, plot.buried.sample(plot.random, count)))),

  /** Leaves the long columns alone: the log says "unchanged" for them. */
  small: (plot, count) => update(plot, count, plot.table.small),

  long: (plot, count) => update(plot, count, plot.table.long),

  /** The filter's columns alone: a row enters one copy and leaves another, with its long columns unchanged. */
  move: (plot, count) => update(plot, count, plot.table.move),

  moveAndChange: (plot, count) => update(plot, count, (random) => ({ ...plot.table.move(random), ...plot.table.long(random) })),

  /** An update that changes nothing but the version. */
  touch: (plot, count) => update(plot, count, () => ({})),

  changeKey: (plot, count) => update(plot, count, () => plot.freshKey()),

  changeKeyAndMove: (plot, count) => update(plot, count, (random) => ({ ...plot.freshKey(), ...plot.table.move(random) })),

  /** Two rows exchange their keys by way of a third. */
  swapKeys: async (plot) => {
    const [first, second] = plot.live.sample(plot.random, 2);
    if (first === undefined || second === undefined) return [];
    const between = plot.freshKey();
    const { session, table } = plot;
    return [
      ...(await session.update(table, [{ key: first, values: between }])),
      ...(await session.update(table, [{ key: second, values: keyValues(table, first) }])),
      ...(await session.update(table, [{ key: keyOf(table, between), values: keyValues(table, second) }])),
    ];
  },

  remove: (plot, count) => plot.session.remove(plot.table, plot.live.sample(plot.random, count)),

  /** Within one transaction: gone, and there again as another row. */
  removeAndReinsert: async (plot, count) => {
    const keys = plot.live.sample(plot.random, count);
    const removed = await plot.session.remove(plot.table, keys);
    return [...removed, ...(await plot.session.insert(plot.table, rowsFor(plot, valuesOf(plot, keys))))];
  },

  /** Within one transaction: there, changed, and gone without a trace. */
  insertAndRemove: async (plot, count) => {
    const keys = times(count, plot.freshKey);
    const names = keys.map((values) => keyOf(plot.table, values));
    const inserted = await plot.session.insert(plot.table, rowsFor(plot, keys));
    const updates = names.map((key) => ({ key, values: plot.table.move(plot.random) }));
    const moved = await plot.session.update(plot.table, updates);
    return [...inserted, ...moved, ...(await plot.session.remove(plot.table, names))];
  },

  truncate: (plot) => plot.session.clear(plot.table),
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

function update(plot: Plot, count: number, values: GeneratedTable["small"]): Promise<Effect[]> {
  const updates = plot.live.sample(plot.random, count).map((key) => ({ key, values: values(plot.random) }));
  return plot.session.update(plot.table, updates);
}

function rowsFor(plot: Plot, keys: readonly ReturnType<GeneratedTable["freshKey"]>[]): ReturnType<GeneratedTable["row"]>[] {
  return keys.map((key) => ({ ...key, ...plot.table.row(plot.random) }));
}

function valuesOf(plot: Plot, keys: readonly string[]): ReturnType<GeneratedTable["freshKey"]>[] {
  return keys.map((key) => keyValues(plot.table, key));
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
