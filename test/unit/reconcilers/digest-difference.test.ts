import { describe, expect, it } from "vitest";
import { differingGroups, DigestSum, suspectKeys } from "../../../reconcilers/digest-difference.ts";

const group = (at: number, count: number, high: bigint, low: bigint) => ({ group: at, count, high, low });

describe("digests of both sides", () => {
  it("differ by count, by either half, and by being on one side only", () => {
    const master = [group(0, 1, 1n, 1n), group(1, 1, 1n, 1n), group(2, 1, 1n, 1n), group(3, 1, 1n, 1n), group(4, 1, 1n, 1n)];
    const copy = [group(0, 1, 1n, 1n), group(1, 2, 1n, 1n), group(2, 1, 2n, 1n), group(3, 1, 1n, 2n), group(5, 1, 1n, 1n)];
    expect(differingGroups(master, copy).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  });

  it("suspect rows of one side, of other digests, and keys that are there twice", () => {
    const row = (key: string, digest: string) => ({ key: [key], digest });
    const master = [row("same", "1"), row("changed", "1"), row("missing", "1"), row("twice", "1")];
    const copy = [row("same", "1"), row("changed", "2"), row("extra", "1"), row("twice", "1"), row("twice", "1")];
    expect(suspectKeys(master, copy).map(([key]) => key)).toEqual(["changed", "missing", "extra", "twice"]);
  });

  it("tell keys apart whose parts only look alike when joined", () => {
    const master = [{ key: ["a", "bc"], digest: "1" }];
    const copy = [{ key: ["ab", "c"], digest: "1" }];
    expect(suspectKeys(master, copy)).toHaveLength(2);
  });

  it("are summed without regard to order, and go on from what was printed", () => {
    const sum = new DigestSum();
    sum.add([group(0, 2, 2n ** 64n - 1n, 5n), group(1, 1, 3n, 2n ** 63n)]);
    expect(sum.toString()).toBe(`${"2".padStart(16, "0")}8000000000000005`);
    const again = DigestSum.of(sum.rows, sum.toString());
    again.add([group(0, 1, 1n, 1n)]);
    sum.add([group(0, 1, 1n, 1n)]);
    expect([again.rows, again.toString()]).toEqual([4, sum.toString()]);
  });
});
