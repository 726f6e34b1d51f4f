// How a sample of each side is taken: the same servers, the same beginning, the same judge.
import type { EngineUsage } from "../stands/engine-process.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { ProgressWatch } from "../stands/progress-watch.ts";
import type { ProcessorSeconds, Sample } from "../suite/workload.ts";

/** Runs dongbo's process to its end and takes what it cost. */
export async function measureEngine(
  stand: PostgresStand,
  units: number,
  work: { readonly run: () => Promise<EngineUsage>; readonly isEqual: () => Promise<boolean> },
): Promise<Sample> {
  await stand.checkpoint();
  await using progress = await ProgressWatch.start(stand.target);
  const before = stand.spent();
  const usage = await work.run();
  const cpu = spentSince(stand, before, usage.cpuSeconds);
  return {
    seconds: usage.seconds,
    engineSeconds: usage.engineSeconds,
    units,
    cpu,
    rssPeakMb: usage.rssPeakMb,
    memory: usage.memory,
    progress: await progress.stop(),
    digestEqual: await work.isEqual(),
    latenciesMs: [],
    notes: [],
  };
}

/** Runs what the anchor does and takes what it cost the servers. */
export async function measureAnchor(
  stand: PostgresStand,
  units: number,
  work: { readonly run: () => Promise<void>; readonly isEqual: () => Promise<boolean> },
): Promise<Sample> {
  await stand.checkpoint();
  await using progress = await ProgressWatch.start(stand.target);
  const before = stand.spent();
  const started = performance.now();
  await work.run();
  const seconds = (performance.now() - started) / 1000;
  // Native copies run in the servers alone.
  const cpu = spentSince(stand, before, 0);
  return {
    seconds,
    engineSeconds: null,
    units,
    cpu,
    rssPeakMb: null,
    memory: [],
    progress: await progress.stop(),
    digestEqual: await work.isEqual(),
    latenciesMs: [],
    notes: [],
  };
}

/** What the servers have used since `before`, beside what dongbo's process has. */
export function spentSince(stand: PostgresStand, before: ReturnType<PostgresStand["spent"]>, engine: number | null): ProcessorSeconds {
  const now = stand.spent();
  return { engine, source: difference(now.source, before.source), target: difference(now.target, before.target) };
}

function difference(after: number | null, before: number | null): number | null {
  return after === null || before === null ? null : after - before;
}
