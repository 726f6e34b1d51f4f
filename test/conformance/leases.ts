// What every store of leases must do: one owner a source, terms that only rise, and an end that nobody has to tell.
import { describe, expect, test } from "vitest";
import type { FleetWorker, Leased, Leases } from "../../engine/ports/leases.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Longer than any of these tests. Where a lease was over, a short one is taken: a server that has just started grants no other so soon. */
const minute = 60_000;

const population: Leased = { kind: "source", name: "population" };

function worker(id: string): FleetWorker {
  return { id, pid: 4711, host: "máy-1", version: "0.1.0", startedAt: new Date("2026-01-02T03:04:05.678Z"), draining: false };
}

/** Registers the suite; `open` gives a fresh, empty store a test. */
export function describeLeases(name: string, open: () => Promise<Leases>): void {
  describe(`${name}: leases`, () => {
    test("a source that nobody has is taken by one of two, and seen by all", async () => {
      const leases = await open();
      await leases.renew(worker("a"), minute);
      const [one, other] = await Promise.all([leases.take(population, "a", null, minute), leases.take(population, "b", null, minute)]);
      expect([one, other].filter((term) => term !== null)).toHaveLength(1);
      const state = await leases.state();
      expect(state.leases).toMatchObject([{ name: "population", worker: one === null ? "b" : "a", term: one ?? other }]);
      expect(state.workers).toMatchObject([{ ...worker("a"), live: true }]);
      expect(state.leases[0]?.leftMs).toBeGreaterThan(0);
    });

    test("what has an owner is not taken; what was given back is, by a later term", async () => {
      const leases = await open();
      const first = (await leases.take(population, "a", null, minute)) ?? 0;
      const seen = async () => (await leases.state()).leases.find(({ name }) => name === "population") ?? null;
      expect(await leases.take(population, "b", await seen(), minute)).toBeNull();
      await leases.giveBack(population, "b", first);
      await leases.giveBack(population, "a", first - 1);
      expect((await seen())?.worker).toBe("a");
      await leases.giveBack(population, "a", first);
      expect(await seen()).toMatchObject({ worker: null, term: first });
      expect(await leases.take(population, "b", await seen(), minute)).toBeGreaterThan(first);
    });

    test("terms begin where no older control database can have been", async () => {
      const leases = await open();
      expect(await leases.take(population, "a", null, minute)).toBeGreaterThan(1_700_000_000);
    });

    test("a lease ends by itself unless it is renewed, and its owner may still renew it until another has taken it", async () => {
      const leases = await open();
      const first = (await leases.take(population, "a", null, 50)) ?? 0;
      const over = async () => {
        const [lease] = (await leases.state()).leases;
        return lease !== undefined && lease.leftMs < 0 ? lease : null;
      };
      await waitUntil(over, { describe: "the lease to be over" });
      const renewed = (await leases.renew(worker("a"), minute)).leases[0];
      expect(renewed).toMatchObject({ worker: "a", term: first });
      expect(renewed?.leftMs).toBeGreaterThan(0);
      await leases.renew(worker("a"), 50);
      const seen = await waitUntil(over, { describe: "the lease to be over again" });
      const next = await leases.take(population, "b", seen, 50);
      expect(next).toBeGreaterThan(first);
      expect((await leases.renew(worker("a"), minute)).leases).toMatchObject([{ worker: "b", term: next }]);
    });

    test("of two that saw the same end one takes over", async () => {
      const leases = await open();
      await leases.take(population, "a", null, 1);
      const seen = await waitUntil(async () => (await leases.state()).leases.find(({ leftMs }) => leftMs < 0) ?? null, {
        describe: "the lease to be over",
      });
      const taken = await Promise.all(["b", "c"].map((id) => leases.take(population, id, seen, 50)));
      expect(taken.filter((term) => term !== null)).toHaveLength(1);
    });

    test("who leaves owns nothing, and is seen no more; who is silent is seen to be", async () => {
      const leases = await open();
      await leases.renew(worker("a"), minute);
      await leases.renew({ ...worker("b"), draining: true }, 1);
      await leases.take(population, "a", null, minute);
      await leases.leave("a");
      const { leases: left, workers } = await waitUntil(
        async () => {
          const state = await leases.state();
          return state.workers.every(({ live }) => !live) ? state : null;
        },
        { describe: "the other to be silent" },
      );
      expect(left).toMatchObject([{ name: "population", worker: null }]);
      expect(workers).toMatchObject([{ id: "b", draining: true, live: false }]);
    });
  });
}
