// Two results of the same machine, before and after: what has changed by more than chance explains.
import type { BenchResult, WorkloadResult } from "./result.ts";
import { median, relativeError } from "./statistics.ts";

export type Quantity = "speed" | "engine CPU" | "memory";

export interface Change {
  readonly workload: string;
  readonly quantity: Quantity;
  /** Relative; above 0: better now. */
  readonly change: number;
  /** A change up to this, in either direction, says nothing. */
  readonly noise: number;
  readonly verdict: "better" | "same" | "worse";
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Why these results cannot decide, although nothing is worse. */
  readonly refusals: readonly string[];
  readonly verdict: "go" | "no-go";
}

/**
 * Standard errors of a difference within which it may be chance. Many, since they are told from five rounds and a comparison
 * looks at dozens of figures: of equal builds about one figure in four hundred goes further by itself.
 */
const errorsMax = 4;

/** Never told apart below this, however alike the rounds were: another order of memory pages does as much. */
const noiseMin: Readonly<Record<Quantity, number>> = { speed: 0.03, "engine CPU": 0.03, memory: 0.08 };

/** What a fifth more time does to a speed. Rounds that differ more would hide it: they are no ground for a go. */
const noiseMax = 1 - 1 / 1.2;

/** With `indicative` figures that are no score are held against each other all the same. */
export function compareResults(before: BenchResult, after: BenchResult, indicative = false): Comparison {
  const changes = before.workloads.flatMap((old) => {
    const now = after.workloads.find(({ name }) => name === old.name);
    return now === undefined ? [] : compareWorkload(old, now);
  });
  const uncounted = [...unscored("the old", before), ...unscored("the new", after), ...unsteady(changes)];
  const refusals = [...differences(before, after), ...(indicative ? [] : uncounted)];
  const worse = changes.some(({ verdict }) => verdict === "worse") || after.workloads.some((row) => !row.digest_equal);
  return { changes, refusals, verdict: worse || refusals.length > 0 || changes.length === 0 ? "no-go" : "go" };
}

function compareWorkload(old: WorkloadResult, now: WorkloadResult): Change[] {
  const anchored = isCalibrated(old) && isCalibrated(now) && old.anchor === now.anchor;
  const speed = anchored ? judge("speed", old.ratios, now.ratios) : judge("speed", inverse(old.own), inverse(now.own));
  const cpu =
    anchored && knowsAnchorCpu(old) && knowsAnchorCpu(now)
      ? judge("engine CPU", cpuRatios(old), cpuRatios(now))
      : judge("engine CPU", inverse(old.engine_cpu_rounds), inverse(now.engine_cpu_rounds));
  const memory = judge("memory", inverse(old.rss_peak_rounds), inverse(now.rss_peak_rounds));
  return [speed, cpu, memory].filter((change) => change !== null).map((change) => ({ workload: old.name, ...change }));
}

/** Of figures where more is better, round by round; null when there are too few. */
function judge(quantity: Quantity, old: readonly number[], now: readonly number[]): Omit<Change, "workload"> | null {
  if (old.length < 2 || now.length < 2) return null;
  const change = median(now) / median(old) - 1;
  const noise = Math.max(noiseMin[quantity], errorsMax * Math.hypot(relativeError(old), relativeError(now)));
  return { quantity, change, noise, verdict: change < -noise ? "worse" : change > noise ? "better" : "same" };
}

/**
 * Whether the rounds hold an anchor that no build changes. Two runs cannot take turns, and the machine is a little slower on one day
 * than on another: an anchor in the same rounds is slowed as much, so that a figure over the anchor's tells the builds apart and
 * not the days. The noise of the rounds is then that of the quotients. Where the anchor is dongbo itself, or there is none, the day is in
 * the figures, and the noise knows of it only what changed from round to round.
 */
function isCalibrated({ ratios, own_anchor: ownAnchor }: WorkloadResult): boolean {
  return ratios.length > 0 && !ownAnchor;
}

function knowsAnchorCpu({ engine_cpu_rounds: own, anchor_cpu_rounds: anchors }: WorkloadResult): boolean {
  return own.length === anchors.length;
}

function cpuRatios({ engine_cpu_rounds: own, anchor_cpu_rounds: anchors }: WorkloadResult): number[] {
  return own.map((seconds, round) => (anchors[round] ?? 0) / seconds);
}

function inverse(values: readonly number[]): number[] {
  return values.filter((value) => value > 0).map((value) => 1 / value);
}

/** What makes figures of two runs unlike each other before any build does. */
function differences(before: BenchResult, after: BenchResult): string[] {
  const missing = before.workloads.filter(({ name }) => !after.workloads.some((row) => row.name === name));
  const resized = after.workloads.filter((row) => before.workloads.some((old) => old.name === row.name && old.rows !== row.rows));
  return [
    ...(before.machine.hardware_class === after.machine.hardware_class
      ? []
      : [`other hardware: ${before.machine.hardware_class}, then ${after.machine.hardware_class}`]),
    ...(JSON.stringify(before.settings) === JSON.stringify(after.settings) ? [] : ["other settings or versions of the servers"]),
    ...missing.map(({ name }) => `${name} is missing in the new result`),
    ...resized.map(({ name }) => `${name} had another size`),
  ];
}

function unsteady(changes: readonly Change[]): string[] {
  return changes
    .filter(({ noise }) => noise > noiseMax)
    .map(
      ({ workload, quantity, noise }) =>
        `${workload}, ${quantity}: rounds differ so much that only ±${(noise * 100).toFixed(0)} % would be seen`,
    );
}

function unscored(which: string, result: BenchResult): string[] {
  return result.unscored.map((reason) => `${which} result is no score: ${reason}`);
}

export function printComparison({ changes, refusals, verdict }: Comparison): string {
  const lines = changes.map(
    ({ workload, quantity, change, noise, verdict: judged }) =>
      `${workload.padEnd(24)} ${quantity.padEnd(11)} ${signed(change).padStart(8)}  noise ±${(noise * 100).toFixed(1)} %  ${judged}`,
  );
  return [
    "Above 0: better now. What lies within the noise of the rounds is the same.",
    ...lines,
    ...refusals,
    verdict.toUpperCase(),
    "",
  ].join("\n");
}

function signed(change: number): string {
  return `${change < 0 ? "" : "+"}${(change * 100).toFixed(1)} %`;
}
