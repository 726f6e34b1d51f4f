// `npm run simulate`: many worlds, one seed each, on all cores; and one world again, with everything that happens in it.
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Logger } from "../../engine/ports/logger.ts";
import { printProgress, printResults, type Totals, total } from "./print-results.ts";
import { type SeedResult, simulateSeed } from "./simulate-seed.ts";

const usage = "usage: npm run simulate -- [--seed N | --seeds A..B | --count N] [--processes N] [--until-violation] [--trace] [--json]";
const countDefault = 10_000;
/** Worlds that a process is given at once. */
const portion = 8;
/** The argument by which this program knows that it is one of those processes. */
const atWork = "--at-work";

interface Choice {
  readonly from: number;
  readonly to: number;
  readonly processes: number;
  readonly untilViolation: boolean;
  readonly trace: boolean;
  readonly json: boolean;
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };

function chosen(): Choice {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      count: { type: "string" },
      processes: { type: "string" },
      "until-violation": { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const seeds = values.seed ?? values.seeds ?? `1..${values.count ?? countDefault}`;
  const match = /^(\d+)(?:\.\.(\d+))?$/.exec(seeds);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  const processes = Number(values.processes ?? availableParallelism());
  if (match === null || to < from || !(processes >= 1)) throw new Error(usage);
  return { from, to, processes, untilViolation: values["until-violation"], trace: values.trace, json: values.json };
}

/** Runs the worlds that are left, a portion after the other, each on whichever process is free. */
async function simulateAll(choice: Choice, told: (result: SeedResult) => boolean): Promise<void> {
  let next = choice.from;
  const take = (): readonly number[] => {
    const seeds = Array.from({ length: Math.min(portion, choice.to - next + 1) }, (_, index) => next + index);
    next += seeds.length;
    return seeds;
  };
  const processes = Math.min(choice.processes, Math.ceil((choice.to - choice.from + 1) / portion));
  const work = async (): Promise<void> => {
    const child = fork(fileURLToPath(import.meta.url), [atWork]);
    try {
      for (let seeds = take(); seeds.length > 0; seeds = take()) {
        const results = await new Promise<readonly SeedResult[]>((resolve, reject) => {
          child.once("message", resolve).once("error", reject);
          child.once("exit", () => reject(new Error(`a process that simulated ${seeds.join(", ")} has ended`)));
          child.send(seeds);
        });
        child.removeAllListeners();
        for (const result of results) if (!told(result)) next = choice.to + 1;
      }
    } finally {
      child.disconnect();
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
}

async function inFolder<T>(work: (spoolFolder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "dongbo-simulation-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const choice = chosen();
  const started = performance.now();
  const totals: Totals = {
    seeds: 0,
    hours: 0,
    happenings: 0,
    commits: 0,
    states: 0,
    acknowledgements: 0,
    gates: 0,
    faults: new Map(),
    violations: [],
  };
  const told = (result: SeedResult): boolean => {
    total(totals, result);
    printProgress(totals, choice.to - choice.from + 1);
    return !choice.untilViolation || totals.violations.length === 0;
  };
  if (choice.trace) {
    const print = (event: string, fields: object = {}): void =>
      console.log(event, Object.keys(fields).length === 0 ? "" : JSON.stringify(fields));
    const logger: Logger = { debug: print, info: print, warn: print, error: print, with: () => logger };
    for (let seed = choice.from; seed <= choice.to; seed++)
      told(await inFolder((spoolFolder) => simulateSeed(String(seed), { spoolFolder, logger, trace: true })));
  } else await simulateAll(choice, told);
  printResults(totals, (performance.now() - started) / 1000, choice.json);
  process.exitCode = totals.violations.length === 0 ? 0 : 1;
}

/** Simulates what it is told to, until nobody is there any more who could tell it. */
function workOnWorlds(): void {
  process.on("message", (seeds: readonly number[]) => {
    const simulate = async (spoolFolder: string): Promise<void> => {
      const results: SeedResult[] = [];
      for (const seed of seeds) results.push(await simulateSeed(String(seed), { spoolFolder, logger: silent, trace: false }));
      process.send?.(results);
    };
    // What is thrown here ends the process, and with it the program.
    void inFolder(simulate);
  });
}

if (process.argv[2] === atWork) workOnWorlds();
else {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  });
}
