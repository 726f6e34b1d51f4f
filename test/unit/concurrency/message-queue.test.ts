import { expect, test } from "vitest";
import { MessageQueue } from "../../../engine/concurrency/message-queue.ts";

test("batches come in order, with the bytes that wait", async () => {
  const queue = new MessageQueue<number>();
  queue.push([1, 2], 10);
  queue.push([3], 5);
  expect(queue.bytes).toBe(15);
  expect(await queue.next()).toEqual([1, 2]);
  expect(queue.bytes).toBe(5);
  expect(await queue.next()).toEqual([3]);
  expect(queue.bytes).toBe(0);
});

test("who waits gets the next batch, which never counts as waiting", async () => {
  const queue = new MessageQueue<number>();
  const next = queue.next();
  queue.push([1], 10);
  expect(queue.bytes).toBe(0);
  expect(await next).toEqual([1]);
});

test("a failure is told after everything that came before it, and only the first one counts", async () => {
  const queue = new MessageQueue<number>();
  queue.push([1], 1);
  queue.finish(new Error("first"));
  queue.finish(new Error("second"));
  queue.push([2], 1);
  expect(await queue.next()).toEqual([1]);
  await expect(queue.next()).rejects.toThrow("first");
  await expect(queue.next()).rejects.toThrow("first");
});

test("who waits is told of a failure and of the end", async () => {
  const failing = new MessageQueue<number>();
  const failed = failing.next();
  failing.finish(new Error("lost"));
  await expect(failed).rejects.toThrow("lost");
  const ending = new MessageQueue<number>();
  const ended = ending.next();
  ending.finish(null);
  expect(await ended).toBeNull();
});

test("discarding drops what waits", async () => {
  const queue = new MessageQueue<number>();
  queue.push([1], 1);
  queue.discard();
  expect(queue.bytes).toBe(0);
  expect(await queue.next()).toBeNull();
});
