// After any sequence of batches a copy holds the master's rows but those in quarantine, and its row count is count(*).
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Key, type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import { key, subscriptionOf, Writer } from "../support/target-lab.ts";
import { packed, row } from "../support/table-builders.ts";

/** Few keys and few values, so that everything collides with everything. */
const number = fc.integer({ min: 0, max: 11 });
/** A value shorter than 4 fits; a longer one is refused. Unique values change hands often. */
const value = fc.constantFrom("a", "b", "c", "d", "e", "long one");

type Step =
  | { readonly tag: "upsert"; readonly id: number; readonly value: string }
  | { readonly tag: "delete"; readonly id: number }
  | { readonly tag: "touch"; readonly id: number; readonly to: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ tag: fc.constant("upsert" as const), id: number, value }),
  fc.record({ tag: fc.constant("delete" as const), id: number }),
  fc.record({ tag: fc.constant("touch" as const), id: number, to: number }),
);
interface Batch {
  readonly truncate: boolean;
  readonly load: boolean;
  readonly rollback: boolean;
  /** Whole rows are given in one piece. */
  readonly packed: boolean;
  readonly pieces: readonly (readonly Step[])[];
}

const batch: fc.Arbitrary<Batch> = fc.record({
  truncate: fc.nat(9).map((die) => die === 0),
  load: fc.nat(5).map((die) => die === 0),
  rollback: fc.nat(9).map((die) => die === 0),
  packed: fc.boolean(),
  pieces: fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 3 }),
});

/** What the property asks of a target. */
export interface CountedTarget extends AsyncDisposable {
  /** Table `t (id, v, w)`, keyed by a whole number; `v` takes three characters. */
  readonly table: TableMapping;
  target(subscription: Subscription): ChangeTarget;
  /** Runs one statement as an owner of the copy. */
  sql(text: string): Promise<unknown>;
  /** Rows of the copy in key order. */
  rows(table: TableMapping): Promise<(string | null)[][]>;
  /** The copy's record. */
  copy(table: TableMapping): Promise<Record<string, string | null>>;
}

export function describeRowCounts(of: string, open: () => Promise<CountedTarget>): void {
  describe(`row counts on ${of}`, () => {
    let lab: CountedTarget;
    beforeAll(async () => {
      lab = await open();
    });
    afterAll(async () => {
      await lab?.[Symbol.asyncDispose]();
    });

    test.each([false, true])("are exact after any batches, unique column: %s", async (unique) => {
      const name = unique ? "with_unique" : "plain";
      const target = { ...lab.table, target: { schema: "public", name }, physical: { schema: "public_copy", name } };
      const writer = await Writer.loaded(lab, subscriptionOf([target], { id: `${name}/hcm`, quarantineMax: 1000 }));
      if (unique) await lab.sql(`ALTER TABLE public_copy.${name} ADD UNIQUE (v)`);
      await writer.target.close();
      await fc.assert(
        fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), async (batches) => {
          await writer.apply([{ truncate: true }]);
          const master = await applyAll(writer, target, batches);
          await holds(master, target, unique);
        }),
        { numRuns: Number(process.env["FC_RUNS"] ?? 60) },
      );
      await writer.target.close();

      /** Every row of the copy is the master's, and every row of the master is in the copy or in quarantine, never in both. */
      async function holds(master: ReadonlyMap<string, Row>, table: TableMapping, withUnique: boolean): Promise<void> {
        const rows = await lab.rows(table);
        const stored = await lab.copy(table);
        const held = (await writer.target.quarantined()).map((entry) => String(entry.key[0]));
        expect([stored["rows"], stored["rows_quarantined"]]).toEqual([String(rows.length), String(held.length)]);
        for (const [id, ...values] of rows) expect(values).toEqual(text(master.get(id ?? "")).slice(1));
        expect([...rows.map(([id]) => String(id)), ...held].toSorted()).toEqual([...master.keys()].toSorted());
        // Without a second unique column only what does not fit is set aside.
        const unfit = [...master].filter(([, values]) => String(values[1]).length > 3).map(([id]) => id);
        if (!withUnique) expect(held.toSorted()).toEqual(unfit.toSorted());
      }
    });
  });
}

/** Gives the master's rows after these batches. */
async function applyAll(writer: Writer, table: TableMapping, batches: readonly Batch[]): Promise<Map<string, Row>> {
  let master = new Map<string, Row>();
  for (const { truncate, load, rollback, packed: inOnePiece, pieces } of batches) {
    const transaction = await writer.begin();
    const before = new Map(master);
    if (truncate) {
      master.clear();
      await transaction.write([writer.change({ truncate })]);
    }
    for (const piece of pieces) {
      const { change, after } = netEffect(piece, master, load);
      const rows = inOnePiece ? packed(change.upserts) : change.upserts;
      master = after;
      if (load) {
        await transaction.load(table, rows);
        continue;
      }
      const { missing } = await transaction.write([writer.change({ ...change, upserts: rows })]);
      // The engine reads such rows at the source.
      const upserts = missing.flatMap(({ keys }) => keys.map((one) => master.get(String(one[0]))!));
      if (upserts.length > 0) await transaction.write([writer.change({ upserts })]);
    }
    if (rollback) {
      await transaction.rollback();
      master = before;
    } else {
      await writer.commit(transaction);
    }
  }
  return master;
}

function text(values: Row | undefined): (string | null)[] {
  return (values ?? []).map((value) => (value === null ? null : String(value)));
}

interface Piece {
  readonly change: { readonly deletes: Key[]; readonly upserts: Row[]; readonly updates: { key: Key; row: Row }[] };
  /** The master's rows once the piece has happened there. */
  readonly after: Map<string, Row>;
}

/** One entry a key, as a piece of the stream has it; rows may move to keys that others leave, and do so in circles. */
function netEffect(steps: readonly Step[], master: ReadonlyMap<string, Row>, upsertsOnly: boolean): Piece {
  const upserts = new Map<string, Row>();
  const moves = new Map<string, string>();
  const gone = new Set<string>();
  for (const entry of steps) {
    const id = String(entry.id);
    if (entry.tag === "upsert") upserts.set(id, row(id, entry.value, null));
    else if (upsertsOnly) continue;
    else if (entry.tag === "delete") gone.add(id);
    else if (master.has(id) && ![...moves.values()].includes(String(entry.to))) moves.set(id, String(entry.to));
  }
  for (const to of moves.values()) upserts.delete(to);
  const after = new Map(master);
  for (const id of [...gone, ...moves.keys()]) after.delete(id);
  for (const [id, to] of moves) after.set(to, [Buffer.from(to), master.get(id)![1]!, Buffer.from("w")]);
  for (const [id, values] of upserts) after.set(id, values);
  const ends = new Set([...upserts.keys(), ...moves.values()]);
  const change = {
    deletes: [...gone, ...moves.keys()].filter((id) => !ends.has(id)).map((id) => key(id)),
    upserts: [...upserts.values()],
    updates: [...moves].map(([id, to]) => ({ key: key(id), row: row(to, UNCHANGED, "w") })),
  };
  return { change, after };
}
