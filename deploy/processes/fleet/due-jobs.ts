// Which jobs are due, worked out from the control database: every worker comes to the same ones, and adds to them the tables of its own lanes
// that were not what the stream took them to be.
import type { Micros } from "../../../engine/model/change-message.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { EngineHealth } from "../../../engine/ports/engine.ts";
import type { ComparisonPart } from "../../../engine/ports/reconcile-records.ts";
import type { NamedSubscription } from "../read-configuration.ts";
import { type ComparisonJobs, dueComparisons, isLookedInto, recentRuns, scheduledCopies } from "../run/timely-comparisons.ts";
import { type FleetJob, idOf } from "./job-queue.ts";

/** Between two comparisons of a subscription that need not wait for their time. */
const hastenedMs = 60_000;

type DueParts = Pick<ComparisonJobs, "store" | "clock" | "current"> & { readonly health: () => EngineHealth };

/** What a comparison that is due is to do now. */
export interface DueJob {
  readonly named: NamedSubscription;
  /** part: others may do other parts · compare: all of the table, going on from what its parts came to where it had some. */
  readonly job: FleetJob;
}

export class DueJobs {
  readonly #parts: DueParts;
  /** By subscription: monotonic time before which it is not compared before its time again. */
  readonly #hastened = new Map<string, number>();

  constructor(parts: DueParts) {
    this.#parts = parts;
  }

  /** What was begun comes first, then what cannot wait, then the most overdue. */
  async all(): Promise<readonly DueJob[]> {
    const begun = await this.#begun();
    const isBegun = ({ job }: DueJob): boolean =>
      begun.some((other) => other.job.subscription === job.subscription && other.job.table === job.table);
    const others = [...(await this.#drifted()), ...(await this.#overdue())];
    return [...begun, ...others.filter((due) => !isBegun(due))];
  }

  /** Still to be done, as things stand now; null: somebody else has, or it is not wanted any more. */
  async find(job: FleetJob): Promise<DueJob | null> {
    const { subscription, table } = job;
    const begun = (await this.#begun()).filter((due) => due.job.subscription === subscription && due.job.table === table);
    if (begun.length > 0 || job.kind === "part") return begun.find((due) => isSame(due.job, job)) ?? null;
    const named = scheduledCopies(this.#parts.current().configuration).find((copy) => copy.subscription.id === subscription);
    if (named === undefined) return null;
    if (job.driftedAt !== null)
      return isLookedInto(await recentRuns(this.#parts.store, named), table, job.driftedAt) ? null : { named, job };
    return (await this.#overdue()).find((due) => isSame(due.job, job)) ?? null;
  }

  /** Comparisons in parts: those that are open, or the whole where none is, or one of them could not be done by itself. */
  async #begun(): Promise<DueJob[]> {
    const parts = await this.#parts.store.reconcile.comparisonParts();
    const due: DueJob[] = [];
    for (const named of scheduledCopies(this.#parts.current().configuration)) {
      const { id: subscription } = named.subscription;
      for (const { target } of named.share.tables) {
        const table = printTable(target);
        const own = parts.filter((part) => part.subscription === subscription && part.table === table);
        if (own.length > 0) due.push(...(await this.#next(named, table, own)));
      }
    }
    return due;
  }

  async #next(named: NamedSubscription, table: string, parts: readonly ComparisonPart[]): Promise<DueJob[]> {
    const open = parts.filter(({ state }) => state === "open");
    if (open.length > 0 && parts.every(({ state }) => state !== "failed")) {
      return open.map(({ subscription, part, split }) => ({ named, job: { kind: "part", subscription, table, part, split } }));
    }
    const runs = await recentRuns(this.#parts.store, named);
    return [{ named, job: compare(named.subscription.id, table, newestOf(runs, table), null) }];
  }

  /** Copies of this process's lanes alone: nobody else knows of them. */
  async #drifted(): Promise<DueJob[]> {
    const { store, clock, current, health } = this.#parts;
    const drifts = health().subscriptions.filter((lane) => lane.drifts.length > 0);
    if (drifts.length === 0) return [];
    const due: DueJob[] = [];
    for (const named of scheduledCopies(current().configuration)) {
      const { id: subscription } = named.subscription;
      const own = drifts.flatMap((lane) => (lane.id === subscription ? lane.drifts : []));
      if (own.length === 0 || clock.monotonicMs() < (this.#hastened.get(subscription) ?? 0)) continue;
      const runs = await recentRuns(store, named);
      const open = own.filter(({ target, at }) => !isLookedInto(runs, target, at));
      if (open.length > 0) this.#hastened.set(subscription, clock.monotonicMs() + hastenedMs);
      for (const { target, at } of open) due.push({ named, job: compare(subscription, target, newestOf(runs, target), at) });
    }
    return due;
  }

  async #overdue(): Promise<DueJob[]> {
    const due = await dueComparisons(this.#parts);
    return due.map(({ named, table, lastRun }) => ({ named, job: compare(named.subscription.id, table, lastRun, null) }));
  }
}

function isSame(one: FleetJob, other: FleetJob): boolean {
  return idOf(one) === idOf(other);
}

function compare(subscription: string, table: string, after: number, driftedAt: Micros | null): FleetJob {
  return { kind: "compare", subscription, table, after, driftedAt };
}

function newestOf(runs: Awaited<ReturnType<typeof recentRuns>>, table: string): number {
  return runs.find(({ record }) => record.table === table)?.id ?? 0;
}
