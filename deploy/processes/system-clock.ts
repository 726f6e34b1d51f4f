import { performance } from "node:perf_hooks";
import type { Clock } from "../../engine/ports/clock.ts";
import type { Random } from "../../engine/ports/random.ts";

/** This machine's time. */
export const systemClock: Clock = {
  now: () => Date.now() * 1000,
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener("abort", finish, { once: true });
    }),
};

/** This machine's chance: for jitter only, never for secrets. */
export const systemRandom: Random = { next: () => Math.random() };
