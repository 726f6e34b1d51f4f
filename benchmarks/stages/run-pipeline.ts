// The engine's own pipeline between a source and a target of choice, with one subscription, from a checkpoint to a position.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contractText, readContract } from "../../deploy/processes/copy-contract.ts";
import { systemClock, systemRandom } from "../../deploy/processes/system-clock.ts";
import { Backoff } from "../../engine/concurrency/backoff.ts";
import { MemoryControlStore } from "../../engine/control-store/memory-control-store.ts";
import { retryPauses } from "../../engine/fleet/retry-policy.ts";
import type { Position } from "../../engine/model/position.ts";
import type { Subscription } from "../../engine/model/share.ts";
import { Lane } from "../../engine/pipeline/lane.ts";
import { LaneQueue } from "../../engine/pipeline/lane-queue.ts";
import { SourcePipeline } from "../../engine/pipeline/source-pipeline.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import type { Logger } from "../../engine/ports/logger.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { objectionTo } from "../../mappings/copy-origin.ts";
import { snapshotRouter } from "../../mappings/snapshot-router.ts";
import { SourceMapper } from "../../mappings/source-mapper.ts";
import { silentMetrics } from "../../test/support/silent-metrics.ts";
import { Stopwatch } from "./stopwatch.ts";

export interface PipelineEnds {
  readonly source: ChangeSource;
  readonly snapshot: SnapshotSource;
  readonly target: ChangeTarget;
  readonly subscription: Subscription;
}

/** As an engine has by default, with nothing that could be let go. */
const limits = { walRetainedMaxBytes: 1e12, spoolMaxBytes: 1e12, parallelChunks: 1, rangesPerTable: 1, heartbeatMs: 1_000 };
const lookMs = 5;

const ignore = (): void => {};
const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore, with: () => silentLogger };

/** Runs until `end` is durable in the target. Measured is from when the stream is open. Throws what the subscription stops for. */
export async function runPipeline(ends: PipelineEnds, end: Position): Promise<ReturnType<Stopwatch["read"]>> {
  const folder = mkdtempSync(join(tmpdir(), "dongbo-stage-"));
  const stop = new AbortController();
  let stopwatch: Stopwatch | null = null;
  const pipeline = newPipeline(ends, () => (stopwatch ??= new Stopwatch()));
  const lane = newLane(ends, pipeline, folder);
  pipeline.add(lane, { renew: false, reload: new Set() }, false);
  const running = pipeline.run(stop.signal);
  while (!pipeline.hasReached(lane, end)) {
    const failed = pipeline.problem ?? pipeline.problemOf(lane);
    if (failed !== null) throw failed.error;
    await systemClock.sleep(lookMs);
  }
  const usage = (stopwatch ?? new Stopwatch()).read();
  stop.abort();
  await running;
  rmSync(folder, { recursive: true });
  return usage;
}

function newPipeline({ source, snapshot, subscription }: PipelineEnds, opened: () => void): SourcePipeline {
  return new SourcePipeline({
    name: subscription.source,
    source,
    snapshot,
    mapper: new SourceMapper<Lane>(),
    snapshotRouter,
    control: new MemoryControlStore(systemClock),
    contractText,
    readContract,
    objection: objectionTo,
    clock: systemClock,
    logger: silentLogger,
    metrics: { ...silentMetrics.source(subscription.source), connected: (isOpen) => (isOpen ? opened() : undefined) },
    backoff: new Backoff(retryPauses, systemRandom),
    limits,
  });
}

function newLane({ source, snapshot, target, subscription }: PipelineEnds, pipeline: SourcePipeline, folder: string): Lane {
  const parts = {
    subscription,
    target,
    queue: new LaneQueue(folder, subscription.id),
    positions: source.positions,
    snapshot,
    clock: systemClock,
    logger: silentLogger,
    metrics: silentMetrics.subscription(subscription.id),
    retried: ignore,
    backoff: new Backoff(retryPauses, systemRandom),
  };
  return new Lane(parts, pipeline);
}
