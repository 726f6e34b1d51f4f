import { expect, it } from "vitest";
import type { Lane } from "../../../engine/pipeline/lane.ts";
import { MemoryBudget } from "../../../engine/pipeline/memory-budget.ts";

/** A lane that waits for more, and gives what it has when it is told to hurry. */
function waitingLane(bytes: number, hurried: number[]): Lane {
  const queue = {
    awaited: true,
    drained: false,
    spilling: false,
    waitingBytes: bytes,
    hurry: () => {
      hurried.push(queue.waitingBytes);
      queue.waitingBytes = 0;
      queue.awaited = false;
    },
  };
  return { live: true, queue } as unknown as Lane;
}

it("makes room by what the fullest lanes hold, and lets the others gather on", async () => {
  const hurried: number[] = [];
  const lanes = [100, 700, 300, 600, 500, 200, 400].map((bytes) => waitingLane(bytes, hurried));
  const clock = { now: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() };
  const budget = new MemoryBudget(clock, { bytesMax: 1_000, laneBytesMax: 10_000, writtenBytesMax: 10_000 });
  await budget.room(lanes, new AbortController().signal);
  expect(hurried).toEqual([700, 600, 500, 400]);
});
