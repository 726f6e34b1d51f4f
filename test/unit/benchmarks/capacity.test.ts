import { describe, expect, it } from "vitest";
import { capacityStatements, fitLine } from "../../../benchmarks/suite/capacity.ts";
import { percentile, relativeError } from "../../../benchmarks/suite/statistics.ts";
import { benchResult, workloadResult } from "./sample-result.ts";

describe("capacity", () => {
  it("says what was measured, and continues the rate to a national register", () => {
    const result = benchResult([{ ...workloadResult("snapshot", { seconds: [4, 5, 6] }), rows: 1_000_000 }]);
    expect(capacityStatements(result)).toEqual([
      { text: "first load of one whole copy: 200,000 rows/s at 1,000,000 rows", basis: "measured" },
      { text: "first load of 100,000,000 rows into one copy: 0.1 hours, if the rate stays", basis: "extrapolated" },
    ]);
  });

  it("puts 34 copies on the line through what was measured, unless they were", () => {
    const rows = [1, 8].map((copies) => workloadResult(`fanout-${copies}`, { seconds: [1 + copies / 10] }));
    const line = (texts: ReturnType<typeof capacityStatements>) => texts.find(({ text }) => text.startsWith("34 partial"));
    expect(line(capacityStatements(benchResult(rows)))).toEqual({
      text: "34 partial copies: 22,727 changes/s of the source",
      basis: "extrapolated",
    });
    const measured = [...rows, workloadResult("fanout-34", { seconds: [5] })];
    expect(line(capacityStatements(benchResult(measured)))).toEqual({
      text: "34 partial copies: 20,000 changes/s of the source",
      basis: "measured",
    });
  });

  it("says nothing of copies that were not equal", () => {
    const row = { ...workloadResult("snapshot", { seconds: [4] }), digest_equal: false };
    expect(capacityStatements(benchResult([row]))).toEqual([]);
  });

  it("tells a fixed cost from the cost of a unit, and not from one size", () => {
    const line = fitLine([
      [10, 3],
      [20, 5],
      [30, 7],
    ]);
    expect(line?.fixedSeconds).toBeCloseTo(1);
    expect(line?.secondsPerUnit).toBeCloseTo(0.2);
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
