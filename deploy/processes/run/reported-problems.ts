// What the engine leaves in the control database for `dongbo status`: whatever keeps something from progressing. Pure.
import { retryKind } from "../../../engine/fleet/retry-policy.ts";
import type { Micros } from "../../../engine/model/change-message.ts";
import type { EngineProblem } from "../../../engine/ports/control-commands.ts";
import type { EngineHealth, Problem } from "../../../engine/ports/engine.ts";
import { redactText } from "../../../engine/telemetry/redact.ts";

/** A failure that may pass by itself is told of once it has lasted; an order may be what mends another. */
export const lastingMicros = 5_000_000;

/** Stopped tables are not among them: what stopped them is in the target. */
export function problemsToReport({ sources, subscriptions, queue = null }: EngineHealth, now: Micros): EngineProblem[] {
  const told = (of: EngineProblem["of"], id: string, problem: Problem | null): EngineProblem[] => {
    if (problem === null || (retryKind(problem.code) === "timed" && now - problem.since <= lastingMicros)) return [];
    const { code, subject, cause, remedy } = problem;
    return [{ of, id, code, subject: redactText(subject), cause: redactText(cause), remedy: redactText(remedy) }];
  };
  return [
    ...sources.flatMap(({ name, problem }) => told("source", name, problem)),
    ...subscriptions.flatMap(({ id, problem }) => told("subscription", id, problem)),
    ...told("queue", "jobs", queue),
  ];
}
