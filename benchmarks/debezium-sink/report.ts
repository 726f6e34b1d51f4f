// Tables of what was measured. A ratio above 1 means that dongbo is better, for speed and for memory.
import { median } from "../suite/statistics.ts";
import type { Run } from "./stand.ts";

/** By reader, in the order of the rounds. */
export type Runs = Readonly<Record<string, readonly Run[]>>;

/** Goals and aims of the comparison, as ratios. */
const goals = "goals: events/s at least 3, aim 5; peak memory at least 4, aim 8";

/** dongbo's whole process is timed, its start and its end included; of the sink also what it needs once its worker is up. */
export function printComparison(runs: Runs, events: number): void {
  printRuns(runs, events);
  console.log(`\ndongbo beside the sink of the same round, above 1 where dongbo is better (${goals})`);
  const { dongbo = [], ...sinks } = runs;
  for (const [name, sink] of Object.entries(sinks)) {
    const ratio = (of: (ours: Run, theirs: Run) => number): string => ratios(dongbo, sink, of);
    const lines = [
      ["events/s, whole process ÷ sink in a running worker", ratio((ours, theirs) => theirs.workSeconds / ours.wholeSeconds)],
      ["events/s, both with the start of their processes", ratio((ours, theirs) => theirs.wholeSeconds / ours.wholeSeconds)],
      ["events/s, both without it", ratio((ours, theirs) => theirs.workSeconds / ours.workSeconds)],
      ["processor time of the reading process", ratio((ours, theirs) => theirs.cpuSeconds / ours.cpuSeconds)],
      ["processor time of PostgreSQL", ratio((ours, theirs) => theirs.serverCpuSeconds / ours.serverCpuSeconds)],
      ["peak memory", ratio((ours, theirs) => theirs.peakMb / ours.peakMb)],
    ];
    for (const [what = "", text = ""] of lines) console.log(`${name.padEnd(14)} ${what.padEnd(52)} ${text}`);
  }
}

export function printFanOut(runs: Runs, events: number): void {
  printRuns(runs, events);
  const { dongbo = [], ...fanned } = runs;
  const multiples: readonly (readonly [string, (run: Run) => number])[] = [
    ["time, whole process", ({ wholeSeconds }) => wholeSeconds],
    ["processor time of the engine", ({ cpuSeconds }) => cpuSeconds],
    ["processor time of PostgreSQL", ({ serverCpuSeconds }) => serverCpuSeconds],
    ["peak memory", ({ peakMb }) => peakMb],
  ];
  for (const [name, many] of Object.entries(fanned)) {
    console.log(`\n${name} as multiples of one unfiltered copy of the same round`);
    for (const [what, of] of multiples) console.log(`${what.padEnd(30)} ${ratios(dongbo, many, (one, run) => of(run) / of(one))}`);
  }
}

function printRuns(runs: Runs, events: number): void {
  const columns: readonly (readonly [string, (run: Run) => number, number])[] = [
    ["events/s", (run) => events / run.workSeconds, 0],
    ["with start", (run) => events / run.wholeSeconds, 0],
    ["whole s", (run) => run.wholeSeconds, 2],
    ["CPU s", (run) => run.cpuSeconds, 2],
    ["PostgreSQL CPU s", (run) => run.serverCpuSeconds, 2],
    ["peak RSS MB", (run) => run.peakMb, 0],
  ];
  console.log(`\n${["", ...columns.map(([title]) => title)].map(cell).join("")}`);
  for (const [name, list] of Object.entries(runs)) {
    const cells = columns.map(([, of, digits]) => `${median(list.map(of)).toFixed(digits)} (${range(list.map(of), digits)})`);
    console.log([name, ...cells].map(cell).join(""));
  }
}

function cell(text: string, index: number): string {
  return index === 0 ? text.padEnd(14) : text.padStart(24);
}

function ratios(first: readonly Run[], second: readonly Run[], of: (first: Run, second: Run) => number): string {
  const values = first.flatMap((run, round) => {
    const other = second[round];
    return other === undefined ? [] : [of(run, other)];
  });
  return `${median(values).toFixed(2)} (${range(values)})`;
}

/** Smallest and largest. */
function range(values: readonly number[], digits = 2): string {
  return `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}`;
}
