// Who comes into the stream late, leaves it and comes back misses nothing, and holds up nobody.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../deploy/processes/system-clock.ts";
import { Backoff } from "../../../engine/concurrency/backoff.ts";
import { MemoryControlStore } from "../../../engine/control-store/memory-control-store.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { Lane } from "../../../engine/pipeline/lane.ts";
import { LaneQueue } from "../../../engine/pipeline/lane-queue.ts";
import { SourcePipeline } from "../../../engine/pipeline/source-pipeline.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { RowsRequest, SnapshotSource } from "../../../engine/ports/snapshot-source.ts";
import { SourceMapper } from "../../../mappings/source-mapper.ts";
import { Barrier, MemorySource, transaction } from "../../support/memory-source.ts";
import { MemoryTarget } from "../../support/memory-target.ts";
import { silentMetrics } from "../../support/silent-metrics.ts";
import { catalogTable, column, streamedTable, tableMapping } from "../../support/table-builders.ts";
import { waitUntil } from "../../support/wait-until.ts";

const catalog = catalogTable([column("id", "text"), column("province", "text")]);
const mapping = tableMapping(catalog, ["id", "province"]);
const table = streamedTable(catalog);
const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };
const entry = { renew: false, reload: new Set<number>() };
/** A clock that runs fast, so that nobody is waited for long. */
const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 1000 };

describe("the pipeline of a source", () => {
  let folder = "";
  let source = new MemorySource(0);
  let pipeline: SourcePipeline;
  let stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let snapshot = {} as SnapshotSource;
  let limits = { walRetainedMaxBytes: 1e12, spoolMaxBytes: 1e12, parallelChunks: 1, rangesPerTable: 1, heartbeatMs: 60_000 };

  beforeEach(() => {
    limits = { ...limits, walRetainedMaxBytes: 1e12, heartbeatMs: 60_000 };
    snapshot = {} as SnapshotSource;
    folder = mkdtempSync(join(tmpdir(), "dongbo-pipeline-"));
    source = new MemorySource(0);
    stop = new AbortController();
    const backoff = new Backoff({ firstMs: 1, maxMs: 5 }, { next: () => 0 });
    pipeline = new SourcePipeline({
      name: "national",
      source,
      snapshot: { readRows: (request: RowsRequest) => snapshot.readRows(request) } as SnapshotSource,
      mapper: new SourceMapper<Lane>(),
      snapshotRouter: () => ({ route: () => [] }),
      control: new MemoryControlStore(clock),
      contractText: () => MemoryTarget.contract,
      objection: () => null,
      readContract: () => ({ columns: [], filter: null }),
      clock,
      logger: silent,
      metrics: silentMetrics.source("national"),
      backoff,
      limits,
    });
  });

  afterEach(async () => {
    source.opening.open();
    for (const stream of source.streams) stream.closing.open();
    stop.abort();
    for (const stream of source.streams) await stream.close();
    await running;
    rmSync(folder, { recursive: true });
  });

  function start(): void {
    running = pipeline.run(stop.signal);
  }

  function copyAt(name: string, position: number): { lane: Lane; target: MemoryTarget } {
    const subscription = {
      id: `population/${name}`,
      agreement: { id: "TT-07/2026", from: new Date(0), to: null },
      tables: [mapping],
      stopped: [],
    } as unknown as Subscription;
    const target = new MemoryTarget(subscription, position);
    return { target, lane: laneOf(subscription, target) };
  }

  function laneOf(subscription: Subscription, target: MemoryTarget): Lane {
    const parts = {
      subscription,
      target,
      queue: new LaneQueue(folder, subscription.id),
      positions: source.positions,
      snapshot,
      clock,
      logger: silent,
      metrics: silentMetrics.subscription(subscription.id),
      retried: () => {},
      backoff: new Backoff({ firstMs: 1, maxMs: 5 }, { next: () => 0 }),
    };
    return new Lane(parts, pipeline);
  }

  /** Everything that can go on without the test has gone on. */
  async function settled(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  const until = (condition: () => boolean, describe: string) => waitUntil(condition, { describe, everyMs: 1, deadlineMs: 10_000 });
  const deliverFrom = (first: number, last: number): void => {
    for (let number = first; number <= last; number++) source.stream.deliver(...transaction(number, table));
  };

  it("CP-11 gives who comes in behind the stream nothing before the stream was opened at its place", async () => {
    source.slowToClose = true;
    const [early, late] = [copyAt("early", 5), copyAt("late", 3)];
    late.target.preparing = new Barrier();
    pipeline.add(early.lane, entry, false);
    pipeline.add(late.lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the first stream");
    expect(source.stream.from).toBe("5");
    const [begin, insert, commit] = transaction(6, table);
    source.stream.deliver(begin, insert);
    const { asked } = source;
    late.target.preparing.open();
    await until(() => source.asked > asked, "the late one to be admitted");
    await settled();
    source.stream.deliver(commit, ...transaction(7, table));
    await until(() => early.target.position === "7", "the early one to go on");
    await settled();
    expect(late.target.position).toBe("3");
    source.stream.closing.open();
    await until(() => source.streams.length === 2, "the second stream");
    expect(source.stream.from).toBe("3");
    deliverFrom(4, 7);
    await until(() => late.target.position === "7", "the late one to catch up");
    expect([...late.target.keys].toSorted()).toEqual(["4", "5", "6", "7"]);
  });

  it("re-syncs past what cannot be read, where the source keeps its log by a rule of its own", async () => {
    source.reserves = false;
    const { lane, target } = copyAt("early", 5);
    pipeline.add(lane, entry, false);
    start();
    const unreadable = new ReplicationError("DB-SLOT-025", { subject: "binary log" });
    await until(() => source.streams.length === 1, "the first stream");
    source.stream.deliver(...transaction(6, table));
    await until(() => target.position === "6", "what comes before it");
    source.stream.fail(unreadable);
    await until(() => source.streams.length === 2, "the second attempt");
    expect(source.stream.from).toBe("6");
    await pipeline.remove(lane);
    const anew = laneOf(lane.subscription, target);
    pipeline.add(anew, { renew: true, reload: new Set() }, false);
    await until(() => anew.progress !== null, "the subscription to start anew");
    source.stream.fail(unreadable);
    await until(() => source.streams.length === 3, "the third attempt");
    expect(source.stream.from).toBe("1000000");
  });

  it("refuses a copy that is beyond the end of a log that was set back, and follows the others", async () => {
    source.reserves = false;
    source.end = 4;
    const [ahead, behind] = [copyAt("ahead", 5), copyAt("behind", 3)];
    pipeline.add(ahead.lane, entry, false);
    pipeline.add(behind.lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the stream");
    await until(() => ahead.lane.problem?.error.code === "DB-SLOT-004", "the refusal");
    deliverFrom(4, 6);
    await until(() => behind.target.position === "6", "the other to go on");
    expect(ahead.target.position).toBe("5");
  });

  it("CP-11 opens the stream again when somebody comes in behind it while it is being opened", async () => {
    source.opening = new Barrier();
    const [early, late] = [copyAt("early", 5), copyAt("late", 3)];
    late.target.preparing = new Barrier();
    pipeline.add(early.lane, entry, false);
    pipeline.add(late.lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the first stream");
    late.target.preparing.open();
    await until(() => late.lane.progress !== null, "the late one to be admitted");
    source.opening.open();
    await until(() => source.streams.length === 2, "the second stream");
    expect(source.stream.from).toBe("3");
    deliverFrom(4, 6);
    await until(() => late.target.position === "6" && early.target.position === "6", "both to arrive");
    expect([...late.target.keys].toSorted()).toEqual(["4", "5", "6"]);
  });

  it("CP-11 makes the source wait while a lane is replaced by another that goes on where it was", async () => {
    const [one, other] = [copyAt("one", 5), copyAt("other", 5)];
    pipeline.add(one.lane, entry, false);
    pipeline.add(other.lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the first stream");
    deliverFrom(6, 6);
    await until(() => source.stream.acknowledged === "6", "both to be acknowledged");
    const successor = laneOf(other.lane.subscription, other.target);
    await pipeline.remove(other.lane, successor);
    deliverFrom(7, 8);
    await until(() => one.target.position === "8", "the one that stayed");
    await settled();
    expect(source.stream.acknowledged).toBe("6");
    pipeline.add(successor, entry, false);
    await until(() => source.streams.length === 2, "the stream to be opened again");
    expect(source.stream.from).toBe("6");
    deliverFrom(7, 9);
    await until(() => other.target.position === "9", "the successor to catch up");
    expect([...other.target.keys].toSorted()).toEqual(["6", "7", "8", "9"]);
  });

  it("lets a lane go that is taken out while its target is being told of its suspension", async () => {
    const { lane, target } = copyAt("one", 5);
    const answer = new Barrier();
    let told = false;
    target.setSuspension = () => {
      told = true;
      return answer.passed;
    };
    lane.suspend("maintenance");
    pipeline.add(lane, entry, false);
    start();
    await until(() => told, "the target to be told");
    let gone = false;
    const removed = pipeline.remove(lane).then(() => (gone = true));
    answer.open();
    await until(() => gone, "the lane to end");
    await removed;
  });

  it("CP-11 streams anew what a target has lost that was set back while the engine runs (reliability 24)", async () => {
    const [one, other] = [copyAt("one", 5), copyAt("other", 3)];
    pipeline.add(one.lane, entry, false);
    pipeline.add(other.lane, { renew: false, reload: new Set() }, false);
    other.lane.suspend("maintenance");
    start();
    await until(() => source.streams.length === 1, "the first stream");
    deliverFrom(4, 8);
    await until(() => one.target.position === "8", "the copy to arrive");
    one.target.setBack(6);
    deliverFrom(9, 9);
    await until(() => source.streams.length === 2, "the stream to be opened again");
    deliverFrom(4, 10);
    await until(() => one.target.position === "10", "the copy to catch up");
    expect([...one.target.keys].toSorted((a, b) => Number(a) - Number(b))).toEqual(["6", "7", "8", "9", "10"]);
  });

  it("CP-11 acknowledges nothing of what a target has lost that was set back, until its place is known again", async () => {
    const [lost, slow] = [copyAt("lost", 5), copyAt("slow", 5)];
    pipeline.add(lost.lane, entry, false);
    pipeline.add(slow.lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the stream");
    deliverFrom(6, 6);
    await until(() => source.stream.acknowledged === "6", "the source to forget");
    const begin = slow.target.begin.bind(slow.target);
    const writing = new Barrier();
    slow.target.begin = () => writing.passed.then(begin);
    deliverFrom(7, 8);
    await until(() => lost.target.position === "8", "the faster one");
    lost.target.setBack(6);
    lost.target.preparing = new Barrier();
    deliverFrom(9, 9);
    await until(() => lost.lane.progress === null, "the loss to be noticed");
    writing.open();
    await until(() => slow.target.position === "9", "the slower one");
    await settled();
    const forgotten = source.stream.acknowledged;
    lost.target.preparing.open();
    expect(forgotten).toBe("6");
    await until(() => source.streams.length === 2, "the stream to be opened again");
    expect(source.stream.from).toBe("6");
    deliverFrom(7, 9);
    await until(() => source.stream.acknowledged === "9", "the source to forget the rest");
    expect([...lost.target.keys].toSorted()).toEqual(["6", "7", "8", "9"]);
  });

  it("CP-11 refuses who comes back after the source was told to forget what it needs, and nobody else", async () => {
    const [one, other] = [copyAt("one", 5), copyAt("other", 5)];
    pipeline.add(one.lane, entry, false);
    pipeline.add(other.lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the first stream");
    await pipeline.remove(other.lane);
    deliverFrom(6, 8);
    await until(() => source.stream.acknowledged === "8", "the source to forget");
    const back = laneOf(other.lane.subscription, other.target);
    pipeline.add(back, entry, false);
    await until(() => back.problem !== null, "the refusal");
    expect(back.problem?.error).toMatchObject({ code: "DB-SLOT-005", subject: "population/other" });
    deliverFrom(9, 9);
    await until(() => source.stream.acknowledged === "9", "the one that stayed to go on");
    expect(source.streams.length).toBe(1);
  });

  it("CP-11 acknowledges nothing more once another engine has taken one of its subscriptions", async () => {
    const [own, other] = [copyAt("own", 5), copyAt("other", 5)];
    pipeline.add(own.lane, entry, false);
    pipeline.add(other.lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the stream");
    deliverFrom(6, 6);
    await until(() => source.stream.acknowledged === "6", "the source to forget");
    other.target.overtaken = true;
    deliverFrom(7, 7);
    await until(() => other.lane.state === "stopped", "the other to be stopped");
    deliverFrom(8, 8);
    await until(() => own.target.position === "8", "the one that stayed to go on");
    await settled();
    expect(source.stream.acknowledged).toBe("6");
  });

  it("CP-11 makes the source wait for who starts anew until that is durable: another engine may have done it meanwhile", async () => {
    source.end = 6;
    const [own, anew] = [copyAt("own", 5), copyAt("anew", 5)];
    anew.target.preparing = new Barrier();
    pipeline.add(own.lane, entry, false);
    pipeline.add(anew.lane, { renew: true, reload: new Set() }, false);
    start();
    await until(() => source.streams.length === 1, "the stream");
    deliverFrom(6, 6);
    await until(() => own.target.position === "6", "the one that goes on");
    await settled();
    expect(source.stream.acknowledged).toBeNull();
    const begin = anew.target.begin.bind(anew.target);
    const writing = new Barrier();
    anew.target.begin = () => writing.passed.then(begin);
    anew.target.preparing.open();
    await until(() => anew.lane.progress !== null, "the other to enter the stream");
    deliverFrom(7, 7);
    await until(() => own.target.position === "7", "the one that goes on");
    await settled();
    expect(source.stream.acknowledged).toBeNull();
    writing.open();
    await until(() => source.stream.acknowledged === "7", "the source to forget");
  });

  it("invariant 9: lets go once more who was parked, and whose target fails before its new start is durable", async () => {
    source.end = 6;
    limits.walRetainedMaxBytes = 10;
    limits.heartbeatMs = 5;
    const [own, back] = [copyAt("own", 5), copyAt("back", 5)];
    back.target.begin = () => Promise.reject(new ReplicationError("DB-PG-001", { subject: "copies" }));
    pipeline.add(own.lane, entry, false);
    pipeline.add(back.lane, { renew: true, reload: new Set() }, true);
    start();
    await until(() => source.streams.length > 0 && back.lane.progress !== null, "both to enter the stream");
    back.target.preparing = new Barrier();
    source.end = 20;
    deliverFrom(6, 20);
    await until(() => back.lane.state === "parked", "the other to be let go");
    deliverFrom(21, 21);
    await until(() => source.stream.acknowledged === "21", "the source to forget");
    back.target.preparing.open();
  });

  it("lets in who comes when the stream has ended within a transaction", async () => {
    const { lane, target } = copyAt("own", 5);
    pipeline.add(lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the stream");
    const [begin, insert] = transaction(6, table);
    source.stream.deliver(begin, insert);
    await settled();
    const successor = laneOf(lane.subscription, target);
    target.preparing = new Barrier();
    await pipeline.remove(lane, successor);
    pipeline.add(successor, entry, false);
    source.stream.fail(new ReplicationError("DB-PG-001", { subject: "master" }));
    await settled();
    target.preparing.open();
    await until(() => source.streams.length === 2, "the second stream");
    deliverFrom(6, 6);
    await until(() => target.position === "6", "the transaction, whole");
  });

  it("waits for nobody who was taken out while entering the stream", async () => {
    const [own, leaving] = [copyAt("own", 5), copyAt("leaving", 5)];
    leaving.target.preparing = new Barrier();
    pipeline.add(own.lane, entry, false);
    pipeline.add(leaving.lane, entry, false);
    start();
    await until(() => source.streams.length === 1, "the stream");
    const { asked } = source;
    leaving.target.preparing.open();
    await until(() => source.asked > asked, "the one who leaves to be about to enter");
    await pipeline.remove(leaving.lane);
    deliverFrom(6, 7);
    await until(() => source.stream.acknowledged === "7", "the source to forget");
  });

  it("invariant 2: who is taken out while its target is prepared takes no epoch: another may have it by now", async () => {
    const leaving = copyAt("leaving", 5);
    leaving.target.preparing = new Barrier();
    pipeline.add(leaving.lane, entry, false);
    start();
    const removed = pipeline.remove(leaving.lane);
    leaving.target.preparing.open();
    await removed;
    expect(leaving.target.epoch).toBe(0);
  });

  describe("rows that are read again", () => {
    const rows = [{ table: 0, key: [Buffer.from("3")] }];

    /** A copy at 5 of a source that answers for its rows as of 7. */
    async function followed(): Promise<ReturnType<typeof copyAt>> {
      const reading: Pick<SnapshotSource, "readRows"> = {
        readRows: ({ keys }) =>
          Promise.resolve({
            rows: keys.map(([id]) => [id as Buffer, Buffer.from("79")]),
            position: "7" as Position,
            visibility: { sees: () => true },
          }),
      };
      snapshot = reading as SnapshotSource;
      const copy = copyAt("hcm", 5);
      pipeline.add(copy.lane, entry, false);
      expect(await pipeline.refetch(copy.lane, rows)).toBeNull();
      start();
      await until(() => source.streams.length === 1, "the stream");
      return copy;
    }

    it("RC-05 are told to be durable when the stream has come to where they were read, and not before", async () => {
      const { lane, target } = await followed();
      const mark = await pipeline.refetch(lane, rows);
      deliverFrom(6, 6);
      await settled();
      expect([mark?.state, [...target.keys]]).toEqual(["waiting", []]);
      deliverFrom(7, 7);
      await until(() => mark?.state === "durable", "the rows");
      expect([...target.keys].toSorted()).toEqual(["3", "6", "7"]);
    });

    it("are read once more when the reading did not show what the stream had brought", async () => {
      const { lane, target } = await followed();
      let reads = 0;
      const tooSoon = { sees: (id: string): boolean => id !== "6" || reads > 1 };
      snapshot = {
        readRows: ({ keys }: RowsRequest) => {
          reads += 1;
          const found = reads > 1 ? keys.map(([id]) => [id as Buffer, Buffer.from("79")]) : [];
          return Promise.resolve({ rows: found, position: "7" as Position, visibility: tooSoon });
        },
      } as unknown as SnapshotSource;
      deliverFrom(6, 6);
      await settled();
      await pipeline.refetch(lane, rows);
      await until(() => reads === 2, "the second reading");
      deliverFrom(7, 7);
      await until(() => target.keys.has("3"), "the row");
    });

    it("RC-05 are told to be lost when the stream is read again before that, and can be asked for anew", async () => {
      const { lane, target } = await followed();
      const mark = await pipeline.refetch(lane, rows);
      await settled();
      source.stream.fail(new ReplicationError("DB-PG-001", { subject: "master" }));
      await until(() => source.streams.length === 2, "the second stream");
      expect([mark?.state, [...target.keys]]).toEqual(["lost", []]);
      const again = await pipeline.refetch(lane, rows);
      deliverFrom(6, 7);
      await until(() => again?.state === "durable", "the rows");
      expect(mark?.state).toBe("lost");
      expect([...target.keys].toSorted()).toEqual(["3", "6", "7"]);
    });

    it("RC-05 are told to be lost with their subscription", async () => {
      const { lane } = await followed();
      const mark = await pipeline.refetch(lane, rows);
      await pipeline.remove(lane);
      expect(mark?.state).toBe("lost");
      expect(await pipeline.refetch(lane, [])).toBeNull();
    });
  });
});
