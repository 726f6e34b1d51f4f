// Slices among the members of a group: whole, even, stable, whatever members claim.
import { array, assert, constantFrom, integer, property, record, uniqueArray } from "fast-check";
import { describe, expect, test } from "vitest";
import { assignSlices, printClaim, readClaim, slicesOf } from "../../connectors/debezium/kafka/slice-assignment.ts";

const claims = uniqueArray(record({ memberId: constantFrom("a", "b", "c", "d", "e", "f"), owned: array(integer({ min: 0, max: 12 })) }), {
  selector: ({ memberId }) => memberId,
  minLength: 1,
});
const slices = integer({ min: 1, max: 12 });

describe("slices", () => {
  test("each has one owner, nobody has two more than another, and the order of claims does not matter", () => {
    assert(
      property(claims, slices, (members, count) => {
        const owners = assignSlices(members, count);
        const all = [...owners.values()].flat().toSorted((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: count }, (_, slice) => slice));
        const sizes = [...owners.values()].map((own) => own.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(assignSlices(members.toReversed(), count)).toEqual(owners);
      }),
    );
  });

  test("who has its share keeps it: a member that joins or leaves moves no more than it must", () => {
    assert(
      property(claims, slices, (members, count) => {
        const before = assignSlices(members, count);
        const again = assignSlices(
          [...before].map(([memberId, owned]) => ({ memberId, owned })),
          count,
        );
        expect(again).toEqual(before);
        const joined = assignSlices(
          [...[...before].map(([memberId, owned]) => ({ memberId, owned })), { memberId: "new", owned: [] }],
          count,
        );
        for (const [memberId, owned] of joined) {
          if (memberId !== "new") expect(owned.every((slice) => before.get(memberId)?.includes(slice))).toBe(true);
        }
      }),
    );
  });

  test("claims are read as they were printed, and anything else as none", () => {
    assert(
      property(array(integer({ min: 0, max: 99 })), (owned) => {
        expect(readClaim(printClaim(owned))).toEqual(owned);
      }),
    );
    for (const text of ["", "1,", "x", "-1", "1;2"]) expect(readClaim(text)).toEqual([]);
  });

  test("partitions belong to slices by remainder", () => {
    expect(slicesOf([0, 5, 4, 1], 4)).toEqual([0, 1]);
    expect(slicesOf([], 4)).toEqual([]);
  });
});
