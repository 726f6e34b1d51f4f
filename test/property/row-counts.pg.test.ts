// The row count kept beside a copy equals count(*), and the rows equal a model, after any sequence of batches.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Key, type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { key, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";
import { row } from "../support/table-builders.ts";

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
const batch = fc.record({
  truncate: fc.nat(9).map((die) => die === 0),
  load: fc.nat(5).map((die) => die === 0),
  rollback: fc.nat(9).map((die) => die === 0),
  pieces: fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 3 }),
});

describe.each([15, 18] as const)("row counts on PostgreSQL %i", (major) => {
  let lab: TargetLab;
  beforeAll(async () => {
    lab = await TargetLab.open({ major, master: ["CREATE TABLE t (id int PRIMARY KEY, v varchar(3), w text)"] });
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  test.each([false, true])("are exact after any batches, unique column: %s", async (unique) => {
    const [table] = (await lab.mappings({ schema: "public", name: "t" })) as [TableMapping];
    const name = unique ? "with_unique" : "plain";
    const target = { ...table, target: { schema: "public", name }, physical: { schema: "public_copy", name } };
    const writer = await Writer.loaded(lab, subscriptionOf([target], { id: `${name}/hcm`, quarantineMax: 1000 }));
    if (unique) await lab.sql(`ALTER TABLE public_copy.${name} ADD UNIQUE (v)`);
    await writer.target.close();
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), async (batches) => {
        await writer.apply([{ truncate: true }]);
        let model = new Model();
        for (const { truncate, load, rollback, pieces } of batches) {
          const transaction = await writer.begin();
          const before = model.clone();
          if (truncate) model = new Model();
          if (truncate) await transaction.write([writer.change({ truncate })]);
          for (const piece of pieces) {
            const change = netEffect(piece);
            if (load) await transaction.load(target, change.upserts);
            else await transaction.write([writer.change(change)]);
            model.apply(load ? { ...change, deletes: [], updates: [] } : change);
          }
          if (rollback) {
            await transaction.rollback();
            model = before;
          } else {
            await writer.commit(transaction);
          }
        }
        const rows = await lab.rows(target);
        const stored = await lab.copy(target);
        const [held] = await lab.sql("SELECT count(*) FROM dongbo.quarantine WHERE subscription = $1", [`${name}/hcm`]);
        expect([stored["rows"], stored["rows_quarantined"]]).toEqual([String(rows.length), held?.["count"]]);
        expect(rows.every(([, v]) => v === null || (v?.length ?? 0) <= 3)).toBe(true);
        // Without a second unique column it is plain what must be there.
        if (!unique) expect(rows.map((values) => values.join()).toSorted()).toEqual(model.rows());
        // No row is both in the copy and in quarantine.
        const [both] = await lab.sql(
          `SELECT count(*) FROM dongbo.quarantine q JOIN public_copy.${name} t ON t.id::text = q.key[1] WHERE q.subscription = $1`,
          [`${name}/hcm`],
        );
        expect(both?.["count"]).toBe("0");
      }),
      { numRuns: Number(process.env["FC_RUNS"] ?? 60) },
    );
    await writer.target.close();
  });
});

/** What a table without further constraints must hold. */
class Model {
  readonly #rows: Map<string, Row>;

  constructor(rows: ReadonlyMap<string, Row> = new Map()) {
    this.#rows = new Map(rows);
  }

  clone(): Model {
    return new Model(this.#rows);
  }

  apply({ deletes, upserts, updates }: ReturnType<typeof netEffect>): void {
    const touched = updates.flatMap(({ key: old, row: image }) => {
      const found = this.#rows.get(String(old[0]));
      return found === undefined ? [] : [image.map((value, index) => (value === UNCHANGED ? found[index]! : value))];
    });
    for (const old of [...deletes, ...updates.map((update) => update.key)]) this.#rows.delete(String(old[0]));
    for (const written of [...upserts, ...touched]) {
      if (String(written[1]).length > 3) this.#rows.delete(String(written[0]));
      else this.#rows.set(String(written[0]), written);
    }
  }

  rows(): string[] {
    return [...this.#rows.values()].map((values) => values.map((value) => (value === null ? "" : String(value))).join()).toSorted();
  }
}

/** One entry a key, as a piece of the stream has it. */
function netEffect(steps: readonly Step[]): { deletes: Key[]; upserts: Row[]; updates: { key: Key; row: Row }[] } {
  const effect = { deletes: [] as Key[], upserts: [] as Row[], updates: [] as { key: Key; row: Row }[] };
  const taken = new Set<number>();
  for (const entry of steps) {
    if (taken.has(entry.id) || (entry.tag === "touch" && taken.has(entry.to))) continue;
    taken.add(entry.id);
    const id = String(entry.id);
    if (entry.tag === "delete") effect.deletes.push(key(id));
    else if (entry.tag === "upsert") effect.upserts.push(row(id, entry.value, null));
    else {
      taken.add(entry.to);
      effect.updates.push({ key: key(id), row: row(String(entry.to), UNCHANGED, "w") });
    }
  }
  return effect;
}
