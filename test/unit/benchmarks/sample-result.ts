// Results as `dongbo bench` would write them, with noise from a seed.
import type { BenchResult, WorkloadResult } from "../../../benchmarks/suite/result.ts";
import { median, spread } from "../../../benchmarks/suite/statistics.ts";

/** Rounds around a value, each off by up to a part of it; the same seed gives the same rounds. */
export function noisyRounds(value: number, noise: number, seed: number, rounds = 5): number[] {
  return Array.from({ length: rounds }, (_, round) => value * (1 + noise * (2 * hash(seed * 1_000 + round) - 1)));
}

/** A number of [0, 1) without a pattern that matters here. */
function hash(number: number): number {
  const mixed = Math.imul(number ^ (number >>> 16), 0x45d9f3b);
  const again = Math.imul(mixed ^ (mixed >>> 15), 0x119de1f3);
  return ((again ^ (again >>> 16)) >>> 0) / 2 ** 32;
}

export interface Made {
  readonly seconds: readonly number[];
  readonly anchor?: readonly number[];
  readonly cpu?: readonly number[];
  readonly anchorCpu?: readonly number[];
  readonly rss?: readonly number[];
}

export function workloadResult(name: string, { seconds, anchor = [], cpu = [], anchorCpu = [], rss = [] }: Made): WorkloadResult {
  const ratios = anchor.map((value, round) => value / (seconds[round] ?? Number.NaN));
  return {
    name,
    title: `title of ${name}`,
    anchor: anchor.length === 0 ? null : "postgres-native",
    own_anchor: false,
    rows: 100_000,
    unit: "changes",
    rounds: seconds.length,
    digest_equal: true,
    ratio: ratios.length === 0 ? null : spread(ratios),
    measure: "s",
    own: [...seconds],
    anchored: [...anchor],
    ratios,
    engine: {
      cpu_seconds: cpu.length === 0 ? null : median(cpu),
      rss_peak_mb: rss.length === 0 ? null : median(rss),
      seconds: null,
    },
    engine_cpu_rounds: [...cpu],
    anchor_cpu_rounds: [...anchorCpu],
    rss_peak_rounds: [...rss],
    source: { cpu_seconds: 0.5 },
    target: { cpu_seconds: 1.5 },
    anchor_cost: anchor.length === 0 ? null : { engine: { cpu_seconds: 0 }, source: { cpu_seconds: 0.4 }, target: { cpu_seconds: 2 } },
    goal: { must: 1, aim: 1.3, met: "must" },
    progress: [
      {
        side: "dongbo",
        points: [
          { atSeconds: 0.1, value: 2 },
          { atSeconds: 0.2, value: 5 },
        ],
      },
    ],
    memory: [{ atSeconds: 0.05, value: 80 }],
    latency: [],
    notes: [],
  };
}

export function benchResult(workloads: readonly WorkloadResult[]): BenchResult {
  return {
    format: 1,
    started_at: "2026-11-26T00:00:00.000Z",
    machine: { cpu: "test", cores: 2, memoryGb: 24, kernel: "6", node: "v20", hardware_class: "test, 2 cores, 24 GB" },
    versions: { dongbo: "0.1.0" },
    settings: { source: { fsync: "on" }, target: { fsync: "on" } },
    unscored: [],
    workloads: [...workloads],
  };
}
