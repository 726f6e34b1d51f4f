// What a lane takes for durable when it comes into the stream.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../deploy/processes/system-clock.ts";
import { Backoff } from "../../../engine/concurrency/backoff.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { Lane } from "../../../engine/pipeline/lane.ts";
import type { LaneAdmission, LaneHost } from "../../../engine/pipeline/lane-parts.ts";
import { LaneQueue } from "../../../engine/pipeline/lane-queue.ts";
import type { CheckpointWrite, LoadProgress } from "../../../engine/ports/change-target.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { SnapshotSource } from "../../../engine/ports/snapshot-source.ts";
import { newLoad } from "../../../engine/snapshot/load-progress.ts";
import { MemorySource } from "../../support/memory-source.ts";
import { MemoryTarget } from "../../support/memory-target.ts";
import { silentMetrics } from "../../support/silent-metrics.ts";
import { catalogTable, column, tableMapping } from "../../support/table-builders.ts";
import { waitUntil } from "../../support/wait-until.ts";

const mapping = tableMapping(catalogTable([column("id", "text")]), ["id"]);
const subscription = { id: "population/hue", agreement: { id: "TT-07/2026" }, tables: [mapping], stopped: [] } as unknown as Subscription;
const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };
const at = (number: number): Position => String(number) as Position;
const unread = newLoad(MemoryTarget.contract, null, []);
/** All rows are there, and what the stream must have passed for that. */
const onRecord: LoadProgress = { ...unread, rows: 3, fence: at(6), ranges: [{ after: ["eA=="], until: null, done: true }] };

let folder = "";
const stop = new AbortController();
let running: Promise<void> = Promise.resolve();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dongbo-lane-"));
});

afterEach(async () => {
  stop.abort();
  await running;
  rmSync(folder, { recursive: true });
});

it("goes on with a load that counts as not having read anything, whatever its target says of it, and writes that down", async () => {
  const target = new MemoryTarget(subscription, 5);
  const takeEpoch = target.takeEpoch.bind(target);
  target.takeEpoch = async () => {
    const stored = await takeEpoch();
    return { ...stored, copies: stored.copies.map((copy) => ({ ...copy, load: onRecord })) };
  };
  const begin = target.begin.bind(target);
  const committed: CheckpointWrite[] = [];
  target.begin = async () => {
    const transaction = await begin();
    const commit = (checkpoint: CheckpointWrite) => {
      committed.push(checkpoint);
      return transaction.commit(checkpoint);
    };
    return { ...transaction, commit };
  };
  const startedOver = new Map([[0, unread]]);
  const admission: LaneAdmission = { position: at(5), sourceTime: 5, sourceIdentity: "memory", fresh: false, startedOver };
  const host = {
    objection: () => () => null,
    admit: () => Promise.resolve(admission),
    attached: () => {},
    applied: () => {},
    carriesRows: false,
    pieceBytesMax: 1_000,
    lingerMs: 0,
  } as unknown as LaneHost<Lane>;
  const lane = new Lane(
    {
      subscription,
      target,
      queue: new LaneQueue(folder, "hue"),
      positions: new MemorySource(0).positions,
      snapshot: {} as SnapshotSource,
      clock: systemClock,
      logger: silent,
      metrics: silentMetrics.subscription(subscription.id),
      retried: () => {},
      backoff: new Backoff({ firstMs: 1, maxMs: 5 }, { next: () => 0 }),
    },
    host,
  );
  running = lane.run(stop.signal);
  lane.push({ tag: "progress", position: at(7), at: 7 });
  await waitUntil(() => committed.length > 0, { describe: "the first commit", everyMs: 1, deadlineMs: 10_000 });
  const progress = { ...unread, sweepBefore: 1 };
  expect(committed).toMatchObject([{ position: "7", advancing: [], loads: [{ table: mapping, progress, complete: false }] }]);
  await waitUntil(() => lane.progress?.position === "7", { describe: "the lane to know", everyMs: 1, deadlineMs: 10_000 });
  expect([...(lane.progress?.loads ?? [])]).toEqual([[0, progress]]);
});
