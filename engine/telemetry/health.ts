import type { Micros } from "../model/change-message.ts";
import { unreachable } from "../model/assert.ts";
import type { EngineHealth, Problem, SourceHealth, SubscriptionHealth } from "../ports/engine.ts";

/** What `/healthz` answers: 200 when `healthy`, else 503. */
export interface HealthVerdict {
  readonly healthy: boolean;
  readonly reasons: readonly HealthReason[];
}

export interface HealthReason {
  /** A source, a subscription, or a table as `<subscription> <table>`. */
  readonly subject: string;
  readonly state: string;
  /** Null when there is no coded failure, only no progress. */
  readonly code: string | null;
  readonly cause: string;
  readonly remedy: string;
}

/** A lane that confirmed nothing for this long does not progress, whatever it says of itself. */
export const stallSeconds = 30;

/**
 * Whether all wanted work progresses. Progress is a source-confirmed position that reached the target lately, not a live
 * process. What was suspended by order, or whose agreement has ended, is not wanted.
 */
export function judgeHealth(health: EngineHealth, now: Micros): HealthVerdict {
  const reasons = [
    ...health.sources.flatMap((source) => sourceReasons(source)),
    ...health.subscriptions.flatMap((subscription) => [...laneReasons(subscription, now), ...tableReasons(subscription)]),
    ...(health.queue === undefined || health.queue === null ? [] : [reason("queue", "retrying", health.queue)]),
  ];
  return { healthy: reasons.length === 0, reasons };
}

function sourceReasons(source: SourceHealth): HealthReason[] {
  switch (source.state) {
    case "starting":
    case "streaming":
    case "standing by":
      return [];
    case "retrying":
    case "stopped":
      return [reason(source.name, source.state, source.problem)];
    default:
      return unreachable(source.state);
  }
}

function laneReasons(lane: SubscriptionHealth, now: Micros): HealthReason[] {
  switch (lane.state) {
    case "suspended":
    case "ended":
    case "starting":
    case "loading":
      return [];
    case "streaming":
      return stalled(lane, now);
    case "retrying":
    case "parked":
    case "stopped":
      return [reason(lane.id, lane.state, lane.problem)];
    default:
      return unreachable(lane.state);
  }
}

function stalled(lane: SubscriptionHealth, now: Micros): HealthReason[] {
  const seconds = lane.lastSyncAt === null ? 0 : (now - lane.lastSyncAt) / 1e6;
  if (seconds <= stallSeconds) return [];
  return [
    {
      subject: lane.id,
      state: lane.state,
      code: null,
      cause: `no position confirmed by the source was applied for ${Math.floor(seconds)} s`,
      remedy: "Look at the log; compare the clocks of source and this machine",
    },
  ];
}

function tableReasons(lane: SubscriptionHealth): HealthReason[] {
  return lane.stoppedTables.map((table) => reason(`${lane.id} ${table.target}`, "stopped", table.problem));
}

function reason(subject: string, state: string, problem: Problem | null): HealthReason {
  if (problem === null) return { subject, state, code: null, cause: `it is ${state}`, remedy: "See `dongbo status`" };
  return { subject, state, code: problem.code, cause: problem.cause, remedy: problem.remedy };
}
