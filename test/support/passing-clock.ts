import type { Clock } from "../../engine/ports/clock.ts";

/** Time passes when a statement runs or somebody sleeps, and not else. */
export class PassingClock implements Clock {
  nowMs = 0;
  readonly slept: number[] = [];

  now(): number {
    return this.nowMs * 1_000;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.nowMs += ms;
    return Promise.resolve();
  }
}
