// Foreign keys that an owner adds to copies hold back nothing that holds together in the master, in whatever order it comes.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Row } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { row } from "../support/table-builders.ts";
import { key, subscriptionOf, Writer } from "../support/target-lab.ts";

/** Person → the person's parent, and the house he lives in; house → its owner. Both may be nobody. */
interface Master {
  readonly person: Map<string, readonly [parent: string | null, house: string | null]>;
  readonly house: Map<string, string | null>;
}

const id = fc.integer({ min: 0, max: 7 }).map(String);
const maybe = fc.option(id);
type Step =
  | { readonly tag: "person"; readonly id: string; readonly parent: string | null; readonly house: string | null }
  | { readonly tag: "house"; readonly id: string; readonly owner: string | null }
  | { readonly tag: "no person" | "no house"; readonly id: string };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ tag: fc.constant("person" as const), id, parent: maybe, house: maybe }),
  fc.record({ tag: fc.constant("house" as const), id, owner: maybe }),
  fc.record({ tag: fc.constantFrom("no person" as const, "no house" as const), id }),
);
/** Tables that the master empties before the steps. */
const emptied = fc.oneof(
  { weight: 5, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: fc.constantFrom("person", "house", "person house") },
);
const piece = fc.record({ emptied, steps: fc.array(step, { maxLength: 10 }) });
const transactions = fc.array(fc.array(piece, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 });

let lab: MysqlTargetLab;
beforeAll(async () => {
  lab = await MysqlTargetLab.open();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

test("whatever holds together in the master comes into the copy whole", async () => {
  const person = lab.mapping("person", [
    ["id", "int", "integer"],
    ["parent", "int", "integer"],
    ["house", "int", "integer"],
  ]);
  const house = lab.mapping("house", [
    ["id", "int", "integer"],
    ["owner", "int", "integer"],
  ]);
  const writer = await Writer.loaded(lab, subscriptionOf([person, house]));
  await lab.sql("ALTER TABLE public_copy.person ADD FOREIGN KEY (parent) REFERENCES public_copy.person (id)");
  await lab.sql("ALTER TABLE public_copy.person ADD FOREIGN KEY (house) REFERENCES public_copy.house (id)");
  await lab.sql("ALTER TABLE public_copy.house ADD FOREIGN KEY (owner) REFERENCES public_copy.person (id)");
  await writer.target.close();
  await fc.assert(
    fc.asyncProperty(transactions, async (all) => {
      await writer.apply([
        { table: person, truncate: true },
        { table: house, truncate: true },
      ]);
      const master: Master = { person: new Map(), house: new Map() };
      for (const pieces of all) {
        const transaction = await writer.begin();
        for (const [index, { emptied: empty, steps }] of pieces.entries()) {
          for (const name of ["person", "house"] as const) if (empty.includes(name)) master[name].clear();
          const before = { person: new Map(master.person), house: new Map(master.house) };
          steps.forEach((one) => take(master, one));
          if (index === pieces.length - 1) mend(master);
          const changes = [change(person, before.person, master.person), change(house, before.house, master.house)];
          const outcome = await transaction.write(
            changes.map((one) => writer.change({ ...one, truncate: empty.includes(one.table.target.name) })),
          );
          expect(outcome.stops).toEqual([]);
        }
        const { stops, quarantined } = await writer.commit(transaction);
        expect([stops, quarantined]).toEqual([[], 0]);
      }
      for (const [table, wanted] of [
        [person, master.person],
        [house, master.house],
      ] as const) {
        const rows = await lab.rows(table);
        expect(rows).toEqual([...wanted].map(([one, values]) => [one, ...[values].flat()]).toSorted(([a], [b]) => Number(a) - Number(b)));
        expect((await lab.copy(table))["rows"]).toBe(String(rows.length));
      }
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 60), endOnFailure: true },
  );
  await writer.target.close();
});

function take({ person, house }: Master, one: Step): void {
  if (one.tag === "person") person.set(one.id, [one.parent, one.house]);
  else if (one.tag === "house") house.set(one.id, one.owner);
  else if (one.tag === "no person") person.delete(one.id);
  else house.delete(one.id);
}

/** At its commit the master refers to nothing that is not there. */
function mend({ person, house }: Master): void {
  const there = (rows: ReadonlyMap<string, unknown>, one: string | null): string | null => (one !== null && rows.has(one) ? one : null);
  for (const [one, [parent, home]] of person) person.set(one, [there(person, parent), there(house, home)]);
  for (const [one, owner] of house) house.set(one, there(person, owner));
}

type Values = string | null | readonly (string | null)[];

function change(
  table: TableMapping,
  before: ReadonlyMap<string, Values>,
  after: ReadonlyMap<string, Values>,
): { table: TableMapping; deletes: Buffer[][]; upserts: Row[] } {
  const changed = [...after].filter(([one, values]) => JSON.stringify(before.get(one)) !== JSON.stringify(values));
  return {
    table,
    deletes: [...before.keys()].filter((one) => !after.has(one)).map((one) => key(one)),
    upserts: changed.map(([one, values]) => row(one, ...[values].flat())),
  };
}
