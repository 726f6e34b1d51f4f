import type { Micros } from "../model/change-message.ts";

/** Time as the engine sees it; injected, so that simulation and tests own it. */
export interface Clock {
  /** This machine's wall clock. Never used to lengthen a copy's validity. */
  now(): Micros;
  /** Milliseconds that only ever grow, for deadlines and durations. */
  monotonicMs(): number;
  /** Resolves after the time, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
