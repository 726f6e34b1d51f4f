// The leases of a fleet in memory, for tests: the same rules as in the control database, by one clock.
import type { Clock } from "../ports/clock.ts";
import type { FleetState, FleetWorker, Lease, Leased, Leases } from "../ports/leases.ts";

interface Held extends Omit<Lease, "leftMs"> {
  readonly endsAtMs: number;
}

interface Heard {
  readonly worker: FleetWorker;
  readonly heardAt: Date;
  readonly liveUntilMs: number;
}

export class MemoryLeases implements Leases {
  readonly #clock: Clock;
  readonly #leases = new Map<string, Held>();
  readonly #workers = new Map<string, Heard>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async fleet(): Promise<string> {
    return Promise.resolve("memory");
  }

  async renew(worker: FleetWorker, leaseMs: number): Promise<FleetState> {
    const endsAtMs = this.#nowMs() + leaseMs;
    this.#workers.set(worker.id, { worker, heardAt: this.#now(), liveUntilMs: endsAtMs });
    for (const [key, held] of this.#leases) if (held.worker === worker.id) this.#leases.set(key, { ...held, endsAtMs });
    return this.state();
  }

  async take(wanted: Leased, worker: string, seen: Lease | null, leaseMs: number): Promise<number | null> {
    const key = keyOf(wanted);
    const held = this.#leases.get(key);
    const isFree = held === undefined || held.worker === null || held.endsAtMs < this.#nowMs();
    if (!isFree || (held !== undefined && held.term !== seen?.term)) return Promise.resolve(null);
    const term = Math.max((held?.term ?? 0) + 1, Math.floor(this.#clock.now() / 1_000_000));
    this.#leases.set(key, { ...wanted, worker, term, since: this.#now(), endsAtMs: this.#nowMs() + leaseMs });
    return Promise.resolve(term);
  }

  async giveBack(given: Leased, worker: string, term: number): Promise<void> {
    const key = keyOf(given);
    const held = this.#leases.get(key);
    if (held?.worker === worker && held.term === term) this.#leases.set(key, { ...held, worker: null });
    return Promise.resolve();
  }

  async leave(worker: string): Promise<void> {
    this.#workers.delete(worker);
    for (const [key, held] of this.#leases) if (held.worker === worker) this.#leases.set(key, { ...held, worker: null });
    return Promise.resolve();
  }

  async state(): Promise<FleetState> {
    const nowMs = this.#nowMs();
    return Promise.resolve({
      leases: [...this.#leases.values()].map(({ endsAtMs, ...lease }) => ({
        ...lease,
        leftMs: lease.worker === null ? -1 : endsAtMs - nowMs,
      })),
      workers: [...this.#workers.values()].map(({ worker, heardAt, liveUntilMs }) => ({ ...worker, heardAt, live: liveUntilMs > nowMs })),
    });
  }

  #now(): Date {
    return new Date(this.#clock.now() / 1000);
  }

  #nowMs(): number {
    return this.#clock.monotonicMs();
  }
}

function keyOf({ kind, name }: Leased): string {
  return `${kind} ${name}`;
}
