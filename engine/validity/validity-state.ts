// The state of a copy, NEVER_SYNCED · VALID · EXPIRED · RESYNCING · QUARANTINED, as total tables. Pure.
import type { Micros } from "../model/change-message.ts";
import type { CopyState, ExpiryPolicy } from "../model/share.ts";

/**
 * What may happen to a copy. `synced`: a source-confirmed position was applied, data or none (VL-07). `expired`: the time
 * of judgement has reached `valid_until`. `load_begun`: a load that rewrites every row. `load_done`: its rows are complete
 * and the stream has passed them. `verification_failed`: a batch or a reconcile run found what must not be believed.
 */
export type CopyEvent = "synced" | "expired" | "load_begun" | "load_done" | "verification_failed";

/** Every state, every event. `synced` differs by policy once the copy has expired: see afterSync. */
const transitions: Record<CopyState, Record<Exclude<CopyEvent, "synced">, CopyState>> = {
  // A copy that never was whole has nothing to expire and stays what it is until its first load is done.
  NEVER_SYNCED: { expired: "NEVER_SYNCED", load_begun: "NEVER_SYNCED", load_done: "VALID", verification_failed: "QUARANTINED" },
  VALID: { expired: "EXPIRED", load_begun: "RESYNCING", load_done: "VALID", verification_failed: "QUARANTINED" },
  EXPIRED: { expired: "EXPIRED", load_begun: "RESYNCING", load_done: "VALID", verification_failed: "QUARANTINED" },
  RESYNCING: { expired: "RESYNCING", load_begun: "RESYNCING", load_done: "VALID", verification_failed: "QUARANTINED" },
  // Only rows read anew from the master end a quarantine.
  QUARANTINED: { expired: "QUARANTINED", load_begun: "RESYNCING", load_done: "VALID", verification_failed: "QUARANTINED" },
};

/** A sync moves the clock; under `resync` it does not reopen what had expired (VL-04). */
const afterSync: Record<ExpiryPolicy, Record<CopyState, CopyState>> = {
  refuse: {
    NEVER_SYNCED: "NEVER_SYNCED",
    VALID: "VALID",
    EXPIRED: "VALID",
    RESYNCING: "RESYNCING",
    QUARANTINED: "QUARANTINED",
  },
  resync: {
    NEVER_SYNCED: "NEVER_SYNCED",
    VALID: "VALID",
    EXPIRED: "EXPIRED",
    RESYNCING: "RESYNCING",
    QUARANTINED: "QUARANTINED",
  },
};

/** The state after the event. */
export function nextCopyState(state: CopyState, event: CopyEvent, policy: ExpiryPolicy): CopyState {
  return event === "synced" ? afterSync[policy][state] : transitions[state][event];
}

/** The state as it must be shown now: a VALID that was stored before its time ran out is EXPIRED, engine alive or not. */
export function judgedCopyState(stored: CopyState, validUntil: Micros | null, now: Micros): CopyState {
  const over = validUntil === null || now >= validUntil;
  return stored === "VALID" && over ? "EXPIRED" : stored;
}
