// What many worlds came to, on one screen.
import type { SeedResult } from "./simulate-seed.ts";

export interface Totals {
  seeds: number;
  hours: number;
  happenings: number;
  commits: number;
  states: number;
  acknowledgements: number;
  gates: number;
  readonly faults: Map<string, number>;
  readonly violations: SeedResult[];
}

/** So many violations are shown. */
const shownMax = 10;
/** A line of progress where there is no terminal, worlds. */
const lineEvery = 1_000;

export function total(totals: Totals, result: SeedResult): void {
  totals.seeds += 1;
  totals.hours += result.hours;
  totals.happenings += result.happenings;
  totals.commits += result.commits;
  totals.states += result.states;
  totals.acknowledgements += result.acknowledgements;
  totals.gates += result.gates;
  for (const [kind, count] of Object.entries(result.faults)) totals.faults.set(kind, (totals.faults.get(kind) ?? 0) + count);
  if (result.violation !== null) totals.violations.push(result);
}

export function printProgress({ seeds, violations }: Totals, of: number): void {
  if (of === 1) return;
  const line = `${seeds} of ${of} worlds, ${violations.length} violations`;
  if (process.stderr.isTTY) process.stderr.write(`\r${line}${seeds === of ? "\n" : ""}`);
  else if (seeds % lineEvery === 0) process.stderr.write(`${line}\n`);
}

export function printResults(totals: Totals, seconds: number, json: boolean): void {
  const { seeds, hours, happenings, commits, states, acknowledgements, gates, faults, violations } = totals;
  if (json) {
    console.log(
      JSON.stringify({
        seeds,
        hours,
        seconds,
        happenings,
        commits,
        states,
        acknowledgements,
        gates,
        faults: Object.fromEntries(faults),
        violations,
      }),
    );
    return;
  }
  const number = (value: number): string => Math.round(value).toLocaleString("en-US");
  console.log(`${number(seeds)} worlds, ${number(hours)} simulated hours, ${number(happenings)} happenings in ${number(seconds)} s`);
  console.log(
    `judged: ${number(commits)} commits, ${number(states)} states of copies, ${number(acknowledgements)} acknowledgements, ${number(gates)} gates`,
  );
  const kinds = [...faults].toSorted(([, one], [, other]) => other - one).map(([kind, count]) => `${kind} ${number(count)}`);
  for (const line of wrapped(kinds)) console.log(line);
  console.log(violations.length === 0 ? "no violation" : `${violations.length} VIOLATIONS`);
  for (const { seed, violation } of violations.slice(0, shownMax)) {
    console.log(`  seed ${seed} after ${violation?.atSeconds} s: ${violation?.words}`);
    console.log(`    npm run simulate -- --seed ${seed} --trace`);
  }
}

/** Faults by kind, on lines that fit a screen. */
function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  let line = "faults:";
  for (const word of words) {
    if (line.length + word.length > 118) {
      lines.push(line);
      line = "       ";
    }
    line += ` ${word} ·`;
  }
  lines.push(line.replace(/ ·$/, ""));
  return lines;
}
