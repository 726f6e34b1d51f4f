// Which worker of a fleet takes which source, and which it hands on: every worker comes to the same answer from the same facts, by itself.
// Pure.
import type { FleetState, Lease } from "../ports/leases.ts";

export interface Shares {
  /** Sources that this worker is to take. */
  readonly take: readonly string[];
  /** The one that it should hand on now; null: all is well spread, or somebody else has more to give. */
  readonly giveBack: string | null;
}

/** A source, and what it weighs: the number of its subscriptions, and one for itself. */
export type Weights = ReadonlyMap<string, number>;

/**
 * What has no owner goes to the live worker that carries least, the heaviest first. What has one stays; only where all have one, and
 * handing a source on makes the heaviest load lighter, the worker that carries most gives one back: one at a time in the whole
 * fleet, so that it settles.
 */
export function shareOut(worker: string, state: FleetState, weights: Weights): Shares {
  const { workers } = state;
  const leases = state.leases.filter(({ kind }) => kind === "source");
  const live = workers.filter((seen) => seen.live && !seen.draining).map(({ id }) => id);
  const free = [...weights.keys()].filter((source) => !isOwned(leases.find((lease) => lease.name === source)));
  const loads = new Map(live.map((id) => [id, loadOf(id, leases, weights)]));
  const take: string[] = [];
  for (const source of free.toSorted((a, b) => weightOf(b, weights) - weightOf(a, weights) || compare(a, b))) {
    const [least] = byLoad(loads);
    if (least === undefined) break;
    loads.set(least, (loads.get(least) ?? 0) + weightOf(source, weights));
    if (least === worker) take.push(source);
  }
  return { take, giveBack: free.length > 0 ? null : surplusOf(worker, { leases, loads, weights }) };
}

interface Carried {
  readonly leases: readonly Lease[];
  readonly loads: ReadonlyMap<string, number>;
  readonly weights: Weights;
}

function surplusOf(worker: string, { leases, loads, weights }: Carried): string | null {
  const ordered = byLoad(loads);
  const [least] = ordered;
  if (least === undefined || ordered.at(-1) !== worker) return null;
  const room = (loads.get(worker) ?? 0) - (loads.get(least) ?? 0);
  const own = leases.filter((lease) => lease.worker === worker && isOwned(lease) && weights.has(lease.name)).map(({ name }) => name);
  const movable = own.filter((source) => weightOf(source, weights) < room);
  const [heaviest] = movable.toSorted((a, b) => weightOf(b, weights) - weightOf(a, weights) || compare(a, b));
  return heaviest ?? null;
}

/** Its time has not run out, whether or not its owner still lives. */
function isOwned(lease: Lease | undefined): boolean {
  return lease !== undefined && lease.worker !== null && lease.leftMs >= 0;
}

function loadOf(worker: string, leases: readonly Lease[], weights: Weights): number {
  return leases.reduce((load, lease) => (lease.worker === worker && isOwned(lease) ? load + weightOf(lease.name, weights) : load), 0);
}

function weightOf(source: string, weights: Weights): number {
  return weights.get(source) ?? 0;
}

/** The one that carries least first. */
function byLoad(loads: ReadonlyMap<string, number>): string[] {
  return [...loads].toSorted(([a, loadA], [b, loadB]) => loadA - loadB || compare(a, b)).map(([id]) => id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
