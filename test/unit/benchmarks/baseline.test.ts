import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readBaseline, saveBaseline } from "../../../benchmarks/suite/baseline.ts";
import type { BenchResult } from "../../../benchmarks/suite/result.ts";
import { benchResult, workloadResult } from "./sample-result.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dongbo-baselines-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function resultOf(hardwareClass: string, seconds: number): BenchResult {
  const result = benchResult([workloadResult("snapshot", { seconds: [seconds] })]);
  return { ...result, machine: { ...result.machine, hardware_class: hardwareClass } };
}

describe("baselines", () => {
  it("lie under the name of their hardware class, and the newest takes the place of the one before", () => {
    const xeon = "Intel(R) Xeon(R) Gold 6.1 CPU @ 2.40GHz, 8 cores, 32 GB";
    saveBaseline(join(folder, "made"), resultOf(xeon, 1));
    saveBaseline(join(folder, "made"), resultOf(xeon, 2));
    saveBaseline(join(folder, "made"), resultOf("AMD EPYC, 4 cores, 16 GB", 3));
    expect(readdirSync(join(folder, "made")).toSorted()).toEqual([
      "amd-epyc-4-cores-16-gb.json",
      "intel-xeon-gold-6.1-cpu-2.40ghz-8-cores-32-gb.json",
    ]);
    expect(readBaseline(join(folder, "made"), resultOf(xeon, 9)).workloads[0]?.own).toEqual([2]);
  });

  it("are found by what they say, whatever they are called; other hardware has none", () => {
    writeFileSync(join(folder, "by-hand.json"), JSON.stringify(resultOf("this one", 4)));
    expect(readBaseline(folder, resultOf("this one", 9)).workloads[0]?.own).toEqual([4]);
    expect(() => readBaseline(folder, resultOf("another", 9))).toThrow("holds no baseline of another");
  });

  it("are scores", () => {
    expect(() => saveBaseline(folder, { ...resultOf("this one", 1), unscored: ["the machine was busy"] })).toThrow("the machine was busy");
    expect(readdirSync(folder)).toEqual([]);
  });
});
