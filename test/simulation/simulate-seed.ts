// A world from its seed to its verdict.
import { Violation } from "../checker/state-judge.ts";
import { Chaos } from "./chaos.ts";
import { Operator } from "./operator.ts";
import { type Province, World, type WorldOptions } from "./world.ts";

export interface SeedResult {
  readonly seed: string;
  readonly hours: number;
  readonly happenings: number;
  readonly trace: string;
  readonly faults: Readonly<Record<string, number>>;
  readonly commits: number;
  readonly states: number;
  readonly acknowledgements: number;
  readonly gates: number;
  /** Null: none. */
  readonly violation: { readonly invariant: number; readonly words: string; readonly atSeconds: number } | null;
}

/** Once nothing goes wrong any more, all copies equal the master within so much simulated time. */
const restMs = 30 * 60_000;
const lookMs = 5_000;
/** A world in which more than this happens is going round in circles. */
const happeningsMax = 600_000;

export async function simulateSeed(seed: string, options: Omit<WorldOptions, "seed">): Promise<SeedResult> {
  const world = new World({ seed, ...options });
  const { scheduler, judge, faults } = world;
  const chaos = new Chaos(world);
  chaos.begin();
  new Operator(world).begin();
  const isOver = (): boolean => world.violation !== null || scheduler.happenings > happeningsMax;
  await scheduler.run(() => isOver() || scheduler.nowMs >= world.chaosMs);
  if (!isOver()) {
    chaos.end();
    await atRest(world, isOver);
  }
  if (scheduler.happenings > happeningsMax) world.violation ??= new Violation(0, "the world goes round in circles");
  const { commits, states, acknowledgements, gates } = judge.judged;
  const { violation } = world;
  return {
    seed,
    hours: scheduler.nowMs / 3_600_000,
    happenings: scheduler.happenings,
    trace: scheduler.trace,
    faults: Object.fromEntries(faults),
    commits,
    states,
    acknowledgements,
    gates,
    violation:
      violation === null
        ? null
        : { invariant: violation.invariant, words: violation.message, atSeconds: Math.round(scheduler.nowMs / 1000) },
  };
}

/** Waits until every copy equals the master and is readable, and the master has been told so. */
async function atRest(world: World, isOver: () => boolean): Promise<void> {
  const { scheduler } = world;
  const deadline = scheduler.nowMs + restMs;
  for (let why: string | null = ""; why !== null && !isOver();) {
    const next = scheduler.nowMs + lookMs;
    await scheduler.run(() => isOver() || scheduler.nowMs >= next);
    why = lacking(world);
    if (why !== null && scheduler.nowMs > deadline)
      world.violation ??= new Violation(0, `not at rest after ${restMs / 60_000} minutes: ${why}`);
  }
}

function lacking(world: World): string | null {
  for (const province of world.provinces) {
    const why = lackingIn(world, province);
    if (why !== null) return `${province.share.id}: ${why}`;
  }
  const { master, history } = world;
  return master.slot !== null && master.slot.confirmed >= history.end ? null : "the master still keeps what every copy has";
}

function lackingIn(world: World, province: Province): string | null {
  const { share, database } = province;
  const { committed } = database;
  const why = world.judge.lacking(share.id, committed, world.contracts(province));
  // A table that stands still for good lets the others expire, too (VL-09).
  const standsStill = [...committed.copies.values()].some(({ stopped }) => stopped !== null);
  const refused = standsStill ? [] : [...committed.copies.keys()].filter((table) => !database.isUsable(table));
  return why ?? (refused.length === 0 ? null : `${refused.join(", ")} cannot be read`);
}
