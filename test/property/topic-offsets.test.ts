import fc from "fast-check";
import { expect, test } from "vitest";
import {
  parseOffsets,
  type PartitionPlace,
  partitionPosition,
  placeKey,
  printOffsets,
  topicOffsetOrder,
} from "../../connectors/debezium/topic-offsets.ts";
import type { Position } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";

const order = topicOffsetOrder(() => true);

/** Few partitions and small numbers, so that positions often meet. */
const partition = fc.record({ topic: fc.constantFrom("a.b.c", "a.b-c", "x_1"), partition: fc.nat({ max: 2 }) });
const seen = fc
  .uniqueArray(
    fc.record({
      log: fc.constantFrom("lsn", "gtid:0", "gtid:3e11fa47-71ca-11e1-9e33-c80aa9429562", "file"),
      parts: fc.array(fc.bigInt({ min: 0n, max: 1n << 64n }), { minLength: 1, maxLength: 3 }),
      at: fc.nat(),
    }),
    { selector: ({ log }) => log, maxLength: 3 },
  )
  .map((all) => all.toSorted((a, b) => (a.log < b.log ? -1 : 1)));
const place: fc.Arbitrary<PartitionPlace> = fc
  .record({
    where: partition,
    offset: fc.bigInt({ min: 0n, max: 6n }),
    lacking: fc.boolean(),
    last: fc.option(fc.record({ offset: fc.bigInt({ min: 0n, max: 6n }), timestampMs: fc.nat() })),
    seen,
  })
  .map(({ where, ...rest }) => ({ ...where, ...rest }));
const offsets = fc.record({ completeAt: fc.nat(), places: fc.array(place, { maxLength: 5 }) }).map(({ completeAt, places }) => ({
  completeAt,
  places: new Map(places.map((one) => [placeKey(one), one])),
}));
const position = offsets.map(printOffsets);

/** Records that a position covers, spelled out. */
function members(of: Position): Set<string> {
  const all = new Set<string>();
  for (const part of of.split(" ").slice(1)) {
    const [, key = "", end = ""] = /^(.+)=(\d+)/.exec(part) ?? [];
    for (let offset = 0; offset < Number(end); offset++) all.add(`${key}#${offset}`);
  }
  return all;
}

test("positions are ordered as the sets of records that they stand for", () => {
  fc.assert(
    fc.property(position, position, position, (a, b, c) => {
      const [inA, inB, inC] = [members(a), members(b), members(c)];
      expect(order.covers(a, b)).toBe([...inB].every((one) => inA.has(one)));
      const join = order.join(a, b);
      expect(members(join)).toEqual(new Set([...inA, ...inB]));
      expect(order.join(b, a)).toBe(join);
      expect(order.join(order.join(a, b), c)).toBe(order.join(a, order.join(b, c)));
      expect(members(order.least([a, b, c]))).toEqual(new Set([...inA].filter((one) => inB.has(one) && inC.has(one))));
      expect(order.least([c, b, a])).toBe(order.least([a, b, c]));
      expect(order.bytesBetween(a, b)).toBeNull();
    }),
  );
});

test("what is printed is read back, whatever the order in which it was put together", () => {
  fc.assert(
    fc.property(offsets, (all) => {
      const text = printOffsets(all);
      expect(parseOffsets(text)).toEqual(all);
      expect(order.parse(text)).toBe(text);
      expect(printOffsets({ ...all, places: new Map([...all.places].toReversed()) })).toBe(text);
    }),
  );
});

test("what was read of topics that nobody reads any more does not count", () => {
  const [kept, dropped] = [
    partitionPosition({ topic: "kept", partition: 0 }, 5n),
    partitionPosition({ topic: "dropped", partition: 0 }, 9n),
  ];
  const now = topicOffsetOrder((topic) => topic === "kept");
  expect(now.covers(kept, order.join(kept, dropped))).toBe(true);
  expect(order.covers(kept, order.join(kept, dropped))).toBe(false);
  expect(now.join(kept, dropped)).toBe(kept);
});

test.each(["", "x", "1 a/0", "1 a/0=x", "1 a/0=5@6", "1 a/0=5;lsn:1", "1 a/0=5 ", "0/16B3748", "mysql-bin.000001:4"])(
  "%j is not a position",
  (text) => {
    expect(() => order.parse(text)).toThrow(ReplicationError);
  },
);
