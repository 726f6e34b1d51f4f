import { describe, expect, it } from "vitest";
import { capacityOf, fitLine } from "../../../benchmarks/suite/capacity.ts";
import { printCapacity } from "../../../benchmarks/suite/capacity-page.ts";
import { percentile, relativeError } from "../../../benchmarks/suite/statistics.ts";
import { benchResult, workloadResult } from "./sample-result.ts";

function loads(rows: number, seconds: number, rss = 90) {
  return benchResult([{ ...workloadResult("snapshot", { seconds: [seconds - 1, seconds, seconds + 1], rss: [rss] }), rows }]);
}

function copies(...numbers: readonly number[]) {
  return benchResult(numbers.map((number) => workloadResult(`fanout-${number}`, { seconds: [1 + number / 10], rss: [80 + number / 10] })));
}

describe("capacity", () => {
  it("continues one size at its rate", () => {
    const { loads: sizes, loadLine } = capacityOf([loads(1_000_000, 5)]);
    expect(sizes).toEqual([
      { rows: 1_000_000, seconds: 5, basis: "measured" },
      { rows: 10_000_000, seconds: expect.closeTo(50), basis: "extrapolated" },
      { rows: 100_000_000, seconds: expect.closeTo(500), basis: "extrapolated" },
    ]);
    expect(loadLine).toBe("Larger loads: as many rows a second as at 1,000,000 rows.");
  });

  it("continues several sizes along their line, and says how far they are off it", () => {
    const { loads: sizes, loadLine, measured } = capacityOf([loads(1e7, 42, 91), loads(1e5, 2.4, 89), loads(1e6, 6, 90)]);
    expect(sizes.map(({ rows, basis }) => [rows, basis])).toEqual([
      [1e5, "measured"],
      [1e6, "measured"],
      [1e7, "measured"],
      [1e8, "extrapolated"],
    ]);
    expect(sizes.at(-1)?.seconds).toBeCloseTo(402, 0);
    expect(loadLine).toBe(
      "Larger loads: 2.0 s and 4.00 s for each 1,000,000 rows, the line through 3 sizes, which are off it by at most 0 %.",
    );
    expect(measured).toContain(
      "largest memory of dongbo, loading: 0.17 MB more for each 1,000,000 rows (89 MB at 100,000, 91 MB at 10,000,000)",
    );
  });

  it("continues no line that falls, and tells no growth for more than was measured", () => {
    const { loads: sizes, loadLine, measured } = capacityOf([loads(2e4, 1.7), loads(1e5, 1.6, 220)]);
    expect(sizes.at(-1)).toEqual({ rows: 1e8, seconds: expect.closeTo(1_600), basis: "extrapolated" });
    expect(loadLine).toBe("Larger loads: as many rows a second as at 100,000 rows.");
    expect(measured).toEqual([]);
    expect(capacityOf([copies(1), benchResult([workloadResult("fanout-8", { seconds: [1] })])]).rates).toHaveLength(2);
  });

  it("puts 34 copies on the line through what was measured, unless they were", () => {
    const rate = (result: ReturnType<typeof copies>) => capacityOf([result]).rates.find(({ copies: number }) => number === 34);
    expect(rate(copies(1, 8))).toMatchObject({ changesPerSecond: expect.closeTo(22_727, 0), basis: "extrapolated" });
    expect(rate(copies(1, 8, 34))).toMatchObject({ changesPerSecond: expect.closeTo(22_727, 0), basis: "measured" });
    expect(rate(copies(8))).toBeUndefined();
    expect(capacityOf([copies(8)]).notMeasured).toContain("34 copies following together");
    expect(capacityOf([copies(1, 34)]).notMeasured).not.toContain("34 copies following together");
  });

  it("tells how memory grows with copies", () => {
    expect(capacityOf([copies(1, 8, 34)]).measured).toContain(
      "largest memory of dongbo, following: 0.10 MB more for each copy (80 MB at 1, 83 MB at 34)",
    );
  });

  it("says what one copy takes, of rates within a lag too", () => {
    const row = { ...workloadResult("max-rate", { seconds: [0.5] }), title: "transactions with a lag of 1 s at most", rows: 1_000 };
    expect(capacityOf([benchResult([row])]).measured).toEqual([
      "into one copy, transactions with a lag of 1 s at most: 2,000 changes/s, of 1,000",
    ]);
  });

  it("says nothing of copies that were not equal, and that figures are no score", () => {
    const row = { ...workloadResult("snapshot", { seconds: [4] }), digest_equal: false };
    const { loads: sizes, measured, unscored } = capacityOf([{ ...benchResult([row]), unscored: ["a copy differs"] }]);
    expect(sizes).toEqual([]);
    expect(measured).toEqual([]);
    expect(unscored).toEqual(["run of 2026-11-26T00:00:00.000Z: a copy differs"]);
  });

  it("is of one machine", () => {
    const other = loads(1e6, 5);
    const elsewhere = { ...other, machine: { ...other.machine, hardware_class: "another" } };
    expect(() => capacityOf([other, elsewhere])).toThrow("results of several machines");
  });

  it("prints what is extrapolated as such", () => {
    const text = printCapacity(capacityOf([loads(1e6, 5), copies(1, 8)]));
    expect(text).toMatch(/^ +8 +55,556 +55,556 +555,556 +3,333,333 +measured$/m);
    expect(text).toMatch(/^ +34 .* extrapolated$/m);
    expect(text).toMatch(/^ *100,000,000 +8 minutes +200,000 +extrapolated$/m);
  });

  it("tells a fixed cost from the cost of a unit, and not from one size", () => {
    const line = fitLine([
      [10, 3],
      [20, 5],
      [30, 7],
    ]);
    expect(line?.fixed).toBeCloseTo(1);
    expect(line?.perUnit).toBeCloseTo(0.2);
    expect(fitLine([[10, 3]])).toBeNull();
  });
});

describe("statistics", () => {
  it("take percentiles by nearest rank", () => {
    const sorted = Array.from({ length: 1_000 }, (_, at) => at + 1);
    expect([0, 0.5, 0.99, 0.999, 1].map((part) => percentile(sorted, part))).toEqual([1, 500, 990, 999, 1_000]);
  });

  it("know no error of a single round", () => {
    expect(relativeError([1])).toBe(Number.POSITIVE_INFINITY);
    expect(relativeError([2, 2, 2])).toBe(0);
  });
});
