// What this machine can carry, worked out from what was measured on it, and what of that is no more than arithmetic.
import type { BenchResult, WorkloadResult } from "./result.ts";
import { median, slope } from "./statistics.ts";

export interface Statement {
  readonly text: string;
  /** Measured here, or continued along a line beyond what was. */
  readonly basis: "measured" | "extrapolated";
}

/** Rows of a national register, and who gets a part of it. */
const nationalRows = 1e8;
const provinces = 34;

/** Fixed cost and cost of each unit, in seconds, from runs of at least two sizes. */
export interface Line {
  readonly fixedSeconds: number;
  readonly secondsPerUnit: number;
}

/** Null when the sizes do not differ: then nothing tells the fixed part. */
export function fitLine(points: readonly (readonly [units: number, seconds: number])[]): Line | null {
  if (new Set(points.map(([units]) => units)).size < 2) return null;
  const secondsPerUnit = slope(points);
  const mean = (of: (point: readonly [number, number]) => number): number => points.reduce((sum, at) => sum + of(at), 0) / points.length;
  return { secondsPerUnit, fixedSeconds: mean(([, seconds]) => seconds) - secondsPerUnit * mean(([units]) => units) };
}

export function capacityStatements(result: BenchResult): Statement[] {
  const row = (name: string): WorkloadResult | undefined =>
    result.workloads.find((workload) => workload.name === name && workload.digest_equal);
  return [
    ...snapshotStatements(row("snapshot")),
    ...["catchup-small", "catchup-large"].flatMap((name) => rateStatement(row(name))),
    ...fanOutStatements(result.workloads.filter(({ digest_equal: equal }) => equal)),
  ];
}

/** Whole time, its fixed part included, so what is said of larger sizes is rather too slow than too fast. */
function snapshotStatements(snapshot: WorkloadResult | undefined): Statement[] {
  if (snapshot === undefined || snapshot.own.length === 0) return [];
  const seconds = median(snapshot.own);
  const hours = (seconds / snapshot.rows) * (nationalRows / 3600);
  return [
    { text: `first load of one whole copy: ${count(snapshot.rows / seconds)} rows/s at ${count(snapshot.rows)} rows`, basis: "measured" },
    {
      text: `first load of ${count(nationalRows)} rows into one copy: ${hours.toFixed(1)} hours, if the rate stays`,
      basis: "extrapolated",
    },
  ];
}

function rateStatement(row: WorkloadResult | undefined): Statement[] {
  if (row === undefined || row.own.length === 0) return [];
  return [{ text: `${row.title}: ${count(row.rows / median(row.own))} changes/s into one copy`, basis: "measured" }];
}

/** Copies of fan-out rows by their name: `fanout-34`. */
export function copiesOf(name: string): number | null {
  const number = /^fanout-(\d+)(-wall)?$/.exec(name)?.[1];
  return number === undefined ? null : Number(number);
}

function fanOutStatements(rows: readonly WorkloadResult[]): Statement[] {
  const points = rows.flatMap((row): { copies: number; row: WorkloadResult }[] => {
    const copies = copiesOf(row.name);
    return copies === null || row.measure !== "s" || row.own.length === 0 ? [] : [{ copies, row }];
  });
  const measured = points.map(({ copies, row }): Statement => ({
    text: `${copies} partial copies: ${count(row.rows / median(row.own))} changes/s of the source`,
    basis: "measured",
  }));
  const line = fitLine(points.map(({ copies, row }) => [copies, median(row.own) / row.rows] as const));
  if (line === null || points.some(({ copies }) => copies === provinces)) return measured;
  const seconds = line.fixedSeconds + line.secondsPerUnit * provinces;
  return [...measured, { text: `${provinces} partial copies: ${count(1 / seconds)} changes/s of the source`, basis: "extrapolated" }];
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
