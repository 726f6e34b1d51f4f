// The net effect of a piece must do to a table what its changes do one after another.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Key, keyText, type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { NetEffect } from "../../engine/pipeline/net-effect.ts";
import type { MappedChange } from "../../engine/ports/change-mapper.ts";
import type { TableChange } from "../../engine/ports/change-target.ts";

type Table = Map<string, Row>;

/** What the source does, in terms of a row model: keys 0..4, one small and one out-of-line column. */
type Step =
  | { readonly kind: "insert"; readonly key: number; readonly small: string; readonly large: string }
  | { readonly kind: "update"; readonly key: number; readonly to: number; readonly small: string; readonly large: string | null }
  | { readonly kind: "delete"; readonly key: number }
  | { readonly kind: "truncate" };

const keys = fc.integer({ min: 0, max: 4 });
const values = fc.constantFrom("a", "b", "c", "d");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("insert" as const), key: keys, small: values, large: values }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("update" as const), key: keys, to: keys, small: values, large: fc.option(values) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), key: keys }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("truncate" as const) }) },
);

const keyOf = (key: number): Key => [Buffer.from(String(key))];
const row = (key: number, small: string, large: string): Row => [Buffer.from(String(key)), Buffer.from(small), Buffer.from(large)];

/** Carries a step out on the model, when the source could have done it, and says what the map stage would send. */
function carryOut(table: Table, done: Step): MappedChange | null {
  switch (done.kind) {
    case "truncate":
      table.clear();
      return { tag: "truncate" };
    case "insert": {
      if (table.has(keyText(keyOf(done.key)))) return null;
      const made = row(done.key, done.small, done.large);
      table.set(keyText(keyOf(done.key)), made);
      return { tag: "upsert", key: keyOf(done.key), row: made, oldKey: null, partial: false };
    }
    case "delete":
      return table.delete(keyText(keyOf(done.key))) ? { tag: "delete", key: keyOf(done.key) } : null;
    case "update": {
      const old = table.get(keyText(keyOf(done.key)));
      if (old === undefined || (done.to !== done.key && table.has(keyText(keyOf(done.to))))) return null;
      const large = done.large === null ? (old[2] as Buffer) : Buffer.from(done.large);
      table.delete(keyText(keyOf(done.key)));
      table.set(keyText(keyOf(done.to)), [Buffer.from(String(done.to)), Buffer.from(done.small), large]);
      const image: Row = [Buffer.from(String(done.to)), Buffer.from(done.small), done.large === null ? UNCHANGED : large];
      return {
        tag: "upsert",
        key: keyOf(done.to),
        row: image,
        oldKey: done.to === done.key ? null : keyOf(done.key),
        partial: done.large === null,
      };
    }
  }
}

/** What a target does with a net effect, in the order that its port promises. */
function write(table: Table, { truncate, deletes, updates, upserts }: TableChange, missing: string[]): void {
  if (truncate) table.clear();
  const resolved: Row[] = [];
  for (const { key, row: image } of updates) {
    const base = table.get(keyText(key));
    if (base === undefined) missing.push(keyText(key));
    else resolved.push(image.map((value, column) => (value === UNCHANGED ? (base[column] ?? null) : value)));
  }
  for (const key of deletes) table.delete(keyText(key));
  for (const complete of [...resolved, ...upserts]) table.set(keyText([complete[0] as Buffer]), complete);
}

const print = (table: Table): string[] => [...table].map(([key, values]) => `${key}=${values.map(String).join(",")}`).toSorted();

describe("the net effect of a piece", () => {
  it("leaves the table as its changes would one after another, with key changes, swaps, unchanged values and truncates", () => {
    const mapping = { key: [], columns: [] } as unknown as TableMapping;
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 12 }),
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 40 }),
        (before, steps, pieceSize) => {
          const master: Table = new Map();
          for (const done of before) carryOut(master, done);
          const copy: Table = new Map(master);
          let effect = new NetEffect(mapping);
          const missing: string[] = [];
          for (const [index, done] of steps.entries()) {
            const change = carryOut(master, done);
            if (change !== null) effect.add(change);
            if ((index + 1) % pieceSize > 0) continue;
            const { change: net, refetch } = effect.take();
            expect(refetch).toEqual([]);
            write(copy, net, missing);
            effect = new NetEffect(mapping);
          }
          write(copy, effect.take().change, missing);
          expect(missing).toEqual([]);
          expect(print(copy)).toEqual(print(master));
        },
      ),
      { numRuns: Number(process.env["DONGBO_RUNS"] ?? 2_000) },
    );
  });

  it("asks for a row whose unchanged values went away in the same piece", () => {
    const effect = new NetEffect({ key: [], columns: [] } as unknown as TableMapping);
    effect.add({ tag: "delete", key: keyOf(1) });
    effect.add({ tag: "upsert", key: keyOf(1), row: [Buffer.from("1"), Buffer.from("a"), UNCHANGED], oldKey: null, partial: true });
    expect(effect.take()).toMatchObject({ refetch: [keyOf(1)], change: { deletes: [], upserts: [], updates: [] } });
  });
});
