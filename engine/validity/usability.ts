// share state × copy state × agreement term → usable or not, with the reason. Pure; every target's gate gives the same answer.
import type { Micros } from "../model/change-message.ts";
import type { CopyState, ShareState } from "../model/share.ts";
import type { RefusalReason } from "./refusal.ts";
import { oldest } from "./validity-clock.ts";

/** What is stored of a subscription, as far as use depends on it. */
export interface ShareFacts {
  readonly state: ShareState;
  /** A rule profile may let a suspension bar use as well as supply. */
  readonly suspensionBarsUse: boolean;
  /** A position was applied and is known. */
  readonly hasPosition: boolean;
  readonly agreementFrom: Micros | null;
  readonly agreementTo: Micros | null;
  /** Oldest `valid_until` of the share's tables that were ever whole and still belong to it (VL-09). */
  readonly oldestValidUntil: Micros | null;
}

/** What is stored of one table's copy. */
export interface CopyFacts {
  readonly state: CopyState;
  readonly validUntil: Micros | null;
  readonly stopped: boolean;
  readonly withdrawnAt: Micros | null;
}

/** `since`: the instant that the reason speaks of, where it has one. */
export type Usability =
  | { readonly usable: true }
  | { readonly usable: false; readonly reason: RefusalReason; readonly since: Micros | null };

/** What each state of a share means for use by itself (requirements 1.17: a suspended share's still-valid copy stays usable). */
export const shareRefusals: Readonly<Record<ShareState, RefusalReason | null>> = {
  DRAFT: "not_agreed",
  AGREED: "not_agreed",
  LOADING: "loading",
  ACTIVE: null,
  SUSPENDED: null,
  TERMINATING: "terminated",
  TERMINATED: "terminated",
};

/** What each stored state of a copy means for use by itself. */
export const copyRefusals: Readonly<Record<CopyState, RefusalReason | null>> = {
  NEVER_SYNCED: "never_synced",
  VALID: null,
  EXPIRED: "expired",
  RESYNCING: "resyncing",
  QUARANTINED: "quarantined",
};

/**
 * Which reason is told when several hold: first those that nobody waits for, last those that pass by themselves. Every
 * target's gate tests in this order.
 */
export const refusalOrder: readonly RefusalReason[] = [
  "checkpoint_missing",
  "not_agreed",
  "terminated",
  "withdrawn",
  "agreement_not_begun",
  "agreement_ended",
  "suspended",
  "quarantined",
  "stopped",
  "loading",
  "never_synced",
  "resyncing",
  "expired",
];

/** What several parts of one thing are together: the first of these that one of them is. */
export const shareGravity: readonly ShareState[] = ["TERMINATED", "TERMINATING", "DRAFT", "AGREED", "LOADING", "SUSPENDED", "ACTIVE"];
export const copyGravity: readonly CopyState[] = ["QUARANTINED", "NEVER_SYNCED", "RESYNCING", "EXPIRED", "VALID"];

/**
 * May this table's copy be used at `now`, a time from judgedTime? `share` or `copy` null: its record is missing, which is
 * never a reason to believe the data.
 */
export function usability(share: ShareFacts | null, copy: CopyFacts | null, now: Micros): Usability {
  if (share === null || copy === null) return { usable: false, reason: "checkpoint_missing", since: null };
  const holding = holdingReasons(share, copy, now);
  const reason = refusalOrder.find((candidate) => holding.has(candidate));
  return reason === undefined ? { usable: true } : { usable: false, reason, since: holding.get(reason) ?? null };
}

/** Every reason that holds, with its instant. */
function holdingReasons(share: ShareFacts, copy: CopyFacts, now: Micros): Map<RefusalReason, Micros | null> {
  const reasons = new Map<RefusalReason, Micros | null>();
  const ofShare = shareRefusals[share.state];
  const ofCopy = copyRefusals[copy.state];
  // Without a clock of its own nothing is known of a copy, whatever the other tables' clocks say.
  const validUntil = copy.validUntil === null ? null : oldest([copy.validUntil, share.oldestValidUntil]);
  if (ofShare !== null) reasons.set(ofShare, null);
  if (copy.withdrawnAt !== null) reasons.set("withdrawn", copy.withdrawnAt);
  if (share.agreementFrom !== null && now < share.agreementFrom) reasons.set("agreement_not_begun", share.agreementFrom);
  if (share.agreementTo !== null && now >= share.agreementTo) reasons.set("agreement_ended", share.agreementTo);
  if (share.state === "SUSPENDED" && share.suspensionBarsUse) reasons.set("suspended", null);
  if (copy.stopped) reasons.set("stopped", null);
  if (ofCopy !== null) reasons.set(ofCopy, ofCopy === "expired" ? validUntil : null);
  else if (ofShare === null && !share.hasPosition) reasons.set("checkpoint_missing", null);
  else if (validUntil === null || now >= validUntil) reasons.set("expired", validUntil);
  return reasons;
}
