import { beforeEach, describe, expect, it } from "vitest";
import { Pace } from "../../../reconcilers/pace.ts";
import { PassingClock } from "../../support/passing-clock.ts";

describe("the pace of a comparison", () => {
  let clock = new PassingClock();
  let pace = new Pace({ clock, share: 0.5, signal: new AbortController().signal });

  const start = (share: number): void => {
    clock = new PassingClock();
    pace = new Pace({ clock, share, signal: new AbortController().signal });
  };
  const run = async (ms: number, rows = 1_000, kind = "digest"): Promise<number> => {
    const statement = (): Promise<number> => {
      clock.nowMs += ms;
      return Promise.resolve(rows);
    };
    await pace.keep(kind, statement, (read) => read);
    return clock.slept.at(-1) ?? 0;
  };
  beforeEach(() => start(0.5));

  it("leaves a server that is not busy alone for its share of the time", async () => {
    for (const ms of [100, 120, 90, 500]) expect(await run(ms, ms * 10)).toBe(ms);
    start(0.25);
    expect(await run(100)).toBe(300);
  });

  it("rests longer while rows take longer than they did, in proportion, and less when that is over", async () => {
    await run(100);
    expect(await run(150)).toBe(150);
    expect(await run(400)).toBe(400 * (1 + 3));
    expect(await run(100)).toBe(100);
  });

  it("holds each kind of statement against itself, by the row", async () => {
    await run(10);
    expect(await run(1_000, 1_000, "digest of groups")).toBe(1_000);
    expect(await run(100, 10_000)).toBe(100);
  });

  it("judges nothing by a few rows, and never rests for longer than some seconds", async () => {
    await run(100);
    expect(await run(100, 3)).toBe(100);
    expect(await run(60_000)).toBe(5_000);
  });

  it("does not rest at all when it is told to be fast", async () => {
    start(1);
    await run(100);
    await run(900);
    expect(clock.slept).toEqual([]);
  });

  it("gives the failure of a statement, and does not rest for it", async () => {
    await expect(
      pace.keep(
        "digest",
        () => Promise.reject(new Error("no")),
        () => 0,
      ),
    ).rejects.toThrow("no");
    expect(clock.slept).toEqual([]);
  });
});
