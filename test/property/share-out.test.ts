// Sources among the workers of a fleet, as each worker works it out for itself: whole, even, settled, and stable.
import { array, assert, constantFrom, dictionary, integer, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { shareOut, type Weights } from "../../engine/fleet/share-out.ts";
import type { FleetState, Lease } from "../../engine/ports/leases.ts";

const names = constantFrom("a", "b", "c", "d", "e");
const weights = dictionary(string({ minLength: 1, maxLength: 3 }), integer({ min: 1, max: 9 }), { minKeys: 1, maxKeys: 8 }).map(
  (made) => new Map(Object.entries(made)),
);
const turns = array(names, { minLength: 0, maxLength: 20 });

/** The fleet as the control database has it, played turn by turn. */
class Fleet {
  readonly owners = new Map<string, string>();
  readonly weights: Weights;
  workers: readonly string[];

  constructor(sources: Weights, workers: readonly string[]) {
    this.weights = sources;
    this.workers = workers;
  }

  get state(): FleetState {
    const seen = { pid: 1, host: "máy-1", version: "0.1.0", startedAt: new Date(0), heardAt: new Date(0), draining: false, live: true };
    const leases = [...this.owners].map(([name, worker]): Lease => ({
      kind: "source",
      name,
      worker,
      term: 1,
      since: new Date(0),
      leftMs: 1,
    }));
    return { leases, workers: this.workers.map((id) => ({ ...seen, id })) };
  }

  /** One worker looks and acts; gives whether it did anything. */
  turn(worker: string): boolean {
    if (!this.workers.includes(worker)) return false;
    const { take, giveBack } = shareOut(worker, this.state, this.weights);
    for (const source of take) this.owners.set(source, worker);
    if (giveBack !== null) this.owners.delete(giveBack);
    return take.length > 0 || giveBack !== null;
  }

  /** Until nobody has anything to do; gives how many sources changed their owner. */
  settle(): number {
    const before = new Map(this.owners);
    for (let round = 0; this.workers.map((worker) => this.turn(worker)).some(Boolean); round++) {
      if (round > 200) throw new Error("it never settles");
    }
    return [...before].filter(([source, owner]) => this.owners.get(source) !== owner).length;
  }

  loads(): number[] {
    return this.workers.map((worker) =>
      [...this.owners].reduce((load, [source, owner]) => (owner === worker ? load + (this.weights.get(source) ?? 0) : load), 0),
    );
  }
}

describe("a fleet", () => {
  test("comes to rest with one owner a source, and with nothing that could be handed on to make the heaviest load lighter", () => {
    assert(
      property(weights, turns, integer({ min: 1, max: 5 }), (sources, order, count) => {
        const fleet = new Fleet(sources, ["a", "b", "c", "d", "e"].slice(0, count));
        for (const worker of order) fleet.turn(worker);
        fleet.settle();
        expect([...fleet.owners.keys()].toSorted()).toEqual([...sources.keys()].toSorted());
        const [least, most] = [Math.min(...fleet.loads()), Math.max(...fleet.loads())];
        for (const [source, owner] of fleet.owners) {
          if (fleet.loads()[fleet.workers.indexOf(owner)] === most) expect(most - least).toBeLessThanOrEqual(sources.get(source) ?? 0);
        }
        expect(fleet.settle()).toBe(0);
      }),
    );
  });

  test("sources that weigh the same are spread to within one", () => {
    assert(
      property(integer({ min: 1, max: 12 }), integer({ min: 1, max: 5 }), (sources, count) => {
        const fleet = new Fleet(new Map(Array.from({ length: sources }, (_, source) => [`s${source}`, 2])), ["a"]);
        fleet.settle();
        fleet.workers = ["a", "b", "c", "d", "e"].slice(0, count);
        fleet.settle();
        expect(Math.max(...fleet.loads()) - Math.min(...fleet.loads())).toBeLessThanOrEqual(2);
      }),
    );
  });

  test("when one goes, only what it had moves", () => {
    const fleet = new Fleet(new Map([1, 2, 3, 4, 5, 6].map((source) => [`s${source}`, 2])), ["a", "b", "c"]);
    fleet.settle();
    const before = new Map(fleet.owners);
    for (const [source, owner] of before) if (owner === "c") fleet.owners.delete(source);
    fleet.workers = ["a", "b"];
    fleet.settle();
    for (const [source, owner] of before) if (owner !== "c") expect(fleet.owners.get(source)).toBe(owner);
    expect(fleet.loads()).toEqual([6, 6]);
  });

  test("one that is about to end, or was not heard of, is given nothing", () => {
    const fleet = new Fleet(new Map([["s1", 2]]), ["a", "b"]);
    const { state } = fleet;
    for (const change of [{ draining: true }, { live: false }]) {
      const seen = { ...state, workers: state.workers.map((worker) => (worker.id === "a" ? { ...worker, ...change } : worker)) };
      expect(shareOut("a", seen, fleet.weights).take).toEqual([]);
      expect(shareOut("b", seen, fleet.weights).take).toEqual(["s1"]);
    }
  });
});
