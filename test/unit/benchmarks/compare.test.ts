import { describe, expect, it } from "vitest";
import { compareResults, printComparison } from "../../../benchmarks/suite/compare.ts";
import { benchResult, noisyRounds, workloadResult } from "./sample-result.ts";

/** One run of a build; `slower` is the part by which everything takes longer. */
function run(seed: number, slower = 0, noise = 0.03) {
  return benchResult([
    workloadResult("catchup-small", {
      seconds: noisyRounds(2.3 * (1 + slower), noise, seed),
      anchor: noisyRounds(2.4, noise, seed + 5_000),
      cpu: noisyRounds(0.5 * (1 + slower), noise, seed + 10_000),
      rss: noisyRounds(90, noise, seed + 15_000),
    }),
  ]);
}

describe("bench compare", () => {
  it("catches a slow-down of a fifth", () => {
    for (let seed = 0; seed < 50; seed++) {
      const { verdict, changes } = compareResults(run(seed), run(seed + 100, 0.2));
      expect(verdict).toBe("no-go");
      expect(changes.filter((change) => change.verdict === "worse").map(({ quantity }) => quantity)).toEqual(["speed", "engine CPU"]);
    }
  });

  it("catches a decoder that needs a fifth more, although the target hides it from the clock", () => {
    const before = run(1);
    const after = run(2);
    const slower = after.workloads.map((row) => ({ ...row, engine_cpu_rounds: row.engine_cpu_rounds.map((seconds) => seconds * 1.2) }));
    const { changes } = compareResults(before, { ...after, workloads: slower });
    expect(changes.map(({ quantity, verdict }) => [quantity, verdict])).toEqual([
      ["speed", "same"],
      ["engine CPU", "worse"],
      ["memory", "same"],
    ]);
  });

  it("does not flag two runs of the same build", () => {
    const pairs = Array.from({ length: 200 }, (_, seed) => compareResults(run(seed), run(seed + 1_000)));
    const figures = pairs.flatMap(({ changes }) => changes);
    expect(figures).toHaveLength(600);
    expect(figures.filter(({ verdict }) => verdict !== "same").length).toBeLessThanOrEqual(3);
  });

  it("tells a slower day from a slower build by the anchor of the same rounds", () => {
    const day = (seed: number, machine: number, build: number) =>
      benchResult([
        workloadResult("decode", {
          seconds: noisyRounds(1.2 * machine * build, 0.03, seed),
          anchor: noisyRounds(1.1 * machine, 0.03, seed + 5_000),
          cpu: noisyRounds(1.2 * machine * build, 0.03, seed + 10_000),
          anchorCpu: noisyRounds(1.1 * machine, 0.03, seed + 15_000),
        }),
      ]);
    for (let seed = 0; seed < 50; seed++) {
      expect(compareResults(day(seed, 1, 1), day(seed + 100, 1.3, 1)).verdict).toBe("go");
      expect(compareResults(day(seed, 1, 1), day(seed + 100, 0.8, 1.2)).verdict).toBe("no-go");
    }
  });

  it("does not take dongbo's own figures for an anchor", () => {
    const slower = (part: number) => {
      const seconds = [2, 2.01, 2.02, 1.99, 2].map((value) => value * part);
      return benchResult([{ ...workloadResult("fanout-200", { seconds, anchor: seconds }), own_anchor: true }]);
    };
    expect(compareResults(slower(1), slower(1.2)).verdict).toBe("no-go");
    expect(compareResults(slower(1), slower(1)).verdict).toBe("go");
  });

  it("asks for larger differences where rounds differ more", () => {
    const [steady] = compareResults(run(1, 0, 0.01), run(2, 0, 0.01)).changes;
    const [unsteady] = compareResults(run(1, 0, 0.1), run(2, 0, 0.1)).changes;
    expect(unsteady?.noise).toBeGreaterThan(2 * (steady?.noise ?? 0));
  });

  it("is no ground for a go when a fifth would not be seen", () => {
    const comparison = compareResults(run(1, 0, 0.3), run(2, 0, 0.3));
    expect(comparison.changes.some(({ noise }) => noise > 0.2)).toBe(true);
    expect(comparison.verdict).toBe("no-go");
  });

  it("decides nothing about other hardware, other sizes, missing workloads and figures that are no score", () => {
    const before = run(1);
    const other = { ...run(1), machine: { ...before.machine, hardware_class: "another" } };
    const resized = benchResult(run(1).workloads.map((row) => ({ ...row, rows: 7 })));
    const unscored = { ...run(1), unscored: ["the machine was busy"] };
    for (const after of [other, resized, benchResult([]), unscored]) {
      const comparison = compareResults(before, after);
      expect(comparison.verdict).toBe("no-go");
      expect(comparison.refusals).not.toEqual([]);
    }
    expect(compareResults(before, unscored, true).verdict).toBe("go");
  });

  it("is a no-go when a copy was not equal to its source", () => {
    const after = benchResult(run(1).workloads.map((row) => ({ ...row, digest_equal: false })));
    expect(compareResults(run(1), after).verdict).toBe("no-go");
  });

  it("prints a line for each figure and the verdict last", () => {
    const lines = printComparison(compareResults(run(1), run(2)))
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toBe("GO");
  });
});
