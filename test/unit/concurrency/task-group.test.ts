import { describe, expect, test } from "vitest";
import { TaskGroup } from "../../../engine/concurrency/task-group.ts";

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener("abort", () => {
        resolve();
      });
  });
}

describe("task group", () => {
  test("join waits for every task, also for those started by a task", async () => {
    const ended: string[] = [];
    const group = new TaskGroup();
    group.start(async () => {
      await Promise.resolve();
      group.start(async () => {
        await Promise.resolve();
        ended.push("inner");
      });
      ended.push("outer");
    });
    await group.join();
    expect(ended).toEqual(["outer", "inner"]);
  });

  test("the first failure aborts the others, is thrown by join, and nobody is left running", async () => {
    let cleanedUp = false;
    const group = new TaskGroup();
    group.start(async (signal) => {
      await untilAborted(signal);
      cleanedUp = true;
      throw new Error("a consequence");
    });
    group.start(() => Promise.reject(new Error("the reason")));
    await expect(group.join()).rejects.toThrow("the reason");
    expect(cleanedUp).toBe(true);
  });

  test("a task that throws before its first await fails the group like any other", async () => {
    const group = new TaskGroup();
    group.start(() => {
      throw new Error("at once");
    });
    await expect(group.join()).rejects.toThrow("at once");
  });

  test("a task that returns early ends nothing else", async () => {
    const group = new TaskGroup();
    group.start(() => Promise.resolve());
    await Promise.resolve();
    expect(group.signal.aborted).toBe(false);
    await group.join();
  });

  test("an aborted parent aborts the group, also one made afterwards", async () => {
    const parent = new AbortController();
    const before = new TaskGroup(parent.signal);
    before.start(untilAborted);
    parent.abort();
    await before.join();
    expect(new TaskGroup(parent.signal).signal.aborted).toBe(true);
  });

  test("leaving the scope by an exception ends the tasks first", async () => {
    let ended = false;
    const owner = async (): Promise<void> => {
      await using group = new TaskGroup();
      group.start(async (signal) => {
        await untilAborted(signal);
        ended = true;
      });
      throw new Error("owner");
    };
    await expect(owner()).rejects.toThrow("owner");
    expect(ended).toBe(true);
  });
});
