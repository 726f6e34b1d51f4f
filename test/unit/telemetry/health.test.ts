import { describe, expect, test } from "vitest";
import { judgeHealth, stallSeconds } from "../../../engine/telemetry/health.ts";
import { laneStates, type EngineHealth, type LaneState, type Problem, type SubscriptionHealth } from "../../../engine/ports/engine.ts";

const now = Date.UTC(2026, 0, 1) * 1000;
const problem: Problem = { code: "DB-PG-001", subject: "db:5432/x", cause: "the server cannot be reached", remedy: "Start it", since: now };

function lane(change: Partial<SubscriptionHealth> = {}): EngineHealth {
  const subscription = {
    id: "population/hcm",
    state: "streaming",
    problem: null,
    lastSyncAt: now,
    stoppedTables: [],
    drifts: [],
    loads: [],
  } as const;
  return { sources: [{ name: "population", state: "streaming", problem: null }], subscriptions: [{ ...subscription, ...change }] };
}

describe("health", () => {
  test("a lane that confirmed a position lately is healthy", () => {
    expect(judgeHealth(lane(), now)).toEqual({ healthy: true, reasons: [] });
  });

  const healthyWith: Record<LaneState, boolean> = {
    starting: true,
    loading: true,
    streaming: true,
    retrying: false,
    suspended: true,
    parked: false,
    ended: true,
    stopped: false,
  };
  test.each(laneStates)("a lane that is %s is healthy exactly when that was wanted", (state) => {
    expect(judgeHealth(lane({ state, problem }), now).healthy).toBe(healthyWith[state]);
  });

  test("a lane that only says that it streams is not healthy when nothing was confirmed for long", () => {
    const late = now - (stallSeconds + 5) * 1e6;
    const verdict = judgeHealth(lane({ lastSyncAt: late }), now);
    expect(verdict.healthy).toBe(false);
    expect(verdict.reasons[0]).toMatchObject({ subject: "population/hcm", code: null });
    expect(verdict.reasons[0]?.cause).toContain("35 s");
  });

  test("a stopped table is named with code, cause and remedy while the lane streams on", () => {
    const verdict = judgeHealth(lane({ stoppedTables: [{ target: "population.citizen", problem }] }), now);
    expect(verdict.reasons).toEqual([
      {
        subject: "population/hcm population.citizen",
        state: "stopped",
        code: "DB-PG-001",
        cause: problem.cause,
        remedy: problem.remedy,
      },
    ]);
  });

  test("a source that is being reconnected makes the engine unhealthy", () => {
    const health = { ...lane(), sources: [{ name: "population", state: "retrying", problem } as const] };
    expect(judgeHealth(health, now).reasons.map((reason) => reason.subject)).toEqual(["population"]);
  });
});
