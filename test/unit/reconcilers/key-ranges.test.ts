import { describe, expect, it } from "vitest";
import type { KeyRange } from "../../../engine/ports/compared-table.ts";
import { KeyRanges, wholeTable } from "../../../reconcilers/key-ranges.ts";

/** Keys are the numbers from 1 to `rows`. */
const numbers = (rows: number) => ({
  border: ({ after, until }: KeyRange, count: number) => {
    const last = Number(after?.[0] ?? 0) + count;
    return Promise.resolve(last > Math.min(rows, Number(until?.[0] ?? rows)) ? null : [String(last)]);
  },
});

describe("ranges of a key", () => {
  it("follow each other without a gap, open at both ends of the table (RC-09)", async () => {
    const ranges = new KeyRanges(numbers(9_000), wholeTable);
    const all: KeyRange[] = [];
    for (let range = await ranges.next(); range !== null; range = await ranges.next()) all.push(range);
    expect(all).toEqual([
      { after: null, until: ["4000"] },
      { after: ["4000"], until: ["8000"] },
      { after: ["8000"], until: null },
    ]);
  });

  it("begin where an earlier run had come to", async () => {
    expect(await new KeyRanges(numbers(25_000), { after: ["12345"], until: null }).next()).toEqual({ after: ["12345"], until: ["16345"] });
  });

  it("of a part of the table end where it does (RC-09)", async () => {
    const ranges = new KeyRanges(numbers(25_000), { after: ["10000"], until: ["15000"] });
    expect([await ranges.next(), await ranges.next(), await ranges.next()]).toEqual([
      { after: ["10000"], until: ["14000"] },
      { after: ["14000"], until: ["15000"] },
      null,
    ]);
  });

  it("grow while they are equal, and are no larger than can be read in time", async () => {
    const ranges = new KeyRanges(numbers(1e9), wholeTable);
    const sizes = [10, 10, 10, 10, 10, 10, 5_000, 50_000, 50_000].map((tookMs) => {
      ranges.learn(tookMs);
      ranges.judged(false);
      return ranges.rows;
    });
    expect(sizes).toEqual([8_000, 16_000, 32_000, 64_000, 100_000, 100_000, 25_000, 6_250, 1_563]);
    ranges.learn(1e9);
    expect(ranges.rows).toBe(1_000);
  });

  it("shrink where rows change meanwhile, and then grow slowly", async () => {
    const ranges = new KeyRanges(numbers(1e9), wholeTable);
    const sizes = [false, false, true, true, false, false, true].map((differs) => {
      ranges.judged(differs);
      return ranges.rows;
    });
    expect(sizes).toEqual([8_000, 16_000, 4_000, 2_000, 2_400, 2_880, 2_000]);
  });
});
