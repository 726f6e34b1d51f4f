// One screen: a row for each score, what it cost, and whether these figures count.
import type { BenchResult, WorkloadResult } from "./result.ts";
import { median } from "./statistics.ts";

const headings = ["workload", "dongbo", "anchor", "ratio (min–max)", "goal", "", "CPU s: engine/source/target", "anchor's", "RSS MB"];

export function printTable(result: BenchResult): string {
  const rows = [headings, ...result.workloads.map(cells)];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const { machine, versions } = result;
  return [
    `${machine.hardware_class}, Node ${machine.node}, ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}`,
    ...lines,
    ...result.workloads.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`)),
    "A ratio above 1: dongbo is better than the anchor in the same rounds.",
    ...(result.unscored.length === 0 ? [] : ["NOT A SCORE:", ...result.unscored.map((reason) => `  ${reason}`)]),
    "",
  ].join("\n");
}

function cells(row: WorkloadResult): string[] {
  const { engine, source, target, anchor_cost: anchor, ratio, goal, measure } = row;
  return [
    row.name,
    row.own.length === 0 ? "–" : `${median(row.own).toFixed(2)} ${measure}`,
    row.anchored.length === 0 ? "–" : `${median(row.anchored).toFixed(2)} ${measure}`,
    ratio === null ? "–" : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
    goal === null ? "–" : printGoal(goal),
    verdict(row),
    [engine.cpu_seconds, source.cpu_seconds, target.cpu_seconds].map(seconds).join(" / "),
    anchor === null ? "–" : [anchor.engine, anchor.source, anchor.target].map((part) => seconds(part.cpu_seconds)).join(" / "),
    engine.rss_peak_mb === null ? "–" : engine.rss_peak_mb.toFixed(0),
  ];
}

/** As design.md writes it: so many times the anchor. */
export function printGoal({ must, aim }: { readonly must: number; readonly aim: number }): string {
  return [must, aim].map((ratio) => Number(ratio.toFixed(2))).join(" / ");
}

function verdict({ digest_equal: equal, goal }: WorkloadResult): string {
  if (!equal) return "UNEQUAL";
  return goal === null ? "" : goal.met;
}

function seconds(value: number | null): string {
  return value === null ? "?" : value.toFixed(2);
}
