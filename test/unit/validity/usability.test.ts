import { describe, expect, test } from "vitest";
import type { ShareState } from "../../../engine/model/share.ts";
import { type RefusalReason, refusalTexts } from "../../../engine/validity/refusal.ts";
import { type CopyFacts, refusalOrder, type ShareFacts, usability } from "../../../engine/validity/usability.ts";

const now = 1_000_000;
const share: ShareFacts = {
  state: "ACTIVE",
  suspensionBarsUse: false,
  hasPosition: true,
  agreementFrom: now - 10,
  agreementTo: now + 10,
  oldestValidUntil: now + 5,
};
const copy: CopyFacts = { state: "VALID", validUntil: now + 5, stopped: false, withdrawnAt: null };

function refused(reason: RefusalReason, since: number | null): object {
  return { usable: false, reason, since };
}

test("a whole copy inside its period and its agreement is usable", () => {
  expect(usability(share, copy, now)).toEqual({ usable: true });
  expect(usability({ ...share, agreementFrom: null, agreementTo: null }, copy, now)).toEqual({ usable: true });
});

describe("time", () => {
  test("VL-03: refused from valid_until on, and the instant is told", () => {
    expect(usability(share, { ...copy, validUntil: now + 1 }, now)).toEqual({ usable: true });
    expect(usability(share, { ...copy, validUntil: now }, now)).toEqual(refused("expired", now));
    expect(usability(share, { ...copy, validUntil: null }, now)).toEqual(refused("expired", null));
  });

  test("VL-09: one table stuck, and every table of the share expires by it", () => {
    expect(usability({ ...share, oldestValidUntil: now - 3 }, copy, now)).toEqual(refused("expired", now - 3));
  });

  test("VL-12: a suspended share's copy stays usable until its time is over, and no longer", () => {
    const suspended: ShareFacts = { ...share, state: "SUSPENDED" };
    expect(usability(suspended, copy, now)).toEqual({ usable: true });
    expect(usability(suspended, copy, now + 5)).toEqual(refused("expired", now + 5));
    expect(usability({ ...suspended, suspensionBarsUse: true }, copy, now)).toEqual(refused("suspended", null));
    expect(usability({ ...share, suspensionBarsUse: true }, copy, now)).toEqual({ usable: true });
  });

  test("VL-14: use stops at whichever ends first, the agreement or the validity", () => {
    expect(usability({ ...share, agreementTo: now }, copy, now)).toEqual(refused("agreement_ended", now));
    expect(usability({ ...share, agreementTo: now }, { ...copy, validUntil: now - 1 }, now)).toEqual(refused("agreement_ended", now));
    expect(usability(share, { ...copy, validUntil: now - 1 }, now)).toMatchObject({ reason: "expired" });
    expect(usability({ ...share, agreementFrom: now + 1 }, copy, now)).toEqual(refused("agreement_not_begun", now + 1));
    expect(usability({ ...share, agreementFrom: now }, copy, now)).toEqual({ usable: true });
  });
});

describe("state", () => {
  const byShare: Record<ShareState, RefusalReason | null> = {
    DRAFT: "not_agreed",
    AGREED: "not_agreed",
    LOADING: "loading",
    ACTIVE: null,
    SUSPENDED: null,
    TERMINATING: "terminated",
    TERMINATED: "terminated",
  };
  test.each(Object.entries(byShare))("a share that is %s: %s", (state, reason) => {
    const answer = usability({ ...share, state: state as ShareState }, copy, now);
    expect(answer).toEqual(reason === null ? { usable: true } : refused(reason, null));
  });

  test.each([
    ["NEVER_SYNCED", "never_synced"],
    ["RESYNCING", "resyncing"],
    ["QUARANTINED", "quarantined"],
    ["EXPIRED", "expired"],
  ] as const)("VL-04: a copy stored as %s is refused however much time it has left: %s", (state, reason) => {
    expect(usability(share, { ...copy, state }, now)).toMatchObject({ usable: false, reason });
  });

  test("a stopped or withdrawn table is refused at once", () => {
    expect(usability(share, { ...copy, stopped: true }, now)).toEqual(refused("stopped", null));
    expect(usability(share, { ...copy, withdrawnAt: now - 8 }, now)).toEqual(refused("withdrawn", now - 8));
  });

  test("a missing record or position is never a reason to believe the data", () => {
    expect(usability(null, copy, now)).toEqual(refused("checkpoint_missing", null));
    expect(usability(share, null, now)).toEqual(refused("checkpoint_missing", null));
    expect(usability({ ...share, hasPosition: false }, copy, now)).toEqual(refused("checkpoint_missing", null));
  });

  test("of several reasons the one that will not pass by itself is told", () => {
    const all: CopyFacts = { state: "RESYNCING", validUntil: now - 1, stopped: true, withdrawnAt: now - 2 };
    expect(usability({ ...share, state: "TERMINATED", agreementTo: now }, all, now)).toMatchObject({ reason: "terminated" });
    expect(usability({ ...share, agreementTo: now }, all, now)).toMatchObject({ reason: "withdrawn" });
    expect(usability(share, { ...all, withdrawnAt: null }, now)).toMatchObject({ reason: "stopped" });
    expect(usability(share, { ...all, withdrawnAt: null, stopped: false }, now)).toMatchObject({ reason: "resyncing" });
  });
});

test("every reason has its place in the order and tells in both languages what to do", () => {
  const reasons = Object.keys(refusalTexts);
  expect([...refusalOrder].toSorted()).toEqual(reasons.toSorted());
  for (const { words, hint, hintVi } of Object.values(refusalTexts)) {
    expect(words).not.toBe("");
    expect(hint).toMatch(/^[A-Z].*\.$/);
    // Vietnamese, in composed letters.
    expect(hintVi).toMatch(/[ạảãàáâậầấẩẫăắằặẳẵêếềểễệôốồổỗộơớờởỡợưứừửữựđ]/u);
    expect(hintVi).toBe(hintVi.normalize("NFC"));
  }
});
