// Jobs of a fleet: every worker works out from the control database which are due and adds them (the same one twice is one), and does
// those that the queue hands to it, within what sources and targets bear.
import type { Configuration } from "../../../engine/config/configuration.ts";
import { asReplicationError } from "../../../engine/fleet/retry-policy.ts";
import type { EngineHealth } from "../../../engine/ports/engine.ts";
import type { FleetState, Leases } from "../../../engine/ports/leases.ts";
import type { NamedSubscription } from "../read-configuration.ts";
import { openTargetRecords } from "../connections.ts";
import { compareKeptPart, splitComparison } from "../reconcile/split-comparison.ts";
import { type ComparisonJobs, compareInTime, lagMsMax, partsInTime } from "../run/timely-comparisons.ts";
import { type DueJob, DueJobs } from "./due-jobs.ts";
import { JobPlaces } from "./job-places.ts";
import type { FleetJob, JobEnd, JobQueue } from "./job-queue.ts";

/** How often it is looked for what is due, and whether Redis is there. */
const lookMs = 3_000;
/** Added at one look at most; what is left is due still at the next. */
const addedAtOnce = 1_000;
/** Before a job is tried again: that found no place, whose copy is behind, that failed. */
const noPlaceMs = 2_000;
const behindMs = 5_000;
const afterFailureMs = 60_000;
/** How long a comparison waits for copies that fall behind: then somebody else may have its place. */
const patienceMs = 60_000;

export interface FleetJobParts extends Omit<ComparisonJobs, "keepsUp" | "atOnce"> {
  readonly health: () => EngineHealth;
  /** Whether the lanes of this process keep up; null: they are another's. */
  readonly lanesKeepUp: (subscription: string) => boolean | null;
}

export interface JobsOfWorker extends FleetJobParts {
  readonly leases: Leases;
  readonly leaseMs: number;
  /** Its id in the fleet. */
  readonly worker: string;
  readonly queue: JobQueue;
  readonly state: () => FleetState;
}

export class FleetJobs {
  readonly #parts: JobsOfWorker;
  readonly #due: DueJobs;
  readonly #places: JobPlaces;
  /** Ends when the jobs at work have. */
  #done: Promise<unknown> = Promise.resolve();

  constructor(parts: JobsOfWorker) {
    this.#parts = parts;
    this.#due = new DueJobs(parts);
    this.#places = new JobPlaces(parts);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { queue, clock } = this.#parts;
    queue.work((job, lost) => {
      const work = this.#do(job, AbortSignal.any([signal, lost]));
      // One at a time, so that the newest ends last.
      this.#done = work.catch(() => {});
      return work;
    });
    while (!signal.aborted) {
      await queue.look();
      await this.#add();
      await clock.sleep(lookMs, signal);
    }
    await this.#done;
  }

  /** Told how things stand in the fleet. */
  follow(state: FleetState): void {
    this.#places.follow(state);
  }

  async #add(): Promise<void> {
    const { queue, logger } = this.#parts;
    try {
      if (queue.problem === null) await queue.add((await this.#due.all()).slice(0, addedAtOnce).map(({ job }) => job));
    } catch (error) {
      logger.debug("due jobs could not be added", { problem: asReplicationError(error, "jobs").message });
    }
  }

  async #do(job: FleetJob, signal: AbortSignal): Promise<JobEnd> {
    const { subscription, table } = job;
    try {
      // Added before a Redis came back, or done by somebody else meanwhile.
      const due = await this.#due.find(job);
      if (due === null) return { outcome: "skipped", againMs: null };
      if (!(await this.#keepsUp(subscription))) return { outcome: "postponed", againMs: behindMs };
      const end = await this.#places.in(this.#placesOf(due.named), (lost) => this.#compare(due, AbortSignal.any([signal, lost])));
      // What follows from it need not wait for the next look: the parts of a table, or the whole when they are all done.
      if (end !== null) await this.#add();
      return end ?? { outcome: "postponed", againMs: noPlaceMs };
    } catch (error) {
      if (signal.aborted) return { outcome: "postponed", againMs: 0 };
      const { code, message } = asReplicationError(error, subscription);
      this.#parts.logger.warn("copies could not be compared", { subscription, table, code, problem: message });
      return { outcome: "failed", againMs: afterFailureMs };
    }
  }

  async #compare({ named, job }: DueJob, signal: AbortSignal): Promise<JobEnd> {
    const { store, current } = this.#parts;
    const { fleet } = current().configuration;
    const jobs = {
      ...this.#parts,
      keepsUp: (id: string) => this.#keepsUp(id),
      atOnce: () => Math.min(fleet.jobsPerSource, fleet.jobsPerTarget),
    };
    const parts = partsInTime(jobs, named, patienceMs);
    const done: JobEnd = { outcome: "done", againMs: null };
    if (job.kind === "part") {
      await compareKeptPart(parts, named, job, signal);
      return done;
    }
    const { subscription, table, after } = job;
    const isSplit = (await store.reconcile.partsProgress(subscription, table)).length > 0;
    if (!isSplit && (await splitComparison(parts, { named, table }, fleet.rowsPerJob, signal))) return done;
    await compareInTime(jobs, { named, table, after }, { signal, patienceMs });
    return done;
  }

  /** One of the source's places and one of the target's. */
  #placesOf({ share, subscription }: NamedSubscription): { readonly of: string; readonly places: number }[] {
    const { fleet } = this.#parts.current().configuration;
    return [
      { of: `source ${share.source}`, places: fleet.jobsPerSource },
      { of: `target ${subscription.target}`, places: fleet.jobsPerTarget },
    ];
  }

  /** Where another worker has the lanes, the target knows how far the copies are. */
  async #keepsUp(subscription: string): Promise<boolean> {
    const { clock, current, lanesKeepUp } = this.#parts;
    const known = lanesKeepUp(subscription);
    if (known !== null) return known;
    const target = targetOf(current().configuration, subscription);
    if (target === undefined) return false;
    const records = openTargetRecords(target);
    try {
      const copies = await records.copies([subscription]);
      const now = clock.now() / 1_000;
      return copies.length > 0 && copies.every(({ lastSyncAt }) => lastSyncAt !== null && now - lastSyncAt.getTime() < lagMsMax);
    } finally {
      await records.close();
    }
  }
}

function targetOf({ shares, targets }: Configuration, id: string): ReturnType<Configuration["targets"]["get"]> {
  const subscription = shares.flatMap(({ subscriptions }) => subscriptions).find((candidate) => candidate.id === id);
  return subscription === undefined ? undefined : targets.get(subscription.target);
}
