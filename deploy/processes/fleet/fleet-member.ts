// What makes a running engine one of a fleet: it owns sources by leases, and does jobs that a queue hands out.
import { randomUUID } from "node:crypto";
import type { Configuration } from "../../../engine/config/configuration.ts";
import type { RedisAddress } from "../../../engine/model/server-address.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { Problem } from "../../../engine/ports/engine.ts";
import type { FleetState, Leases } from "../../../engine/ports/leases.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { FleetMetrics } from "../../../engine/ports/metrics.ts";
import { currentEngine } from "../current-engine.ts";
import { isShared } from "../resolve-shares.ts";
import { FleetJobs, type FleetJobParts } from "./fleet-jobs.ts";
import { JobQueue } from "./job-queue.ts";
import { LeaseKeeper, type Owned } from "./lease-keeper.ts";

/** What of an engine follows the leases. */
export interface OwnedEngine {
  own(owned: Owned, confirmed: boolean): void;
  stopped(source: string): Promise<void>;
  readonly outdated: ReadonlySet<string>;
}

export interface FleetMemberParts {
  readonly leases: Leases;
  readonly leaseMs: number;
  readonly redis: RedisAddress;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: FleetMetrics;
}

export class FleetMember {
  readonly #parts: FleetMemberParts;
  readonly #worker = { ...currentEngine(), id: randomUUID() };
  readonly #queue: JobQueue;
  /** As the control database said last. */
  #state: FleetState = { leases: [], workers: [] };
  #jobs: FleetJobs | null = null;

  private constructor(parts: FleetMemberParts, queue: JobQueue) {
    this.#parts = parts;
    this.#queue = queue;
  }

  /** Throws DB-FLT-003 when the Redis would throw jobs away. One that cannot be reached is waited for while the sources are streamed. */
  static async join(parts: FleetMemberParts): Promise<FleetMember> {
    const { redis, clock, logger, metrics, leases } = parts;
    const queue = new JobQueue(redis, await leases.fleet(), { clock, logger, metrics });
    await queue.look();
    if (queue.problem?.code === "DB-FLT-003") {
      await queue.close();
      throw queue.problem;
    }
    return new FleetMember(parts, queue);
  }

  /** What keeps jobs from being handed out; null: nothing known. */
  get problem(): Problem | null {
    const { problem, since } = this.#queue;
    if (problem === null) return null;
    return { code: problem.code, subject: problem.subject, cause: problem.explanation, remedy: problem.remedy, since };
  }

  /** Until the signal aborts and all was given back. */
  async keepLeases(engine: OwnedEngine, current: () => Configuration, signal: AbortSignal): Promise<void> {
    const { leases, leaseMs, clock, logger, metrics } = this.#parts;
    const keeper = new LeaseKeeper({
      leases,
      worker: this.#worker,
      leaseMs,
      clock,
      logger,
      metrics,
      weights: () => weightsOf(current()),
      own: (owned, confirmed) => engine.own(owned, confirmed),
      follow: (state) => {
        this.#state = state;
        this.#jobs?.follow(state);
      },
      stopped: (source) => engine.stopped(source),
      outdated: () => engine.outdated,
    });
    await keeper.run(signal);
  }

  async doJobs(parts: FleetJobParts, signal: AbortSignal): Promise<void> {
    const { leases, leaseMs, metrics } = this.#parts;
    const own = { leases, leaseMs, fleetMetrics: metrics, worker: this.#worker.id, queue: this.#queue, state: () => this.#state };
    this.#jobs = new FleetJobs({ ...parts, ...own });
    await this.#jobs.run(signal);
    await this.#queue.close();
  }
}

/** Sources that somebody must own, with the number of their subscriptions, and one for the source itself. */
function weightsOf({ sources, shares }: Configuration): ReadonlyMap<string, number> {
  const owned = [...sources.values()].filter((source) => !isShared(source) && shares.some((share) => share.source === source.id));
  return new Map(
    owned.map(({ id }) => [id, shares.reduce((weight, share) => (share.source === id ? weight + share.subscriptions.length : weight), 1)]),
  );
}
