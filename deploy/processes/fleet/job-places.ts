// How many jobs read a source or a target at once is bounded in the whole fleet by places: leases that a job has while it is at work.
import { asReplicationError } from "../../../engine/fleet/retry-policy.ts";
import type { FleetState, Leased, Leases } from "../../../engine/ports/leases.ts";
import type { Logger } from "../../../engine/ports/logger.ts";

export interface PlaceParts {
  readonly leases: Leases;
  readonly leaseMs: number;
  /** Its id in the fleet. */
  readonly worker: string;
  readonly state: () => FleetState;
  readonly logger: Logger;
}

/** Of what, and how many of them there are. */
export interface WantedPlace {
  readonly of: string;
  readonly places: number;
}

interface HeldPlace extends Leased {
  readonly term: number;
  /** The control database has told of it since. */
  seen: boolean;
}

interface JobAtWork {
  readonly held: readonly HeldPlace[];
  readonly stop: AbortController;
}

export class JobPlaces {
  readonly #parts: PlaceParts;
  readonly #atWork = new Set<JobAtWork>();
  /** Places that are taken here, or are about to be. */
  readonly #occupied = new Set<string>();

  constructor(parts: PlaceParts) {
    this.#parts = parts;
  }

  /** Does the work in one place of each; its signal aborts once one of them is another's. Null, and nothing done: one of them has none left. */
  async in<T>(wanted: readonly WantedPlace[], work: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    const held = await this.#takeAll(wanted);
    if (held === null) return null;
    const atWork = { held, stop: new AbortController() };
    this.#atWork.add(atWork);
    try {
      return await work(atWork.stop.signal);
    } finally {
      this.#atWork.delete(atWork);
      await this.#giveBack(held);
    }
  }

  /** Told how things stand in the fleet: a job whose place is another's by now ends, and a place that no job has any more is given back. */
  follow({ leases }: FleetState): void {
    const { worker } = this.#parts;
    const ours = leases.filter((lease) => lease.kind === "job" && lease.worker === worker);
    for (const { held, stop } of this.#atWork) {
      for (const place of held) {
        if (ours.some(({ name, term }) => name === place.name && term === place.term)) place.seen = true;
        else if (place.seen) stop.abort();
      }
    }
    const left = ours.filter(({ name }) => !this.#occupied.has(name)).map((lease) => ({ ...lease, seen: true }));
    void this.#giveBack(left);
  }

  async #takeAll(wanted: readonly WantedPlace[]): Promise<HeldPlace[] | null> {
    const held: HeldPlace[] = [];
    for (const { of, places } of wanted) {
      const place = await this.#take(of, places);
      if (place === null) {
        await this.#giveBack(held);
        return null;
      }
      held.push(place);
    }
    return held;
  }

  async #take(of: string, places: number): Promise<HeldPlace | null> {
    const { leases, worker, leaseMs, state } = this.#parts;
    for (let place = 1; place <= places; place++) {
      const wanted = { kind: "job", name: `${of} ${place}` } as const;
      const seen = state().leases.find(({ kind, name }) => kind === wanted.kind && name === wanted.name) ?? null;
      if (seen !== null && seen.leftMs >= 0) continue;
      this.#occupied.add(wanted.name);
      const term = await leases.take(wanted, worker, seen, leaseMs);
      if (term !== null) return { ...wanted, term, seen: false };
      this.#occupied.delete(wanted.name);
    }
    return null;
  }

  /** What cannot be given back now is, at one of the next looks. */
  async #giveBack(held: readonly HeldPlace[]): Promise<void> {
    const { leases, worker, logger } = this.#parts;
    for (const place of held) {
      this.#occupied.delete(place.name);
      await leases.giveBack(place, worker, place.term).catch((error: unknown) => {
        logger.debug("a place for jobs could not be given back", { place: place.name, problem: asReplicationError(error, "jobs").message });
      });
    }
  }
}
