import { describe, expect, test } from "vitest";
import type { CopyState, ExpiryPolicy } from "../../../engine/model/share.ts";
import { type CopyEvent, judgedCopyState, nextCopyState } from "../../../engine/validity/validity-state.ts";

const states: readonly CopyState[] = ["NEVER_SYNCED", "VALID", "EXPIRED", "RESYNCING", "QUARANTINED"];
const events: readonly CopyEvent[] = ["synced", "expired", "load_begun", "load_done", "verification_failed"];
const policies: readonly ExpiryPolicy[] = ["refuse", "resync"];

describe("what may reopen a copy", () => {
  test("VL-02: a sync, a passed deadline or the beginning of a load never makes a copy valid that was not whole", () => {
    for (const policy of policies)
      for (const state of ["NEVER_SYNCED", "RESYNCING", "QUARANTINED"] as const)
        for (const event of ["synced", "expired", "load_begun"] as const) expect(nextCopyState(state, event, policy)).not.toBe("VALID");
  });

  test("VL-03: with `refuse` the next confirmed sync makes an expired copy valid again", () => {
    expect(nextCopyState("EXPIRED", "synced", "refuse")).toBe("VALID");
  });

  test("VL-04: with `resync` only a completed load does", () => {
    expect(nextCopyState("EXPIRED", "synced", "resync")).toBe("EXPIRED");
    expect(nextCopyState("EXPIRED", "load_begun", "resync")).toBe("RESYNCING");
    expect(nextCopyState("RESYNCING", "synced", "resync")).toBe("RESYNCING");
    expect(nextCopyState("RESYNCING", "load_done", "resync")).toBe("VALID");
  });

  test("a completed load makes every copy valid, whatever it was", () => {
    for (const policy of policies) for (const state of states) expect(nextCopyState(state, "load_done", policy)).toBe("VALID");
  });
});

test("a failed verification sets every copy aside, and a first load does not hide that there never was a sync", () => {
  for (const state of states) expect(nextCopyState(state, "verification_failed", "refuse")).toBe("QUARANTINED");
  expect(nextCopyState("NEVER_SYNCED", "load_begun", "refuse")).toBe("NEVER_SYNCED");
});

test("every state has an answer to every event under either policy", () => {
  for (const policy of policies)
    for (const state of states) for (const event of events) expect(states).toContain(nextCopyState(state, event, policy));
});

describe("the state that is shown", () => {
  test("VL-03: a stored VALID is EXPIRED from the very instant its time is over", () => {
    expect(judgedCopyState("VALID", 1000, 999)).toBe("VALID");
    expect(judgedCopyState("VALID", 1000, 1000)).toBe("EXPIRED");
    expect(judgedCopyState("VALID", null, 0)).toBe("EXPIRED");
  });

  test("the other states are shown as stored", () => {
    for (const state of states.filter((state) => state !== "VALID")) expect(judgedCopyState(state, 1000, 5000)).toBe(state);
  });
});
