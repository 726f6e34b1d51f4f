// What a soak came to, on one screen.
import { median, type Trend } from "./measure.ts";
import type { Progress, SoakResult } from "./run-soak.ts";
import type { Strike } from "./strikes.ts";

/** Violations that are shown, and how much of each. */
const shown = { violations: 10, characters: 600 } as const;
/** Between two lines of progress where there is no terminal, seconds. */
const lineEverySeconds = 30;

const told = { at: Number.NEGATIVE_INFINITY, state: "", violations: 0 };

/** On a terminal one line that changes; elsewhere a line for each fault, and now and then. Violations are told at once. */
export function printProgress({ phase, seconds, changes, faults, newestFault, violations }: Progress): void {
  const clock = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const newest = newestFault === "" ? "" : ` (${newestFault})`;
  const line = `${clock}  ${phase}  ${number(changes)} changes  ${faults} faults${newest}  ${violations.length} violations`;
  for (const violation of violations.slice(told.violations)) process.stderr.write(`\n${violation.slice(0, shown.characters)}\n`);
  told.violations = violations.length;
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
  else if (told.state !== phase + newest || seconds - told.at >= lineEverySeconds) {
    [told.at, told.state] = [seconds, phase + newest];
    process.stderr.write(`${line}\n`);
  }
}

export function printResult(result: SoakResult): void {
  if (process.stderr.isTTY) process.stderr.write("\n");
  const { seed, seconds, strikes, kinds, sources, copies, memory, memorySlope, connections, workers } = result;
  const changed = sources.map(
    ({ source, transactions, changes }) => `${source} ${number(changes)} in ${number(transactions)} transactions`,
  );
  console.log(`seed ${seed}, ${number(seconds)} s, changes captured: ${changed.join(" · ")}`);
  const given = result.connectorRestarts === null ? "" : `; the connector had given up ${result.connectorRestarts} times`;
  console.log(`workers started ${workers.starts} times, ${workers.refused} of them in vain without their control database${given}`);
  console.log();
  const struck = kinds.filter((kind) => strikes.some((strike) => strike.kind === kind));
  const spared = kinds.filter((kind) => !struck.includes(kind));
  const faults = struck.map((kind) => faultRow(kind, strikes));
  table(["fault", "times", "recovered", "median s", "worst s"], [...faults, faultRow("all", strikes)]);
  if (spared.length > 0) console.log(`not struck: ${spared.join(", ")}`);
  console.log();
  const looks = copies.map((copy) => [
    copy.copy,
    ...[copy.looks, copy.prefix, copy.commits, copy.refused, copy.absent, copy.away, copy.violations.length].map(number),
  ]);
  table(["copy", "looks", "whole", "commits", "refused", "absent", "away", "violations"], looks);
  console.log();
  const slope = memorySlope === null ? "" : `, ${memorySlope.toFixed(0)} MiB an hour of age`;
  table([`memory, MiB${slope}`, "first third", "last third", "worst", ""], memory.map(trendRow));
  console.log();
  table(["connections", "first third", "last third", "worst", ""], connections.map(trendRow));
  console.log();
  for (const line of verdict(result)) console.log(line);
}

function verdict({ differences, violations, strikes, faultsMin, ok, copies }: SoakResult): string[] {
  const equal =
    differences === null
      ? "copies were NOT COMPARED"
      : differences.length === 0
        ? `all ${copies.length} copies equal their masters`
        : `NOT EQUAL:\n${differences.join("\n")}`;
  const lines = violations.slice(0, shown.violations).map((violation) => `  ${violation.slice(0, shown.characters)}`);
  return [
    equal,
    violations.length === 0 ? "no violation" : `${violations.length} VIOLATIONS`,
    ...lines,
    `${strikes.length} faults of at least ${faultsMin}`,
    ok ? "soak passed" : "soak FAILED",
  ];
}

function faultRow(kind: string, strikes: readonly Strike[]): string[] {
  const own = kind === "all" ? strikes : strikes.filter((strike) => strike.kind === kind);
  const times = own.flatMap(({ recoveredMs }) => (recoveredMs === null ? [] : [recoveredMs]));
  const worst = times.length === 0 ? "" : (Math.max(...times) / 1_000).toFixed(1);
  return [kind, number(own.length), number(times.length), times.length === 0 ? "" : (median(times) / 1_000).toFixed(1), worst];
}

function trendRow({ name, first, last, worst, flat }: Trend): string[] {
  const said = flat === null ? "too short to say" : flat ? "flat" : "GROWS";
  return [name, number(first), number(last), number(worst), said];
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** The first column to the left, all others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)));
    console.log(cells.join("  ").trimEnd());
  }
}
