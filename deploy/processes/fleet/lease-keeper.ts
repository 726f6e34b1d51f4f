// Keeps what this worker owns: renews its leases, takes what falls to it, hands on what is too much, and gives all back at the end.
import { asReplicationError } from "../../../engine/fleet/retry-policy.ts";
import { shareOut, type Weights } from "../../../engine/fleet/share-out.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { EngineIdentity } from "../../../engine/ports/control-commands.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { FleetMetrics } from "../../../engine/ports/metrics.ts";
import type { FleetState, Leases } from "../../../engine/ports/leases.ts";

/** What this worker owns: by source, the term of its lease. */
export type Owned = ReadonlyMap<string, number>;

export interface KeeperParts {
  readonly leases: Leases;
  readonly worker: EngineIdentity & { readonly id: string };
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: FleetMetrics;
  /** Sources that have an owner each, as configured now. */
  readonly weights: () => Weights;
  /**
   * Told after each look. `confirmed`: the control database has just said so; else it could not be asked, and what is at work goes on,
   * but nothing begins.
   */
  readonly own: (owned: Owned, confirmed: boolean) => void;
  /** Told how things stand in the fleet, whenever the control database has said so. */
  readonly follow: (state: FleetState) => void;
  /** Resolves when nothing of the source is at work in this process. */
  readonly stopped: (source: string) => Promise<void>;
  /** What of it is owned needs a later term, and is given back so that somebody begins one. */
  readonly outdated: () => ReadonlySet<string>;
}

/** The longest time between two looks, so that what is free is soon taken. */
const lookMsMax = 1_000;

export class LeaseKeeper {
  readonly #parts: KeeperParts;
  readonly #owned = new Map<string, number>();
  /** Sources that are being stopped to be handed on. */
  readonly #leaving = new Map<string, Promise<void>>();
  #draining = false;
  #away = false;
  /** Until then others who could not be asked either are given time to come back. */
  #graceUntilMs = Number.NEGATIVE_INFINITY;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Until the signal aborts; then nothing is taken any more, and each source is given back when its work has come to its end. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look();
      await this.#parts.clock.sleep(this.#lookMs, signal);
    }
    await this.#drain();
  }

  get #lookMs(): number {
    return Math.min(lookMsMax, this.#parts.leaseMs / 3);
  }

  async #look(): Promise<void> {
    const { leases, worker, leaseMs, logger, metrics, own } = this.#parts;
    try {
      const state = await leases.renew({ ...worker, draining: this.#draining }, leaseMs);
      if (this.#away) {
        this.#graceUntilMs = this.#parts.clock.monotonicMs() + leaseMs;
        logger.info("the control database answers again");
      }
      this.#away = false;
      this.#follow(state);
      this.#parts.follow(state);
      if (!this.#draining) await this.#settle(state);
      own(this.#owned, true);
      metrics.owned(this.#owned.size);
    } catch (error) {
      metrics.renewalFailed();
      if (!this.#away)
        logger.warn("leases cannot be renewed, what is owned goes on", { problem: asReplicationError(error, "leases").message });
      this.#away = true;
      own(this.#owned, false);
    }
  }

  /** What the control database says is ours is ours, and nothing else. */
  #follow({ leases }: FleetState): void {
    const { worker, logger, metrics } = this.#parts;
    const own = leases.filter((lease) => lease.kind === "source" && lease.worker === worker.id);
    const held = new Map(own.map(({ name, term }) => [name, term]));
    for (const [source, term] of this.#owned) {
      if (held.get(source) === term) continue;
      this.#owned.delete(source);
      metrics.lost();
      logger.warn("another worker has taken the source over", { source, term });
    }
    // Taken, but the answer was lost.
    for (const [source, term] of held) if (!this.#leaving.has(source)) this.#owned.set(source, term);
  }

  async #settle(state: FleetState): Promise<void> {
    const { leases, worker, leaseMs, logger, metrics, weights, outdated } = this.#parts;
    const { take, giveBack } = shareOut(worker.id, this.#graced(state), weights());
    for (const source of take) {
      const wanted = { kind: "source", name: source } as const;
      const seen = state.leases.find(({ kind, name }) => kind === wanted.kind && name === source) ?? null;
      const term = this.#leaving.has(source) ? null : await leases.take(wanted, worker.id, seen, leaseMs);
      if (term === null) continue;
      this.#owned.set(source, term);
      const from = seen?.worker ?? null;
      metrics.taken(from !== null);
      logger.info(from === null ? "source taken" : "source taken over from a worker that is silent", { source, term, from });
    }
    for (const source of this.#owned.keys()) if (!weights().has(source) || outdated().has(source)) this.#handOn(source);
    if (giveBack !== null && this.#leaving.size === 0) this.#handOn(giveBack);
  }

  /** Whoever was cut off from the control database must not find that others, cut off too, have lost all that they own. */
  #graced(state: FleetState): FleetState {
    if (this.#parts.clock.monotonicMs() >= this.#graceUntilMs) return state;
    const leases = state.leases.map((lease) => (lease.worker === null ? lease : { ...lease, leftMs: Math.max(0, lease.leftMs) }));
    return { ...state, leases };
  }

  /** It is free only once nothing of it is at work here: whoever takes it then need not wait for anything. */
  #handOn(source: string): void {
    const { leases, worker, logger, own, stopped } = this.#parts;
    const term = this.#owned.get(source);
    if (term === undefined) return;
    this.#owned.delete(source);
    const given = async (): Promise<void> => {
      own(this.#owned, false);
      await stopped(source);
      await leases.giveBack({ kind: "source", name: source }, worker.id, term);
      logger.info("source handed on", { source, term });
    };
    const done = given()
      .catch((error: unknown) => {
        logger.warn("source could not be handed on before its lease is over", {
          source,
          problem: asReplicationError(error, source).message,
        });
      })
      .finally(() => this.#leaving.delete(source));
    this.#leaving.set(source, done);
  }

  async #drain(): Promise<void> {
    const { leases, worker, clock, logger } = this.#parts;
    this.#draining = true;
    // Told first, so that what is given back is not given to us again.
    await this.#look();
    for (const source of this.#owned.keys()) this.#handOn(source);
    const handed = new AbortController();
    void Promise.all(this.#leaving.values()).finally(() => handed.abort());
    while (!handed.signal.aborted) {
      await clock.sleep(this.#lookMs, handed.signal);
      if (!handed.signal.aborted) await this.#look();
    }
    await leases.leave(worker.id).catch((error: unknown) => {
      logger.warn("the fleet could not be told of the end", { problem: asReplicationError(error, "leases").message });
    });
  }
}
