import { describe, expect, it } from "vitest";
import { judgeRounds } from "../../../benchmarks/suite/judge-rounds.ts";
import { inTurn, type Round, runRounds, scoreRounds } from "../../../benchmarks/suite/run-rounds.ts";
import { type Sample, type Side, wallTime, type Workload } from "../../../benchmarks/suite/workload.ts";

const idle = { others: 0, stolen: 0 };

function sample(seconds: number, digestEqual = true): Sample {
  return {
    seconds,
    engineSeconds: null,
    units: 10,
    cpu: { engine: 1, source: 1, target: 1 },
    rssPeakMb: 50,
    digestEqual,
    memory: [],
    progress: [],
    latenciesMs: [],
    notes: [],
  };
}

const workload: Workload = {
  name: "w",
  title: "a workload",
  anchor: "something",
  unit: "rows",
  scores: [wallTime("w", { must: 1, aim: 1.3 })],
};

function rounds(...seconds: readonly (readonly [own: number, anchor: number])[]): Round[] {
  return seconds.map(([own, anchor]) => ({ samples: { dongbo: sample(own), anchor: sample(anchor) }, disturbance: idle }));
}

describe("rounds", () => {
  it("let another side begin each time, and stop at a copy that differs", async () => {
    const seen: string[] = [];
    const prepared = {
      before: (round: number) => {
        seen.push(`round ${round}`);
        return Promise.resolve();
      },
      measure: (side: Side) => {
        seen.push(side);
        return Promise.resolve(sample(1, seen.length < 6));
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const done = await runRounds(prepared, { rounds: 5, sides: ["dongbo", "anchor"], watch: () => () => idle, tell: () => {} });
    expect(seen).toEqual(["round 0", "dongbo", "anchor", "round 1", "anchor", "dongbo"]);
    expect(done).toHaveLength(2);
    expect(judgeRounds(workload, done)[0]).toMatchObject({ digest_equal: false, goal: { met: "missed" } });
  });

  it("take turns with any number of sides", () => {
    expect([0, 1, 2, 3].map((round) => inTurn(["a", "b", "c"], round).join(""))).toEqual(["abc", "bca", "cab", "abc"]);
  });

  it("are paired: the ratio is the anchor's figure over dongbo's of the same round", () => {
    const [row] = judgeRounds(workload, rounds([1, 2], [2, 2], [4, 6]));
    expect(row).toMatchObject({ ratios: [2, 1, 1.5], ratio: { median: 1.5, min: 1, max: 2 }, goal: { met: "aim" }, digest_equal: true });
  });

  it("are held against a limit where there is no anchor", () => {
    const score = { ...wallTime("limited", null), limit: 10 };
    expect(scoreRounds(score, rounds([5, 1], [20, 1])).ratios).toEqual([2, 0.5]);
  });

  it("tell when the machine was busy", () => {
    const [first, second] = rounds([1, 1], [1, 1]);
    const busy = [first, second && { ...second, disturbance: { others: 0.2, stolen: 0 } }].filter((round) => round !== undefined);
    expect(judgeRounds(workload, busy)[0]?.notes).toEqual([
      "busy in 1 of 2 rounds; at worst other processes took 20 % of the machine (at most 5 %), its host 0 % (at most 2 %)",
    ]);
  });
});
