import { describe, expect, test } from "vitest";
import { Backoff } from "../../../engine/concurrency/backoff.ts";

describe("backoff", () => {
  test("pauses double up to the limit when chance takes nothing away", () => {
    const backoff = new Backoff({ firstMs: 250, maxMs: 1500 }, { next: () => 0 });
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([250, 500, 1000, 1500, 1500]);
  });

  test("chance takes away at most half, so no pause vanishes", () => {
    const backoff = new Backoff({ firstMs: 250, maxMs: 1500 }, { next: () => 0.999999 });
    expect(backoff.next()).toBeGreaterThan(125);
    expect(backoff.next()).toBeGreaterThan(250);
  });

  test("a success starts over", () => {
    const backoff = new Backoff({ firstMs: 250, maxMs: 60_000 }, { next: () => 0 });
    backoff.next();
    backoff.next();
    expect(backoff.failures).toBe(2);
    backoff.succeeded();
    expect(backoff.failures).toBe(0);
    expect(backoff.next()).toBe(250);
  });

  test("after thousands of failures the pause is still the limit", () => {
    const backoff = new Backoff({ firstMs: 250, maxMs: 15_000 }, { next: () => 0 });
    let pause = 0;
    for (let attempt = 0; attempt < 5000; attempt += 1) pause = backoff.next();
    expect(pause).toBe(15_000);
  });
});
