import type { Metrics } from "../../engine/ports/metrics.ts";

const ignore = (): void => {};

/** Metrics that nobody reads. */
export const silentMetrics: Metrics = {
  subscription: () => ({
    applied: ignore,
    loaded: ignore,
    loading: ignore,
    clock: ignore,
    usable: ignore,
    state: ignore,
    queued: ignore,
    quarantined: ignore,
    stoppedTables: ignore,
    drifted: () => {},
    forget: ignore,
  }),
  source: () => ({ connected: ignore, reconnected: ignore, received: ignore, retained: ignore, slot: ignore, forget: ignore }),
  retried: ignore,
  compared: ignore,
  fleet: () => ({ owned: ignore, taken: ignore, lost: ignore, renewalFailed: ignore, queueConnected: ignore, job: ignore }),
};
