// A comparison under live writes: what it reports is so, and all of it, whatever comes between its readings (RC-01, RC-09).
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Difference } from "../../engine/model/reconcile-report.ts";
import { type Compared, comparePart, compareTable, cutTable } from "../../reconcilers/compare-table.ts";
import type { ComparisonParts } from "../../reconcilers/comparison-parts.ts";
import { joinProgress, type SearchProgress } from "../../reconcilers/search-progress.ts";
import type { Position } from "../../engine/model/position.ts";
import { wholeTable } from "../../reconcilers/key-ranges.ts";
import { simulatedContract, SimulatedWorld } from "../support/simulated-copy.ts";
import { catalogTable, column, tableMapping } from "../support/table-builders.ts";

const table = tableMapping(catalogTable([column("id", "text"), column("value", "text")]), ["id", "value"]);
const compared: ComparisonParts["compared"] = {
  table,
  columns: [
    { source: "id", target: "id", form: "text" },
    { source: "value", target: "value", form: "text" },
  ],
  skipped: [],
};

/** Mulberry32: one number, one world. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const busyKeys = ["b1", "b2", "b3"];
type Damage = "missing" | "different" | "extra" | "outside" | "duplicate";
const damages: readonly Damage[] = ["missing", "different", "extra", "outside", "duplicate"];

/** Calm rows, of which those of `damaged` are damaged, among busy ones. */
function worldOf(seed: number, damaged: readonly Damage[], writes: number): SimulatedWorld {
  const world = new SimulatedWorld({ random: randomFrom(seed), busy: busyKeys, writes });
  for (const key of [...busyKeys, "c1", "c2"]) world.load(key, { value: "v0", passes: true });
  for (const [place, kind] of damaged.entries()) {
    const key = `d${place}`;
    if (kind === "outside") world.load(key, { value: "v0", passes: false });
    else if (kind !== "extra") world.load(key, { value: "v0", passes: true });
    world.damage(key, kind === "missing" ? null : kind === "different" ? "v1" : "v0", kind === "duplicate");
  }
  return world;
}

type Resuming = Pick<ComparisonParts, "range" | "resume" | "progressed">;
const fromTheBeginning: Resuming = { range: wholeTable, resume: null, progressed: () => Promise.resolve() };

function compare(
  world: SimulatedWorld,
  versioned: boolean,
  resuming = fromTheBeginning,
  signal = new AbortController().signal,
): Promise<Compared> {
  return compareTable(partsOf(world, versioned, resuming), signal);
}

function partsOf(world: SimulatedWorld, versioned: boolean, resuming: Resuming): ComparisonParts {
  return {
    compared,
    master: world.master(versioned),
    copy: world.copy(),
    positions: { covers: (reached: Position, wanted: Position) => Number(reached) >= Number(wanted) },
    clock: world.clock,
    contract: simulatedContract,
    limits: { patienceMs: 1e6, settleMs: 1e6, rowsPerSecondMax: null, share: 1 },
    mayRead: () => Promise.resolve(),
    hurry: () => {},
    ...resuming,
  };
}

function printed(difference: Difference): string {
  const key = Buffer.concat(difference.key).toString();
  if (difference.class === "extra") return `${key} ${difference.outsideFilter ? "outside" : "extra"}`;
  return `${key} ${difference.class}`;
}

describe("comparing under live writes", () => {
  const seeds = fc.integer({ min: 0, max: 2 ** 31 });

  it.each([true, false])("finds exactly the damaged rows, master tells writes apart: %s (RC-09)", async (versioned) => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.array(fc.constantFrom(...damages), { maxLength: 6 }), fc.nat(60), async (seed, damaged, writes) => {
        const found = await compare(worldOf(seed, damaged, writes), versioned);
        expect(found.problem).toBeNull();
        expect(found.differences.map(printed).toSorted()).toEqual(damaged.map((kind, place) => `d${place} ${kind}`).toSorted());
        expect(found.verdict).toBe(damaged.length === 0 ? "equal" : "different");
      }),
      { numRuns: Number(process.env["FC_RUNS"] ?? 400) },
    );
  });

  it("goes on where an earlier process had come to, and finds what that one would have found (RC-09)", async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.array(fc.constantFrom(...damages), { maxLength: 6 }),
        fc.nat(60),
        fc.nat(4),
        async (seed, damaged, writes, parts) => {
          const world = worldOf(seed, damaged, writes);
          const killed = new AbortController();
          let resume: SearchProgress | null = null;
          let left = parts;
          const progressed = (progress: SearchProgress): Promise<void> => {
            // As it is kept: text.
            resume = JSON.parse(JSON.stringify(progress)) as SearchProgress;
            if (left-- === 0) killed.abort();
            return Promise.resolve();
          };
          const cut = await compare(world, true, { ...fromTheBeginning, progressed }, killed.signal).catch(() => null);
          const found = cut ?? (await compare(world, true, { ...fromTheBeginning, resume }));
          expect(found.differences.map(printed).toSorted()).toEqual(damaged.map((kind, place) => `d${place} ${kind}`).toSorted());
          expect(found.problem).toBeNull();
        },
      ),
      { numRuns: Number(process.env["FC_RUNS"] ?? 300) },
    );
  });

  it("finds in parts, each compared by somebody else, what it would have found at once (RC-09)", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.array(fc.constantFrom(...damages), { maxLength: 6 }), fc.nat(60), async (seed, damaged, writes) => {
        const { signal } = new AbortController();
        const world = worldOf(seed, damaged, writes);
        const parts = partsOf(world, true, fromTheBeginning);
        const ranges = await cutTable({ ...parts, master: { ...parts.master, estimatedRows: 1_000 } }, 2, signal);
        expect(ranges.length).toBeGreaterThan(1);
        const random = randomFrom(seed + 1);
        const order = ranges.map((range) => ({ range, place: random() })).toSorted((a, b) => a.place - b.place);
        const found: SearchProgress[] = [];
        for (const { range } of order) found.push(await comparePart(partsOf(world, true, { ...fromTheBeginning, range }), signal));
        const whole = await compare(world, true, { ...fromTheBeginning, resume: joinProgress(found) });
        expect(whole.differences.map(printed).toSorted()).toEqual(damaged.map((kind, place) => `d${place} ${kind}`).toSorted());
        expect(whole.problem).toBeNull();
        expect(whole.startedAt.getTime()).toBe(Math.min(...found.map(({ startedAt }) => startedAt)));
      }),
      { numRuns: Number(process.env["FC_RUNS"] ?? 300) },
    );
  });

  it("counts in parts what is there, once (RC-10)", async () => {
    const { signal } = new AbortController();
    const world = worldOf(1, [], 0);
    const whole = await compare(world, true);
    const ranges = [
      { after: null, until: ["b3"] },
      { after: ["b3"], until: ["c1"] },
      { after: ["c1"], until: null },
    ];
    const found: SearchProgress[] = [];
    for (const range of ranges) found.push(await comparePart(partsOf(world, true, { ...fromTheBeginning, range }), signal));
    expect(found.map(({ copyRows }) => copyRows)).toEqual([3, 1, 1]);
    const { rowsChecked, masterRows, digest } = await compare(world, true, { ...fromTheBeginning, resume: joinProgress(found) });
    expect({ rowsChecked, masterRows, digest }).toEqual({ rowsChecked: 5, masterRows: 5, digest: whole.digest });
    expect(joinProgress([...found, { ...found[0]!, hash: "another" }])).toBeNull();
  });

  it("counts every row of a copy at rest (RC-10)", async () => {
    const found = await compare(worldOf(1, [], 0), true);
    expect(found).toMatchObject({ verdict: "equal", rowsChecked: 5, masterRows: 5, differences: [] });
  });
});
