import { expect, test } from "vitest";
import { KeyPool } from "./key-pool.ts";
import { Random } from "./random.ts";

function draw(seed: string): number[] {
  const random = new Random(seed);
  return Array.from({ length: 20 }, () => random.between(0, 1_000_000));
}

test("a seed repeats its numbers, another seed gives others", () => {
  expect(draw("a")).toEqual(draw("a"));
  expect(draw("a")).not.toEqual(draw("b"));
  expect(draw("1/0")).not.toEqual(draw("1/1"));
});

test("numbers fall evenly and within their bounds", () => {
  const random = new Random("even");
  const counts = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 10_000; draw++) {
    const index = random.between(0, 9);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(850);
  expect(Math.max(...counts)).toBeLessThan(1150);
});

test("a pool gives each of its keys at most once a sample, and none that was removed", () => {
  const pool = new KeyPool();
  const random = new Random("pool");
  for (let index = 0; index < 100; index++) pool.add(`k${index}`);
  for (let index = 0; index < 100; index += 2) pool.remove(`k${index}`);
  pool.remove("unknown");
  for (const count of [1, 10, 49, 50, 80]) {
    const sample = pool.sample(random, count);
    expect(new Set(sample).size).toBe(Math.min(count, 50));
    expect(sample.filter((key) => Number(key.slice(1)) % 2 === 0)).toEqual([]);
  }
  pool.clear();
  expect(pool.sample(random, 3)).toEqual([]);
});
