// The capacity of a machine for people: as text, and as the part of the page that a provider can publish.
import type { Capacity, Load, Rate } from "./capacity.ts";
import { whole } from "./capacity.ts";
import { escapeHtml, plot } from "./plot.ts";

/** Lags, in seconds, for which the page says how many changes may come at once. */
const lags: readonly number[] = [1, 10, 60];

const rateHeadings = ["Copies", "Changes/s they keep up with", ...lags.map((lag) => `Changes at once, shown within ${lag} s`), ""];
const loadHeadings = ["Rows", "First load of one whole copy", "Rows/s", ""];

const rateNote =
  "The rate is that at which a running engine works off what has come. That changes which come at once are applied at it is arithmetic.";

function rateCells({ copies, changesPerSecond, basis }: Rate): string[] {
  return [whole(copies), whole(changesPerSecond), ...lags.map((lag) => whole(changesPerSecond * lag)), basis];
}

function loadCells({ rows, seconds, basis }: Load): string[] {
  return [whole(rows), duration(seconds), whole(rows / seconds), basis];
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7_200 ? `${(seconds / 60).toFixed(0)} minutes` : `${(seconds / 3_600).toFixed(1)} hours`;
}

export function printCapacity({ machine, unscored, rates, loads, loadLine, measured, notMeasured }: Capacity): string {
  return [
    machine,
    ...(unscored.length === 0 ? [] : ["NOT A SCORE:", ...unscored.map((line) => `  ${line}`)]),
    ...(rates.length === 0 ? [] : ["", ...columns([rateHeadings, ...rates.map(rateCells)]), rateNote]),
    ...(loads.length === 0 ? [] : ["", ...columns([loadHeadings, ...loads.map(loadCells)])]),
    ...(loadLine === null ? [] : [loadLine]),
    "",
    "Measured:",
    ...measured.map((line) => `  ${line}`),
    "Not measured:",
    ...notMeasured.map((line) => `  ${line}`),
    "",
  ].join("\n");
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padStart(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Tables, a plot of loads by size where there are several, and what the figures do not say. */
export function capacityHtml({ rates, loads, loadLine, measured, notMeasured }: Capacity): string {
  const sizes = loads.filter(({ basis }) => basis === "measured");
  const points = sizes.map(({ rows, seconds }) => [rows, seconds] as const);
  return `${table(rateHeadings, rates.map(rateCells))}
${rates.length === 0 ? "" : `<p>${rateNote}</p>`}
${table(loadHeadings, loads.map(loadCells))}${loadLine === null ? "" : `<p>${escapeHtml(loadLine)}</p>`}
${points.length < 2 ? "" : `<div class="plots">${plot({ title: "first load of one whole copy", x: "rows", y: "seconds", lines: [{ label: "dongbo", points }], marked: true })}</div>`}
<h3>Measured</h3>${list(measured)}<h3>Not measured</h3>${list(notMeasured)}`;
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const body = rows.map((row) => `<tr class="${row.at(-1)}">${cells("td", row)}</tr>`);
  return `<table><thead><tr>${cells("th", headings)}</tr></thead><tbody>${body.join("\n")}</tbody></table>`;
}

function cells(name: "td" | "th", texts: readonly string[]): string {
  return texts.map((text) => `<${name}>${escapeHtml(text)}</${name}>`).join("");
}

/** Lines of a list, made harmless; empty of none. */
export function list(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join("")}</ul>`;
}
