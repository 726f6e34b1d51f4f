// What this machine can carry, worked out from what was measured on it, and what of that is no more than arithmetic. Several results,
// of runs with registers of several sizes, tell a fixed cost from the cost of a row.
import type { BenchResult, WorkloadResult } from "./result.ts";
import { median, slope } from "./statistics.ts";

/** Measured here, or continued along a line beyond what was. */
export type Basis = "measured" | "extrapolated";

/** Copies of one source that follow together. */
export interface Rate {
  readonly copies: number;
  /** Changes of the source, of an engine that works off what has come: connecting is in it, the start of the process is not. */
  readonly changesPerSecond: number;
  readonly basis: Basis;
}

/** First load of one whole copy. */
export interface Load {
  readonly rows: number;
  readonly seconds: number;
  readonly basis: Basis;
}

export interface Capacity {
  readonly machine: string;
  /** Why figures in it are no score, by run. */
  readonly unscored: readonly string[];
  /** By rising number of copies. */
  readonly rates: readonly Rate[];
  /** By rising number of rows. */
  readonly loads: readonly Load[];
  /** How the loads were continued; null: they were not. */
  readonly loadLine: string | null;
  /** Further sentences about what was measured. */
  readonly measured: readonly string[];
  /** What a provider would want to know and these runs do not say. */
  readonly notMeasured: readonly string[];
}

/** Rows of a national register, and what lies on the way there. */
const loadSizes: readonly number[] = [1e6, 1e7, 1e8];
const provinces = 34;

/** Fixed cost and cost of each unit, from runs of at least two sizes. */
export interface Line {
  readonly fixed: number;
  readonly perUnit: number;
}

type LinePoint = readonly [units: number, value: number];

/** Null when the sizes do not differ: then nothing tells the fixed part. */
export function fitLine(points: readonly LinePoint[]): Line | null {
  if (new Set(points.map(([units]) => units)).size < 2) return null;
  const perUnit = slope(points);
  const mean = (of: (point: LinePoint) => number): number => points.reduce((sum, at) => sum + of(at), 0) / points.length;
  return { perUnit, fixed: mean(([, value]) => value) - perUnit * mean(([units]) => units) };
}

/** Null, too, where larger sizes took no longer: then they are too small for the fixed part to be told from chance. */
function risingLine(points: readonly LinePoint[]): Line | null {
  const line = fitLine(points);
  return line === null || line.perUnit <= 0 ? null : line;
}

/** Of results of one hardware class. Throws when there is none, or they are of several. */
export function capacityOf(results: readonly BenchResult[]): Capacity {
  const classes = [...new Set(results.map(({ machine }) => machine.hardware_class))];
  const [machine, other] = classes;
  if (machine === undefined) throw new Error("no result");
  if (other !== undefined) throw new Error(`results of several machines: ${classes.join("; ")}`);
  const rows = results.flatMap(({ workloads }) => workloads).filter((row) => row.digest_equal && row.own.length > 0);
  const rates = ratesByCopies(rows);
  const { loads, loadLine } = loadsBySize(rows.filter(({ name }) => name === "snapshot"));
  return {
    machine,
    unscored: results.flatMap(unscored),
    rates,
    loads,
    loadLine,
    measured: [...rows.flatMap(singleRate), ...memoryByCopies(rows), ...memoryBySize(rows)],
    notMeasured: notMeasured(rates, loads),
  };
}

function unscored({ started_at: at, unscored: reasons }: BenchResult): string[] {
  return reasons.length === 0 ? [] : [`run of ${at}: ${reasons.join("; ")}`];
}

/** Copies of fan-out rows by their name: `fanout-34`, `fanout-200-wall`. */
function copiesOf(name: string): number | null {
  const number = /^fanout-(\d+)(-wall)?$/.exec(name)?.[1];
  return number === undefined ? null : Number(number);
}

function ratesByCopies(rows: readonly WorkloadResult[]): Rate[] {
  const secondsPerChange = medians(
    rows.flatMap((row): LinePoint[] => {
      const copies = copiesOf(row.name);
      return copies === null || row.measure !== "s" ? [] : [[copies, engineSeconds(row) / row.rows]];
    }),
  );
  const rates = secondsPerChange.map(([copies, seconds]): Rate => ({ copies, changesPerSecond: 1 / seconds, basis: "measured" }));
  const line = risingLine(secondsPerChange);
  if (line === null || rates.some(({ copies }) => copies === provinces)) return rates;
  const changesPerSecond = 1 / (line.fixed + line.perUnit * provinces);
  return [...rates, { copies: provinces, changesPerSecond, basis: "extrapolated" as const }].toSorted((a, b) => a.copies - b.copies);
}

function loadsBySize(snapshots: readonly WorkloadResult[]): Pick<Capacity, "loads" | "loadLine"> {
  const points = medians(snapshots.map(({ rows, own }) => [rows, median(own)] as const));
  const last = points.at(-1);
  if (last === undefined) return { loads: [], loadLine: null };
  const [largest, seconds] = last;
  const line = risingLine(points);
  // Of one size the fixed part is not known; counted with every row it makes larger loads rather too slow than too fast.
  const { fixed, perUnit } = line ?? { fixed: 0, perUnit: seconds / largest };
  const beyond = loadSizes.filter((rows) => rows > largest);
  const off = Math.max(...points.map(([rows, measured]) => Math.abs(1 - (fixed + perUnit * rows) / measured)));
  return {
    loads: [
      ...points.map(([rows, measured]): Load => ({ rows, seconds: measured, basis: "measured" })),
      ...beyond.map((rows): Load => ({ rows, seconds: fixed + perUnit * rows, basis: "extrapolated" })),
    ],
    loadLine:
      line === null
        ? `Larger loads: as many rows a second as at ${whole(largest)} rows.`
        : `Larger loads: ${fixed.toFixed(1)} s and ${(perUnit * 1e6).toFixed(2)} s for each 1,000,000 rows, the line through ${points.length} sizes${
            points.length > 2 ? `, which are off it by at most ${(off * 100).toFixed(0)} %` : ""
          }.`,
  };
}

/** Of a process that runs on, as far as it is known. */
function engineSeconds({ engine, own }: WorkloadResult): number {
  return engine.seconds ?? median(own);
}

/** What one copy takes, of workloads whose figure is the time for so many changes. */
const singleRates = new Set(["catchup-small", "catchup-large", "hot-keys", "resume", "max-rate", "max-rate-10"]);

function singleRate(row: WorkloadResult): string[] {
  return singleRates.has(row.name)
    ? [`into one copy, ${row.title}: ${whole(row.rows / engineSeconds(row))} changes/s, of ${whole(row.rows)}`]
    : [];
}

function memoryByCopies(rows: readonly WorkloadResult[]): string[] {
  const points = rows.flatMap(({ name, engine }): LinePoint[] => {
    const copies = copiesOf(name);
    return copies === null || engine.rss_peak_mb === null ? [] : [[copies, engine.rss_peak_mb]];
  });
  return memoryLine(points, { unit: "copy", each: 1, work: "following" });
}

function memoryBySize(rows: readonly WorkloadResult[]): string[] {
  const points = rows.flatMap(({ name, rows: size, engine }): LinePoint[] =>
    name === "snapshot" && engine.rss_peak_mb !== null ? [[size, engine.rss_peak_mb]] : [],
  );
  return memoryLine(points, { unit: "1,000,000 rows", each: 1e6, work: "loading" });
}

function memoryLine(
  points: readonly LinePoint[],
  { unit, each, work }: { readonly unit: string; readonly each: number; readonly work: string },
): string[] {
  const sizes = medians(points);
  const line = fitLine(sizes);
  const [first, last] = [sizes[0], sizes.at(-1)];
  // A slope over less than what it is told for would be no measurement.
  if (line === null || first === undefined || last === undefined || last[0] < each) return [];
  const ends = [first, last].map(([size, mb]) => `${mb.toFixed(0)} MB at ${whole(size)}`).join(", ");
  return [`largest memory of dongbo, ${work}: ${(line.perUnit * each).toFixed(2)} MB more for each ${unit} (${ends})`];
}

function notMeasured(rates: readonly Rate[], loads: readonly Load[]): string[] {
  return [
    ...(rates.some(({ copies, basis }) => copies === provinces && basis === "measured") ? [] : [`${provinces} copies following together`]),
    ...(loads.some(({ rows, basis }) => rows === loadSizes.at(-1) && basis === "measured")
      ? []
      : ["a register of 100,000,000 rows: indexes that outgrow memory make every row dearer there"]),
    `the first load of ${provinces} copies together`,
    "other servers than those of these runs: private ones share processors and disk with the engine, and no network lies between them",
    "rows of other widths, other disks, other indexes at the target",
  ];
}

/** One point for each size, in rising order: the median of all. */
function medians(points: readonly LinePoint[]): LinePoint[] {
  const sizes = [...new Set(points.map(([size]) => size))].toSorted((a, b) => a - b);
  return sizes.map((size) => [size, median(points.filter(([other]) => other === size).map(([, value]) => value))]);
}

/** Without decimals, in groups of three. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}
