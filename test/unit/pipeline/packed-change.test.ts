import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packedBytes, packValues, unpackRow } from "../../../engine/model/packed-rows.ts";
import { ABSENT, type ColumnValue, type Key, UNCHANGED } from "../../../engine/model/row.ts";
import {
  behindChange,
  ChangePacker,
  changeAt,
  type PackedChanges,
  type RowChange,
  wholeRowAt,
} from "../../../engine/pipeline/packed-change.ts";
import type { MappedChange } from "../../../engine/ports/change-mapper.ts";

const short = fc.uint8Array({ maxLength: 60 }).map((value) => Buffer.from(value));
/** Larger than a slab, and than what is copied byte by byte. */
const long = fc.integer({ min: 30_000, max: 70_000 }).map((size) => Buffer.alloc(size, size));
const buffer = fc.oneof({ weight: 30, arbitrary: short }, { weight: 1, arbitrary: long });
const key: fc.Arbitrary<Key> = fc.array(buffer, { minLength: 1, maxLength: 3 });
const value: fc.Arbitrary<ColumnValue> = fc.oneof({ weight: 5, arbitrary: buffer }, fc.constantFrom(null, ABSENT, UNCHANGED));
const oldKey = fc.option(key);
const change: fc.Arbitrary<RowChange> = fc.oneof(
  fc.record({ tag: fc.constant("upsert" as const), key, row: fc.array(value, { maxLength: 20 }), oldKey, partial: fc.boolean() }),
  fc.record({ tag: fc.constant("delete" as const), key }),
  fc.record({ tag: fc.constant("refetch" as const), key, oldKey }),
);

const textOf = (values: readonly ColumnValue[] | null): unknown =>
  values?.map((one) => (one instanceof Buffer ? `b${one.toString("latin1")}` : one)) ?? null;

function asText(one: MappedChange): unknown {
  if (one.tag === "delete") return [one.tag, textOf(one.key)];
  if (one.tag === "refetch") return [one.tag, textOf(one.key), textOf(one.oldKey)];
  return one.tag === "upsert" ? [one.tag, textOf(one.key), textOf(one.oldKey), textOf(one.row), one.partial] : one;
}

interface Packed {
  readonly table: number;
  readonly change: unknown;
}

function unpacked({ table, bytes }: PackedChanges): Packed[] {
  const changes: Packed[] = [];
  for (let at = 0; at < bytes.length; at = behindChange(bytes, at)) {
    const row = wholeRowAt(bytes, at);
    changes.push({ table, change: row === null ? asText(changeAt(bytes, at)) : ["whole", textOf(unpackRow(row))] });
  }
  return changes;
}

/** As the map stage tells of a row that the source has in one piece. */
function inOnePiece(one: RowChange): RowChange {
  if (one.tag !== "upsert") return one;
  const bytes = Buffer.alloc(3 + packedBytes(one.row));
  return { ...one, packed: { bytes, from: 3, to: packValues(one.row, bytes, 3) } };
}

describe("packed changes", () => {
  it("come back in order and as they were, whatever is packed after them, in runs of one table", () => {
    const packable = fc.record({ table: fc.nat({ max: 1 }), change, isWhole: fc.boolean() });
    fc.assert(
      fc.property(fc.array(packable, { minLength: 1, maxLength: 60 }), (changes) => {
        const runs: PackedChanges[] = [];
        const packer = new ChangePacker((run) => runs.push(run));
        for (const { table, change: one, isWhole } of changes) packer.add(table, isWhole ? inOnePiece(one) : one);
        packer.end();
        const due = changes.map(({ table, change: one, isWhole }) => ({
          table,
          change: isWhole && one.tag === "upsert" ? ["whole", textOf(one.row)] : asText(one),
        }));
        // Compared as text: an assertion looks at a Buffer byte by byte.
        expect(JSON.stringify(runs.flatMap(unpacked))).toBe(JSON.stringify(due));
      }),
      { numRuns: 200 },
    );
  });

  it("are forgotten when they are dropped", () => {
    const runs: PackedChanges[] = [];
    const packer = new ChangePacker((run) => runs.push(run));
    packer.add(0, { tag: "delete", key: [Buffer.from("a")] });
    packer.drop();
    expect(packer.bytes).toBe(0);
    packer.add(0, { tag: "delete", key: [Buffer.from("b")] });
    packer.end();
    packer.end();
    expect(runs.flatMap(unpacked)).toEqual([{ table: 0, change: ["delete", ["bb"]] }]);
  });
});
