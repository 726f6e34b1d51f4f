// The result as one HTML file that needs nothing else: no script, no network.
import { type Capacity, capacityOf } from "./capacity.ts";
import { capacityHtml, list } from "./capacity-page.ts";
import { escapeHtml, plot, type PlotLine } from "./plot.ts";
import { printGoal } from "./print-table.ts";
import type { BenchResult, WorkloadResult } from "./result.ts";
import { median } from "./statistics.ts";
import { timeBars } from "./time-bars.ts";

export function renderReport(result: BenchResult): string {
  const { machine, versions, unscored, workloads } = result;
  const capacity = capacityOf([result]);
  return page(
    `dongbo bench ${result.started_at}`,
    `<h1>dongbo bench</h1>
<p>${escapeHtml(result.started_at)} · ${escapeHtml(machine.hardware_class)} · kernel ${escapeHtml(machine.kernel)} · Node ${escapeHtml(machine.node)} ·
${escapeHtml(
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(" · "),
)}</p>
${refusal(unscored)}
${table(workloads)}
${list(workloads.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`)))}
<h2>Where the processor time goes</h2>
<p>Seconds of all processors, medians of the rounds; in brackets how much of the side's whole time one processor was busy with that part.
With one copy, what is near 100 % is the limit. <span class="key part0">engine</span> <span class="key part1">source</span> <span class="key part2">target</span></p>
<div class="plots">${oncePerWorkload(workloads).map(timeBars).join("\n")}</div>
<h2>What this machine carries</h2>${capacityHtml(capacity)}
<h2>Course</h2><div class="plots">${plots(workloads, capacity.rates)}</div>
<h2>Settings</h2>${settings(result)}`,
  );
}

/** The page about what a machine carries alone, from results of several sizes. */
export function renderCapacity(capacity: Capacity): string {
  const title = `What ${capacity.machine} carries`;
  return page(title, `<h1>${escapeHtml(title)}</h1>${refusal(capacity.unscored)}${capacityHtml(capacity)}`);
}

function refusal(reasons: readonly string[]): string {
  return reasons.length === 0 ? "" : `<section class="refused"><h2>These figures are no score</h2>${list(reasons)}</section>`;
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body>
${body}
</body></html>
`;
}

/** Scores of the same rounds share what these cost. */
function oncePerWorkload(rows: readonly WorkloadResult[]): WorkloadResult[] {
  return rows.filter(({ title }, at) => rows.findIndex((row) => row.title === title) === at);
}

function table(rows: readonly WorkloadResult[]): string {
  const body = rows.map((row) => {
    const { ratio, goal, engine, source, target, anchor_cost: anchor } = row;
    const figures = [
      figure(row.own, row.measure),
      figure(row.anchored, row.measure),
      ratio === null ? "–" : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
      goal === null ? "–" : printGoal(goal),
      row.digest_equal ? (goal?.met ?? "") : "unequal: no score",
      [engine.cpu_seconds, source.cpu_seconds, target.cpu_seconds].map(seconds).join(" / "),
      anchor === null ? "–" : [anchor.engine, anchor.source, anchor.target].map((part) => seconds(part.cpu_seconds)).join(" / "),
      engine.rss_peak_mb?.toFixed(0) ?? "–",
    ];
    const name = `<td><b>${escapeHtml(row.name)}</b><br>${escapeHtml(row.title)}<br><small>${row.rows.toLocaleString("en")} ${row.unit}, ${row.rounds} rounds, against ${escapeHtml(row.anchor ?? "nothing")}</small></td>`;
    return `<tr>${name}${figures.map((text) => `<td>${escapeHtml(text)}</td>`).join("")}</tr>`;
  });
  const headings = [
    "Workload",
    "dongbo",
    "Anchor",
    "Ratio (min–max)",
    "Goal: must / aim",
    "Met",
    "CPU s: engine / source / target",
    "Anchor's CPU s: engine / source / target",
    "Peak RSS, MB",
  ];
  return `<table><thead><tr>${headings.map((text) => `<th>${text}</th>`).join("")}</tr></thead><tbody>${body.join("\n")}</tbody></table>
<p>Medians of the rounds. A ratio above 1: dongbo is better than the anchor in the same round.</p>`;
}

function figure(values: readonly number[], unit: string): string {
  return values.length === 0 ? "–" : `${median(values).toFixed(2)} ${unit}`;
}

function seconds(value: number | null): string {
  return value === null ? "?" : value.toFixed(2);
}

function plots(rows: readonly WorkloadResult[], rates: Capacity["rates"]): string {
  const byCopies = rates.flatMap(({ copies, changesPerSecond, basis }) =>
    basis === "measured" ? [[copies, changesPerSecond] as const] : [],
  );
  return [
    ...rows.map(({ name, progress }) =>
      plot({
        title: `${name}: log written by the target`,
        x: "seconds",
        y: "MB",
        lines: progress.map(({ side, points }) => overTime(side, points)),
      }),
    ),
    ...rows.map(({ name, memory }) =>
      plot({ title: `${name}: memory of dongbo`, x: "seconds", y: "MB", lines: memory.length === 0 ? [] : [overTime("resident", memory)] }),
    ),
    ...rows.map(({ name, latency }) =>
      plot({
        title: `${name}: latency`,
        x: "percent of the changes",
        y: "ms",
        lines: latency.map(({ side, points }) => ({ label: side, points: points.map(([part, ms]) => [part * 100, ms] as const) })),
        marked: true,
      }),
    ),
    plot({
      title: "changes per second by number of copies",
      x: "copies",
      y: "changes/s",
      lines: byCopies.length < 2 ? [] : [{ label: "dongbo", points: byCopies }],
      marked: true,
    }),
  ].join("\n");
}

function overTime(label: string, points: WorkloadResult["memory"]): PlotLine {
  return { label, points: points.map(({ atSeconds, value }) => [atSeconds, value] as const) };
}

function settings({ settings: servers }: BenchResult): string {
  const names = [...new Set(Object.values(servers).flatMap((values) => Object.keys(values)))].toSorted();
  const rows = names.map(
    (name) =>
      `<tr><td>${escapeHtml(name)}</td>${Object.values(servers)
        .map((values) => `<td>${escapeHtml(values[name] ?? "")}</td>`)
        .join("")}</tr>`,
  );
  return `<table><thead><tr><th></th>${Object.keys(servers)
    .map((name) => `<th>${escapeHtml(name)}</th>`)
    .join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d0d7de; --a: #0a58ca; --b: #b35900; --c: #2e7d32; --bad: #b00020 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --faint: #30363d; --a: #6ea8fe; --b: #ffb366; --c: #81c784; --bad: #ff7b8a } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto; max-width: 78rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } th, td { border-bottom: 1px solid var(--faint); padding: .35rem .5rem; text-align: left; vertical-align: top }
.refused { border-left: 4px solid var(--bad); padding-left: 1rem }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 1rem } figure { margin: 0 } svg { width: 100% }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink) } .grid { stroke: var(--faint) } polyline { fill: none; stroke-width: 1.6 }
polyline.line0 { stroke: var(--a) } polyline.line1 { stroke: var(--b) } circle.line0, svg text.line0 { fill: var(--a) } circle.line1, svg text.line1 { fill: var(--b) }
.part0 { fill: var(--a) } .part1 { fill: var(--b) } .part2 { fill: var(--c) } .key { border-left: .8em solid; padding: 0 .8em 0 .3em }
.key.part0 { border-color: var(--a) } .key.part1 { border-color: var(--b) } .key.part2 { border-color: var(--c) } .extrapolated { font-style: italic }`;
