// A first load whose rows lie in the topics themselves, with the real pipeline.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../deploy/processes/system-clock.ts";
import { Backoff } from "../../../engine/concurrency/backoff.ts";
import { MemoryControlStore } from "../../../engine/control-store/memory-control-store.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { Lane } from "../../../engine/pipeline/lane.ts";
import { LaneQueue } from "../../../engine/pipeline/lane-queue.ts";
import { SourcePipeline } from "../../../engine/pipeline/source-pipeline.ts";
import type { ChangeTarget, CheckpointWrite, TargetState } from "../../../engine/ports/change-target.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import { SourceMapper } from "../../../mappings/source-mapper.ts";
import { change, described, eventTopic, heartbeat, heartbeatTopic, MemoryTopics } from "../../support/memory-topics.ts";
import { silentMetrics } from "../../support/silent-metrics.ts";
import { tableMapping } from "../../support/table-builders.ts";
import { connectionTo } from "../../support/topic-lab.ts";
import { waitUntil } from "../../support/wait-until.ts";

const contract = "as agreed";
const mapping = tableMapping(described().catalog, ["id", "text"]);
const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };
const subscription = {
  id: "population/hcm",
  agreement: { id: "TT-07/2026", from: new Date(0), to: null },
  tables: [mapping],
  stopped: [],
} as unknown as Subscription;

/** A copy that notes whether it was ever declared whole. */
class LoadedCopy {
  readonly rows = new Map<string, string>();
  position: Position | null = null;
  contract: string | null = null;
  sourceTime = 0;
  #epoch = 0;
  #batch = 1;

  get target(): ChangeTarget {
    const state = (): TargetState => ({
      checkpoint: { epoch: this.#epoch, position: this.position, sourceIdentity: "kafka/memory/national", nextBatch: this.#batch },
      stopped: [],
      copies: [
        {
          table: mapping,
          load: null,
          stopped: null,
          expired: false,
          contract: this.contract,
          awaitsLoad: this.contract === null,
          empty: this.rows.size === 0,
        },
      ],
    });
    const target = {
      prepare: () => Promise.resolve(state()),
      takeEpoch: () => Promise.resolve((this.#epoch += 1)).then(state),
      begin: () => Promise.resolve(this.#begin()),
      checkpoint: () => Promise.resolve(state().checkpoint),
      setSuspension: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    return target as unknown as ChangeTarget;
  }

  #begin() {
    const pending: (() => void)[] = [];
    const nothing = { missing: [], quarantined: 0, stops: [] };
    const text = (value: unknown) => (value instanceof Buffer ? value.toString() : "");
    return {
      batchId: this.#batch,
      rowsWritten: 0,
      rowsDeleted: 0,
      write: (changes: readonly { truncate: boolean; deletes: readonly Buffer[][]; upserts: readonly unknown[][] }[]) => {
        for (const { truncate, deletes, upserts } of changes) {
          pending.push(() => {
            if (truncate) this.rows.clear();
            for (const key of deletes) this.rows.delete(text(key[0]));
            for (const row of upserts) this.rows.set(text(row[0]), text(row[1]));
          });
        }
        return Promise.resolve(nothing);
      },
      load: () => Promise.resolve(nothing),
      commit: (checkpoint: CheckpointWrite) => {
        for (const action of pending) action();
        this.position = checkpoint.position;
        this.#batch += 1;
        if (checkpoint.loads.some(({ complete }) => complete)) this.contract = contract;
        if (checkpoint.advancing.length > 0) this.sourceTime = checkpoint.sourceTime;
        return Promise.resolve({ expired: [], stops: [], quarantined: 0 });
      },
      rollback: () => Promise.resolve(),
    };
  }
}

describe("a load that lies in the topics", () => {
  let folder = "";
  let topics = new MemoryTopics();
  let stop = new AbortController();
  let running: Promise<void> = Promise.resolve();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "dongbo-topics-"));
    topics = new MemoryTopics();
    topics.make(eventTopic, 2);
    topics.make(heartbeatTopic);
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort();
    await running;
    rmSync(folder, { recursive: true });
  });

  function start(copy: LoadedCopy): Lane {
    const connection = connectionTo(topics);
    const source = connection.source(0);
    const snapshot = connection.snapshot(source, null);
    const backoff = (): Backoff => new Backoff({ firstMs: 1, maxMs: 5 }, { next: () => 0 });
    const pipeline = new SourcePipeline({
      name: "national",
      source,
      snapshot,
      mapper: new SourceMapper<Lane>(),
      snapshotRouter: () => ({ route: () => [] }),
      control: new MemoryControlStore(systemClock),
      contractText: () => contract,
      objection: () => null,
      readContract: () => ({ columns: [], filter: null }),
      clock: systemClock,
      logger: silent,
      metrics: silentMetrics.source("national"),
      backoff: backoff(),
      limits: { walRetainedMaxBytes: 1e12, spoolMaxBytes: 1e12, parallelChunks: 1, rangesPerTable: 1, heartbeatMs: 20 },
    });
    const parts = {
      subscription,
      target: copy.target,
      queue: new LaneQueue(folder, subscription.id),
      positions: source.positions,
      snapshot,
      clock: systemClock,
      logger: silent,
      metrics: silentMetrics.subscription(subscription.id),
      retried: () => {},
      backoff: backoff(),
    };
    const lane = new Lane(parts, pipeline);
    pipeline.add(lane, { renew: false, reload: new Set() }, false);
    running = pipeline.run(stop.signal);
    return lane;
  }

  const until = (condition: () => boolean, what: string) => waitUntil(condition, { describe: what, everyMs: 5, deadlineMs: 20_000 });

  it("is whole when the connector's snapshot is over and all of it has come, and not before", async () => {
    for (let id = 1; id <= 20; id++) {
      const snapshot = id === 1 ? "first" : "true";
      topics.write(eventTopic, id % 2, change("r", String(id), "read", { lsn: 100, snapshot, processed: 1_000_000 + id * 1000 }));
    }
    const copy = new LoadedCopy();
    const lane = start(copy);
    await until(() => copy.rows.size === 20, "the rows so far");
    expect(copy.contract).toBeNull();
    expect(copy.sourceTime).toBe(0);
    topics.write(eventTopic, 1, change("r", "21", "read", { lsn: 100, snapshot: "last", processed: 1_100_000 }));
    await until(() => copy.rows.size === 21, "the last row");
    // Of when the rows are nobody has said yet.
    expect(copy.contract).toBeNull();
    topics.write(eventTopic, 0, change("u", "2", "changed", { lsn: 200, time: 2_000_000 }));
    for (const at of [5_000_000, 6_000_000]) topics.write(heartbeatTopic, 0, heartbeat(at));
    await until(() => copy.contract !== null, "the load to be whole");
    await until(() => copy.sourceTime === 5_000_000, "the clock to move with the heartbeat");
    expect(copy.rows.get("2")).toBe("changed");
    expect(lane.problem).toBeNull();
  });

  it("VL-07 goes on from its checkpoint without claiming a time that it has yet to reach", async () => {
    topics.write(eventTopic, 0, change("r", "1", "read", { lsn: 100, snapshot: "last", processed: 1_000_000 }));
    for (const at of [1_200_000, 1_300_000]) topics.write(heartbeatTopic, 0, heartbeat(at));
    const copy = new LoadedCopy();
    start(copy);
    await until(() => copy.contract !== null, "the load");
    stop.abort();
    await running;
    topics.write(eventTopic, 0, change("u", "1", "changed", { lsn: 200, time: 2_000_000 }));
    for (const at of [5_000_000, 6_000_000]) topics.write(heartbeatTopic, 0, heartbeat(at));
    topics.silent.add(`${eventTopic}/1`);
    topics.write(eventTopic, 1, change("c", "2", "new", { lsn: 300, time: 3_000_000 }));
    stop = new AbortController();
    start(copy);
    await until(() => copy.rows.get("1") === "changed", "the change");
    expect(copy.sourceTime).toBeLessThan(3_000_000);
    topics.silent.clear();
    topics.wake();
    await until(() => copy.sourceTime === 5_000_000, "the clock to move when all has come");
    expect(copy.rows.get("2")).toBe("new");
  });

  it("tells what is missing where the beginning of a topic was deleted, until a whole snapshot has come", async () => {
    topics.make(eventTopic);
    for (let id = 1; id <= 5; id++) topics.write(eventTopic, 0, change("c", String(id), "lost", { lsn: id }));
    topics.truncate(eventTopic, 0, 3n);
    const copy = new LoadedCopy();
    const connection = connectionTo(topics);
    const source = connection.source(0);
    const snapshot = connection.snapshot(source, null);
    const stream = await source.open((await source.reservation()).position, new AbortController().signal);
    const request = { table: mapping.catalog, key: ["id"], columns: [], filter: null, after: null, until: null, rowsMax: 1, bytesMax: 1 };
    await expect(snapshot.readChunk(request, stop.signal)).rejects.toMatchObject({ code: "DB-KAF-021" });
    await stream.close();
    start(copy);
    await until(() => copy.rows.size === 2, "what is left");
    expect(copy.contract).toBeNull();
    topics.write(eventTopic, 0, change("r", "9", "read", { lsn: 50, snapshot: "first", processed: 1_000_000 }));
    topics.write(eventTopic, 0, change("r", "10", "read", { lsn: 50, snapshot: "last", processed: 1_001_000 }));
    await until(() => copy.contract !== null, "the load to be whole");
    expect([...copy.rows.keys()].toSorted()).toEqual(["10", "9"]);
  });
});
