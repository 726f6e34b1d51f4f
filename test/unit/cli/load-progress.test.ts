import { describe, expect, test } from "vitest";
import { LoadTracker } from "../../../deploy/processes/run/load-progress.ts";
import { plainDisplay, progressLine } from "../../../deploy/processes/run/progress-display.ts";
import type { EngineHealth, LaneState, LoadHealth } from "../../../engine/ports/engine.ts";

function health(rows: number | null, state: LaneState = "loading", rowsExpected: number | null = 10_000): EngineHealth {
  const loads: LoadHealth[] = rows === null ? [] : [{ target: "population.citizen", rows, rowsExpected }];
  return {
    sources: [],
    subscriptions: [{ id: "population/hcm", state, problem: null, lastSyncAt: null, stoppedTables: [], drifts: [], loads }],
  };
}

describe("progress of loads", () => {
  test("rate and time left follow the last seconds", () => {
    const tracker = new LoadTracker();
    tracker.update(health(0), 0);
    const [load] = tracker.update(health(2_000), 2_000);
    expect(load).toMatchObject({ rows: 2_000, rowsExpected: 10_000, rate: 1_000, secondsLeft: 8, finished: false });
    // The source slows down: after the window has passed, only the new rate counts.
    for (let second = 3; second <= 20; second += 1) tracker.update(health(2_000 + (second - 2) * 100), second * 1_000);
    const [slow] = tracker.update(health(3_900), 21_000);
    expect(slow?.rate).toBeCloseTo(100, 5);
  });

  test("one moment alone gives no rate, and an unknown size no time left", () => {
    const tracker = new LoadTracker();
    expect(tracker.update(health(500), 0)).toMatchObject([{ rate: 0, secondsLeft: null }]);
    tracker.update(health(500, "loading", null), 1_000);
    expect(tracker.update(health(900, "loading", null), 2_000)).toMatchObject([{ rowsExpected: null, secondsLeft: null }]);
  });

  test("a load that has ended is told once", () => {
    const tracker = new LoadTracker();
    tracker.update(health(500), 0);
    expect(tracker.update(health(null, "streaming"), 1_000)).toMatchObject([
      { label: "population/hcm population.citizen", finished: true },
    ]);
    expect(tracker.update(health(null, "streaming"), 2_000)).toEqual([]);
  });

  test("a lane that broke off has not finished its load", () => {
    const tracker = new LoadTracker();
    tracker.update(health(500), 0);
    expect(tracker.update(health(null, "retrying"), 1_000)).toEqual([]);
    expect(tracker.update(health(600), 2_000)).toMatchObject([{ finished: false, rows: 600 }]);
  });

  test("a load that begins again starts its rate anew", () => {
    const tracker = new LoadTracker();
    tracker.update(health(5_000), 0);
    expect(tracker.update(health(10), 1_000)).toMatchObject([{ rows: 10, rate: 0 }]);
  });
});

describe("plain progress lines", () => {
  test("say rows, size, rate and time left", () => {
    const load = {
      label: "population/hcm population.citizen",
      rows: 2_000,
      rowsExpected: 10_000,
      rate: 1_000,
      secondsLeft: 8,
      finished: false,
    };
    expect(progressLine(load)).toBe("population/hcm population.citizen: 2,000 of about 10,000 rows, 1,000 rows/s, about 8.0 s left");
    expect(progressLine({ ...load, rowsExpected: null, secondsLeft: null })).toBe(
      "population/hcm population.citizen: 2,000 rows, 1,000 rows/s",
    );
    expect(progressLine({ ...load, finished: true })).toBe("population/hcm population.citizen: loaded");
  });

  test("come now and then, and at the end", () => {
    const lines: string[] = [];
    const display = plainDisplay(
      (line) => lines.push(line),
      () => {},
    );
    const load = { label: "a b", rows: 1, rowsExpected: null, rate: 0, secondsLeft: null, finished: false };
    for (let ms = 0; ms < 6_000; ms += 500) display.show([load], ms);
    expect(lines).toHaveLength(2);
    display.show([{ ...load, finished: true }], 6_100);
    expect(lines.at(-1)).toBe("a b: loaded\n");
  });
});
