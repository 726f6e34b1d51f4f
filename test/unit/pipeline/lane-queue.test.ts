import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Position } from "../../../engine/model/position.ts";
import type { LaneItem } from "../../../engine/pipeline/lane-item.ts";
import { LaneQueue, type Taken } from "../../../engine/pipeline/lane-queue.ts";
import { behindChange, changeAt } from "../../../engine/pipeline/packed-change.ts";

const begin = (at: string): LaneItem => ({ tag: "begin", position: at as Position });
const commit = (at: string): LaneItem => ({ tag: "commit", position: at as Position, committedAt: 1, completeAt: 1 });
const progress = (at: string): LaneItem => ({ tag: "progress", position: at as Position, at: 1 });
const change = (value: string, bytes = 10): LaneItem => ({
  tag: "change",
  table: 0,
  change: { tag: "upsert", key: [Buffer.from(value)], row: [Buffer.from(value), Buffer.alloc(bytes, 120)], oldKey: null, partial: false },
});
const names = (items: Taken["items"]): string[] => items.flatMap((item) => (item.tag === "packed" ? keysOf(item.bytes) : [item.tag]));

function keysOf(run: Buffer): string[] {
  const keys: string[] = [];
  for (let at = 0; at < run.length; at = behindChange(run, at)) keys.push(String(changeAt(run, at).key[0]));
  return keys;
}

describe("a subscription's queue", () => {
  let folder = "";
  const never = new AbortController().signal;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "dongbo-queue-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("gives whole transactions and keeps what comes after the last commit for the next piece", async () => {
    const queue = new LaneQueue(folder, "q");
    for (const item of [begin("1"), change("a"), commit("2"), begin("3"), change("b")]) queue.push(item);
    expect(names((await queue.take(1e6, never)).items)).toEqual(["begin", "a", "commit"]);
    queue.push(commit("4"));
    expect(names((await queue.take(1e6, never)).items)).toEqual(["begin", "b", "commit"]);
  });

  it("waits for the end of a transaction, unless it is larger than a piece", async () => {
    const queue = new LaneQueue(folder, "q");
    queue.push(begin("1"));
    queue.push(change("a"));
    let taken: Taken | null = null;
    const waiting = queue.take(5_000, never).then((result) => (taken = result));
    await Promise.resolve();
    expect(taken).toBeNull();
    queue.push(change("b", 10_000));
    expect(names((await waiting).items)).toEqual(["begin", "a", "b"]);
  });

  it("gives changes that follow each other as one run, whoever else is waiting for what follows", async () => {
    const queue = new LaneQueue(folder, "q");
    for (const item of [begin("1"), change("a"), change("b"), change("c", 20_000), { ...change("d"), table: 1 }]) queue.push(item);
    expect(queue.waitingBytes).toBeGreaterThan(20_000);
    queue.hurry();
    const { items } = await queue.take(1e6, never);
    expect(items.map((item) => (item.tag === "packed" ? [item.table, keysOf(item.bytes)] : item.tag))).toEqual([
      "begin",
      [0, ["a", "b"]],
      [0, ["c"]],
      [1, ["d"]],
    ]);
    queue.push(change("e"));
    expect(queue.drained).toBe(false);
    queue.push(commit("2"));
    expect(names((await queue.take(1e6, never)).items)).toEqual(["e", "commit"]);
    expect(queue.drained).toBe(true);
  });

  it("lets go of an unfinished piece when whoever fills it waits for room", async () => {
    const queue = new LaneQueue(folder, "q");
    queue.push(begin("1"));
    queue.push(change("a"));
    const waiting = queue.take(1e6, never);
    queue.hurry();
    expect(names((await waiting).items)).toEqual(["begin", "a"]);
  });

  it("lets who waits for a whole piece go when there is one, and when the source has confirmed its place", async () => {
    const queue = new LaneQueue(folder, "q");
    let whole = 0;
    const waiting = queue.fills(5_000, never).then(() => (whole += 1));
    for (const item of [begin("1"), change("a"), commit("2")]) queue.push(item);
    await Promise.resolve();
    expect([whole, queue.awaited]).toEqual([0, true]);
    for (const item of [begin("3"), change("b", 10_000)]) queue.push(item);
    await waiting;
    expect([whole, queue.awaited]).toEqual([1, false]);
    await queue.take(1e6, never);
    const confirmed = queue.fills(1e6, never);
    queue.push(progress("4"));
    await confirmed;
    await queue.take(1e6, never);
    const cut = new AbortController();
    const idle = queue.fills(1e6, cut.signal);
    cut.abort();
    await idle;
  });

  it("gives what was taken once more after a failed transaction, in order", async () => {
    const queue = new LaneQueue(folder, "q");
    for (const item of [begin("1"), change("a"), commit("2")]) queue.push(item);
    await queue.take(1e6, never);
    for (const item of [begin("3"), change("b"), commit("4")]) queue.push(item);
    expect(queue.rewind()).toBe(true);
    expect(names((await queue.take(1e6, never)).items)).toEqual(["begin", "a", "commit", "begin", "b", "commit"]);
    queue.release();
    expect(queue.bytes).toBe(0);
  });

  it("says so when it cannot step back because the transaction was too large to keep", async () => {
    const queue = new LaneQueue(folder, "q");
    for (const item of [begin("1"), change("a", 5_000), commit("2")]) queue.push(item);
    await queue.take(1_000, never);
    expect(queue.rewind()).toBe(false);
    queue.release();
    expect(queue.rewind()).toBe(true);
  });

  it("steps back to a chunk of a load whatever its size", async () => {
    const queue = new LaneQueue(folder, "q");
    const rows = [[Buffer.alloc(5_000)]];
    queue.push(progress("1"));
    queue.push({ tag: "chunk", table: 0, rows, replay: [], advance: { range: 0, after: null, done: true, position: null } });
    await queue.take(1_000, never);
    expect(queue.rewind()).toBe(true);
    expect(names((await queue.take(1_000, never)).items)).toEqual(["progress", "chunk"]);
  });

  it("continues on disk in order, readable by nobody else, and leaves nothing there once emptied", async () => {
    const queue = new LaneQueue(folder, "population/hcm");
    const expected: string[] = [];
    for (let index = 0; index < 400; index++) {
      if (index === 20) queue.startSpilling();
      for (const item of [begin(String(index)), change(`row${index}`, 20_000), commit(String(index))]) queue.push(item);
      expected.push("begin", `row${index}`, "commit");
    }
    expect(queue.spilledBytes).toBeGreaterThan(6e6);
    expect(queue.bytes).toBeLessThan(3e6);
    const seen: string[] = [];
    while (!queue.drained) {
      seen.push(...names((await queue.take(500_000, never)).items));
      queue.release();
    }
    expect(seen).toEqual(expected);
    expect(queue.spilling).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("deletes what it had on disk when the stream is read again", () => {
    const queue = new LaneQueue(folder, "q");
    queue.startSpilling();
    for (let index = 0; index < 100; index++) queue.push(change(`row${index}`, 20_000));
    expect(queue.spilledBytes).toBeGreaterThan(0);
    queue.clear();
    expect(queue.drained).toBe(true);
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
  });

  it("tells what was taken before it was cleared from what came after", async () => {
    const queue = new LaneQueue(folder, "q");
    const waiting = queue.take(1e6, never);
    queue.clear();
    queue.push(progress("7"));
    const { items, generation } = await waiting;
    expect(items).toEqual([progress("7")]);
    expect(generation).toBe(queue.generation);
  });

  it("holds no more of what was taken and released than waits", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const queue = new LaneQueue(folder, "q");
    const chunk = (): LaneItem => ({
      tag: "chunk",
      table: 0,
      rows: [[Buffer.alloc(100_000)]],
      replay: [],
      advance: { range: 0, after: null, done: false, position: null },
    });
    const seen: WeakRef<object>[] = [];
    for (let count = 0; count < 10; count++) {
      const item = chunk();
      seen.push(new WeakRef(item));
      queue.push(item);
    }
    for (let count = 0; count < 8; count++) {
      await queue.take(1, never);
      queue.release();
    }
    // References that were looked at in this turn of the event loop still hold.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(seen.filter((item) => item.deref() !== undefined).length).toBeLessThanOrEqual(4);
  });

  it("keeps only the newest of confirmations that wait together", async () => {
    const queue = new LaneQueue(folder, "q");
    for (const at of ["1", "2", "3"]) queue.push(progress(at));
    expect((await queue.take(1e6, never)).items).toEqual([progress("3")]);
  });
});
