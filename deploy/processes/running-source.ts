// What the engine asks of each of its sources, one that only one process may run or one that several share.
import type { Configuration } from "../../engine/config/configuration.ts";
import type { SourceProblem } from "./runtime-parts.ts";
import type { SourceRuntime } from "./source-runtime.ts";

export interface RunningSource {
  readonly id: string;
  /** Several processes may run it at the same time, each its slices. */
  readonly shared: boolean;
  /** What of it is at work in this process: all, its slices, or nothing. */
  readonly runtimes: readonly SourceRuntime[];
  /** What keeps this process from having any of it; null: nothing known. */
  readonly problem: SourceProblem | null;
  /** Works until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends what another source has in the next configuration; to be called before that one may begin with it. */
  letGo(next: Configuration): Promise<void>;
  /** Brings what runs in line with the configuration. */
  refresh(next: Configuration): Promise<void>;
}

/** A source that only one process may run. */
export function wholeSource(runtime: SourceRuntime): RunningSource {
  return {
    id: runtime.id,
    shared: false,
    runtimes: [runtime],
    problem: null,
    run: (signal) => runtime.run(signal),
    letGo: (next) => runtime.letGo(next),
    refresh: (next) => runtime.refresh(next),
  };
}
