// The simulated target keeps what every target promises: that is what entitles the simulation to use it.
import type { TableMapping } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import { describeChangeTarget, type TargetHarness } from "../conformance/change-target.ts";
import { catalogTable, column, tableMapping } from "../support/table-builders.ts";
import { CopyDatabase } from "./copy-database.ts";
import { SimulatedTarget } from "./simulated-target.ts";

const poison = "a name longer than twenty characters";

function mapping(name: string, columns: readonly string[]): TableMapping {
  const catalog = catalogTable(
    columns.map((each) => column(each, "text")),
    { table: { schema: "public", name } },
  );
  return tableMapping(catalog, columns);
}

function start(): Promise<TargetHarness> {
  const [citizen, household] = [mapping("citizen", ["id", "name", "note"]), mapping("household", ["id", "head"])];
  const made = (): CopyDatabase =>
    new CopyDatabase(
      () => Date.now() * 1000,
      (_, values) => values.includes(poison),
    );
  let database = made();
  const asked = { ask: <T>(_: string, work: () => T): Promise<T> => new Promise((resolve) => resolve(work())) };
  return Promise.resolve({
    citizen,
    household,
    poison,
    target: (subscription) => new SimulatedTarget({ subscription, database, line: asked, tookOver: () => {} }),
    rows: (table) => {
      const rows = [...(database.committed.rows.get(printTable(table.target)) ?? [])];
      return Promise.resolve(rows.toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, { values }]) => values));
    },
    stored: (_, table) => {
      const { subscription, copies, quarantine, batches } = database.committed;
      const name = printTable(table.target);
      const copy = copies.get(name);
      if (subscription === null || copy === undefined) throw new Error("nothing is on record");
      return Promise.resolve({
        shareState: subscription.shareState,
        suspendedReason: subscription.suspended,
        copyState: copy.copyState,
        lastSyncAt: copy.lastSyncAt,
        validUntil: copy.validUntil,
        shareLastSyncAt: subscription.lastSyncAt,
        rows: copy.rows,
        quarantined: quarantine.get(name)?.size ?? 0,
        batches: batches.length,
      });
    },
    setValidUntil: (_, at) => {
      const copies = [...database.committed.copies].map(([name, copy]) => [name, { ...copy, validUntil: at }] as const);
      database.committed = { ...database.committed, copies: new Map(copies) };
      return Promise.resolve();
    },
    loseCheckpoint: () => {
      database.committed = { ...database.committed, subscription: null };
      return Promise.resolve();
    },
    reset: () => {
      database = made();
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

describeChangeTarget("simulated", start);
