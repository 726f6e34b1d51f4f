import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lsnOrder } from "../../../connectors/postgres/lsn.ts";
import { Acknowledger } from "../../../engine/pipeline/acknowledger.ts";

const at = (lsn: number): ReturnType<typeof lsnOrder.parse> => lsnOrder.parse(`0/${lsn.toString(16).toUpperCase()}`);

describe("what the source may forget", () => {
  it("is the oldest position that every attached subscription has durably applied", () => {
    const acknowledger = new Acknowledger<string>(lsnOrder);
    acknowledger.attach("hcm", at(10));
    acknowledger.attach("hue", at(10));
    expect(acknowledger.next()).toBe(at(10));
    acknowledger.applied("hcm", at(30));
    expect(acknowledger.next()).toBeNull();
    acknowledger.applied("hue", at(20));
    expect(acknowledger.next()).toBe(at(20));
    expect(acknowledger.next()).toBeNull();
  });

  it("is nothing while one subscription's position is not known yet", () => {
    const acknowledger = new Acknowledger<string>(lsnOrder);
    acknowledger.attach("hcm", at(10));
    acknowledger.attach("hue", null);
    expect(acknowledger.next()).toBeNull();
    acknowledger.attach("hue", at(5));
    expect(acknowledger.next()).toBe(at(5));
  });

  it("is nothing while somebody who starts anew has not applied anything yet", () => {
    const acknowledger = new Acknowledger<string>(lsnOrder);
    acknowledger.attach("hcm", at(20));
    acknowledger.attachAnew("hue", at(20));
    expect(acknowledger.next()).toBeNull();
    expect(acknowledger.known()).toEqual([at(20), at(20)]);
    acknowledger.applied("hue", at(20));
    expect(acknowledger.next()).toBe(at(20));
  });

  it("no longer waits for a subscription that was detached", () => {
    const acknowledger = new Acknowledger<string>(lsnOrder);
    acknowledger.attach("hcm", at(30));
    acknowledger.attach("hue", at(10));
    acknowledger.next();
    acknowledger.detach("hue");
    expect(acknowledger.next()).toBe(at(30));
    acknowledger.applied("hue", at(50));
    expect(acknowledger.isAttached("hue")).toBe(false);
  });

  it("never moves back and never passes anybody, whatever happens in whatever order", () => {
    const event = fc.record({
      who: fc.constantFrom("a", "b", "c"),
      what: fc.constantFrom("attach", "applied", "detach", "unknown"),
      by: fc.nat(50),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const acknowledger = new Acknowledger<string>(lsnOrder);
        const positions = new Map<string, number | null>();
        let told = 0;
        for (const { who, what, by } of events) {
          const known = positions.get(who);
          if (what === "detach") {
            positions.delete(who);
            acknowledger.detach(who);
          } else if (what === "unknown" && !positions.has(who)) {
            positions.set(who, null);
            acknowledger.attach(who, null);
          } else if (what === "attach" && known !== undefined ? known === null : what === "attach") {
            positions.set(who, told + by + 1);
            acknowledger.attach(who, at(told + by + 1));
          } else if (what === "applied" && typeof known === "number") {
            positions.set(who, known + by);
            acknowledger.applied(who, at(known + by));
          }
          const next = acknowledger.next();
          if (next === null) continue;
          const now = Number.parseInt(next.slice(2), 16);
          expect(now).toBeGreaterThan(told);
          for (const position of positions.values()) expect(position).toBeGreaterThanOrEqual(now);
          told = now;
        }
      }),
    );
  });
});
