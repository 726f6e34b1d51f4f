// `npm run soak`: the fleet under random load and random faults, for a chosen time and seed.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { removeAbandonedRuns } from "../support/test-run.ts";
import { runSeed } from "../workload/random.ts";
import { copiesOf, type SoakPlan, type SourceName } from "./plan.ts";
import { printProgress, printResult } from "./report.ts";
import { runSoak } from "./run-soak.ts";

const usage =
  "usage: npm run soak -- [--minutes 30] [--seed N] [--workers 3] [--faults AT_LEAST] [--pace CHANGES_A_SECOND] [--sources pg,my,dbz] " +
  '[--kinds "worker killed,link cut"] [--json FILE]';
/** What half an hour must bring. */
const faultsPerMinute = 100 / 30;
const copiesPerSource = 4;
const allSources: readonly SourceName[] = ["pg", "my", "dbz"];

function chosen(): { plan: SoakPlan; json: string | undefined } {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "30" },
      seed: { type: "string", default: runSeed() },
      workers: { type: "string", default: "3" },
      faults: { type: "string" },
      pace: { type: "string", default: "80" },
      sources: { type: "string", default: allSources.join() },
      kinds: { type: "string" },
      json: { type: "string" },
    },
  });
  const [minutes, workers, changesPerSecond] = [values.minutes, values.workers, values.pace].map(Number) as [number, number, number];
  const faultsMin = Number(values.faults ?? Math.floor(minutes * faultsPerMinute));
  const sources = allSources.filter((source) => values.sources.split(",").includes(source));
  const positive = [minutes, workers, changesPerSecond].every((value) => value > 0);
  if (!positive || !(faultsMin >= 0) || sources.length === 0) throw new Error(usage);
  const copies = copiesOf(sources, copiesPerSource);
  const kinds = values.kinds?.split(",").map((kind) => kind.trim()) ?? null;
  const seconds = minutes * 60;
  const plan = { sources, copies, workers, leaseSeconds: null, seed: values.seed, seconds, faultsMin, kinds, changesPerSecond };
  return { plan, json: values.json };
}

async function main(): Promise<void> {
  const { plan, json } = chosen();
  const interrupted = new AbortController();
  process.once("SIGINT", () => {
    console.error("\nending: what was begun is brought to its end and judged; once more to leave at once");
    interrupted.abort();
    process.once("SIGINT", () => process.exit(130));
  });
  // Leaving in this way ends the servers.
  process.once("SIGTERM", () => process.exit(143));
  removeAbandonedRuns();
  console.error(`seed ${plan.seed}: ${plan.sources.length} sources, ${plan.copies.length} targets, ${plan.workers} workers`);
  const result = await runSoak(plan, printProgress, interrupted.signal);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  printResult(result);
  process.exitCode = result.ok ? 0 : 1;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 2;
});
