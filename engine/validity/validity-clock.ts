// The clock of a copy: how long its data may be used after the last sync. Pure.
import type { Micros } from "../model/change-message.ts";

/** First instant at which the copy has expired: the source-side time of the last sync and the period on top (VL-02, VL-08). */
export function validUntil(lastSyncAt: Micros, validityPeriodSeconds: number): Micros {
  return lastSyncAt + validityPeriodSeconds * 1_000_000;
}

/**
 * The time by which a copy is judged: the clock of the server it lies on, and never earlier than the newest time that
 * server was seen to show. A clock set back does not revive a copy.
 */
export function judgedTime(serverClock: Micros, clockFloor: Micros | null): Micros {
  return clockFloor === null ? serverClock : Math.max(serverClock, clockFloor);
}

/** The share's value: the oldest of its tables' (VL-09). Null when no table has one. */
export function oldest(instants: readonly (Micros | null)[]): Micros | null {
  const known = instants.filter((instant) => instant !== null);
  return known.length === 0 ? null : Math.min(...known);
}
