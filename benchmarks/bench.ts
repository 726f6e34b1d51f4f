// `dongbo bench`: measures this build on this machine beside what it is held against, and says whether the figures count.
import { writeFileSync } from "node:fs";
import { constants } from "node:os";
import { resolve } from "node:path";
import { Command } from "commander";
import type { ServerUrls } from "./stands/postgres-stand.ts";
import { printResult, readBaseline, saveBaseline } from "./suite/baseline.ts";
import { capacityOf } from "./suite/capacity.ts";
import { printCapacity } from "./suite/capacity-page.ts";
import { compareResults, printComparison } from "./suite/compare.ts";
import { printTable } from "./suite/print-table.ts";
import { renderCapacity, renderReport } from "./suite/report.ts";
import { type BenchResult, exitCodeOf, readResult } from "./suite/result.ts";
import { runSuite, type SuiteOptions } from "./suite/run-suite.ts";
import { wholeNumber } from "./suite/whole-number.ts";
import type { Workload } from "./suite/workload.ts";
import { catalogue, quickNames } from "./workloads/catalogue.ts";

interface Flags {
  readonly quick: boolean;
  readonly list: boolean;
  readonly rows?: number;
  readonly changes?: number;
  readonly rounds?: number;
  readonly json?: string;
  readonly html?: string;
  readonly saveBaseline?: string;
  readonly profile?: string;
  readonly source?: string;
  readonly target?: string;
}

const names = catalogue.map(({ workload }) => workload.name);

/** 0: every copy was equal to its source; 1: one was not, or the baseline that was asked for is no score; 2: bad usage. */
async function bench(chosen: readonly string[], flags: Flags, command: Command): Promise<void> {
  if (flags.list) {
    for (const { workload } of catalogue) console.log(`${workload.name.padEnd(16)} ${workload.title}; against ${heldAgainst(workload)}`);
    return;
  }
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length > 0) command.error(`no workload is called ${unknown.join(", ")}; there are ${names.join(", ")}`);
  const result = await runSuite(suiteOptions(chosen, flags, command)).catch(endWhenInterrupted);
  process.stdout.write(printTable(result));
  writeFiles(flags, result);
  process.exitCode = exitCodeOf(result);
  if (flags.saveBaseline !== undefined) keepBaseline(flags.saveBaseline, result);
}

function writeFiles({ json, html }: Pick<Flags, "json" | "html">, result: BenchResult): void {
  if (json !== undefined) writeFileSync(json, printResult(result));
  if (html !== undefined) writeFileSync(html, renderReport(result));
}

let interruptedBy: NodeJS.Signals | null = null;

/** Rejects at Ctrl+C, so that the servers do not outlive the run. */
function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        interruptedBy = signal;
        // What was under way fails in its own ways once its servers are gone.
        process.on("uncaughtException", () => {});
        reject(new Error(`${signal} came`));
      });
    }
  });
  interrupted.catch(() => {});
  return interrupted;
}

function endWhenInterrupted(error: unknown): never {
  if (interruptedBy === null) throw error;
  console.error("interrupted: the servers were stopped and their files removed");
  process.exit(128 + constants.signals[interruptedBy]);
}

function keepBaseline(folder: string, result: BenchResult): void {
  try {
    console.error(`kept as ${saveBaseline(folder, result)}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

function heldAgainst({ anchor, scores }: Workload): string {
  return anchor ?? (scores.some(({ limit }) => limit !== undefined) ? "a limit" : "nothing");
}

/** 0: go; 1: something is worse by more than the noise, or the results cannot decide. */
function compare(old: string, now: string, { indicative }: { readonly indicative: boolean }): void {
  const after = readResult(now);
  const comparison = compareResults(readBaseline(old, after), after, indicative);
  process.stdout.write(printComparison(comparison));
  process.exitCode = comparison.verdict === "go" ? 0 : 1;
}

/** What the machine of the results carries; registers of several sizes tell how loads grow. */
function capacity(files: readonly string[], { html }: { readonly html?: string }): void {
  const carried = capacityOf(files.map(readResult));
  process.stdout.write(printCapacity(carried));
  if (html !== undefined) writeFileSync(html, renderCapacity(carried));
}

function suiteOptions(chosen: readonly string[], flags: Flags, command: Command): SuiteOptions {
  const { quick, source, target } = flags;
  if ((source === undefined) !== (target === undefined)) command.error("--source and --target are given together");
  const urls: ServerUrls | null = source === undefined || target === undefined ? null : { source, target };
  const wanted = chosen.length > 0 ? chosen : quick ? quickNames : names;
  const rows = flags.rows ?? (quick ? 1e5 : 1e6);
  return {
    entries: catalogue.filter(({ workload }) => wanted.includes(workload.name)),
    size: { rows, changes: flags.changes ?? (quick ? rows / 2 : Math.min(rows, 1e6)) },
    rounds: flags.rounds ?? (quick ? 3 : 5),
    urls,
    nodeOptions: flags.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(flags.profile)}`],
    tell: (line) => {
      console.error(line);
    },
    measured: (result) => {
      writeFiles(flags, result);
    },
    interrupted: interruption(),
  };
}

const program = new Command("dongbo bench")
  // A command's own --html is not the suite's.
  .enablePositionalOptions()
  .description("Measures this build on this machine beside what it is held against; copies that differ from their source have no score.")
  .argument("[names...]", `workloads: ${names.join(", ")} (default: all)`)
  .option("--quick", "fewer rows and rounds, in three minutes; no score", false)
  .option("--list", "say what the workloads are", false)
  .option("--rows <count>", "people in the register: 1e5, 1e6, 1e7 (default: 1e6)", wholeNumber)
  .option("--changes <count>", "changes of a backlog (default: as many as rows, at most 1e6)", wholeNumber)
  .option("--rounds <count>", "rounds of both sides by turns (default: 5)", wholeNumber)
  .option("--json <file>", "write the result as JSON, after each workload")
  .option("--html <file>", "write the result as a page with plots, after each workload")
  .option("--save-baseline <folder>", "keep the result there for this hardware class, for compare; only when it is a score")
  .option("--profile <folder>", "write a processor profile of each of dongbo's processes there, for Chrome's developer tools; no score")
  .option("--source <url>", "PostgreSQL server in place of a private one, its role a superuser")
  .option("--target <url>", "PostgreSQL server that takes the copies")
  .action(bench);
program
  .command("compare")
  .description("whether a build may follow another one: what has changed by more than the noise of the rounds")
  .argument("<old>", "result before the upgrade, or a folder with a baseline for each hardware class")
  .argument("<new>", "result of the build that is to follow")
  .option("--indicative", "also hold figures that are no score against each other", false)
  .action(compare);
program
  .command("capacity")
  .description("what this machine can carry: changes a second by number of copies, hours to load, and what of that was measured")
  .argument("<results...>", "results of this machine, best with --rows 1e5, 1e6 and 1e7")
  .option("--html <file>", "write it as a page that can be published")
  .action(capacity);
await program.parseAsync(process.argv);
