import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ABSENT, type ColumnValue, type Key, UNCHANGED } from "../../../engine/model/row.ts";
import { ChangePacker, unpackChange } from "../../../engine/pipeline/packed-change.ts";
import type { MappedChange } from "../../../engine/ports/change-mapper.ts";

type Packable = Parameters<ChangePacker["pack"]>[0];

const short = fc.uint8Array({ maxLength: 60 }).map((value) => Buffer.from(value));
/** Larger than a slab, and than what is copied byte by byte. */
const long = fc.integer({ min: 30_000, max: 70_000 }).map((size) => Buffer.alloc(size, size));
const buffer = fc.oneof({ weight: 30, arbitrary: short }, { weight: 1, arbitrary: long });
const key: fc.Arbitrary<Key> = fc.array(buffer, { minLength: 1, maxLength: 3 });
const value: fc.Arbitrary<ColumnValue> = fc.oneof({ weight: 5, arbitrary: buffer }, fc.constantFrom(null, ABSENT, UNCHANGED));
const oldKey = fc.option(key);
const change: fc.Arbitrary<Packable> = fc.oneof(
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

describe("packed changes", () => {
  it("come back as they were, whatever is packed after them", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 30 }), (changes) => {
        const packer = new ChangePacker();
        const packed = changes.map((one) => packer.pack(one));
        const back: MappedChange[] = packed.map((one) => unpackChange(one));
        // Compared as text: an assertion looks at a Buffer byte by byte.
        expect(JSON.stringify(back.map(asText))).toBe(JSON.stringify(changes.map(asText)));
      }),
      { numRuns: 200 },
    );
  });
});
