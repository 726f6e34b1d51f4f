// Copies that their share wants compared from time to time, while one engine does everything: one after the other.
import type { Micros } from "../../../engine/model/change-message.ts";
import { asReplicationError } from "../../../engine/fleet/retry-policy.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { EngineHealth, SubscriptionHealth } from "../../../engine/ports/engine.ts";
import {
  type ComparisonJobs,
  compareInTime,
  dueComparisons,
  isJudged,
  lagMsMax,
  scheduledCopies,
  type WantedComparison,
} from "./timely-comparisons.ts";

/** How often it is looked for copies whose time has come. */
const lookMs = 5_000;
/** Before a copy that could not be compared is tried again. */
const afterFailureMs = 60_000;
/** Between two comparisons of a subscription that need not wait for their time. */
const hastenedMs = 60_000;

export interface ScheduleParts extends ComparisonJobs {
  readonly health: () => EngineHealth;
  /** Whether this process does what only one may do. */
  readonly leads: () => boolean;
}

export class ReconcileSchedule {
  readonly #parts: ScheduleParts;
  /** By subscription: monotonic time before which it is not tried again after a failure. */
  readonly #notBefore = new Map<string, number>();
  /** By subscription: monotonic time before which it is not compared before its time again. */
  readonly #hastened = new Map<string, number>();
  /** By subscription and table: the drift that a comparison has looked into, by when it was noticed. */
  readonly #lookedInto = new Map<string, Micros>();

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    while (!signal.aborted) {
      await clock.sleep(lookMs, signal);
      if (signal.aborted || !this.#parts.leads()) continue;
      try {
        const wanted = (await this.#drifted()) ?? (await this.#mostOverdue());
        if (wanted !== null) await this.#compare(wanted, signal);
      } catch (error) {
        if (!signal.aborted) logger.warn("copies could not be compared", { problem: asReplicationError(error, "reconcile").message });
      }
    }
  }

  /** A table that need not wait for its time, because its copy was not what the stream took it to be; null: there is none. */
  async #drifted(): Promise<WantedComparison | null> {
    const { clock, current } = this.#parts;
    for (const named of scheduledCopies(current().configuration)) {
      const { id } = named.subscription;
      if (clock.monotonicMs() < (this.#hastened.get(id) ?? 0) || !(await this.#mayBegin(id))) continue;
      const drift = this.#driftsOf(id).find(({ target, at }) => at > (this.#lookedInto.get(`${id} ${target}`) ?? 0));
      if (drift === undefined) continue;
      this.#hastened.set(id, clock.monotonicMs() + hastenedMs);
      return { named, table: drift.target, after: null };
    }
    return null;
  }

  async #mostOverdue(): Promise<WantedComparison | null> {
    for (const { named } of await dueComparisons(this.#parts)) {
      if (await this.#mayBegin(named.subscription.id)) return { named, table: null, after: null };
    }
    return null;
  }

  async #mayBegin(subscription: string): Promise<boolean> {
    const { clock, keepsUp } = this.#parts;
    return clock.monotonicMs() >= (this.#notBefore.get(subscription) ?? 0) && keepsUp(subscription);
  }

  #driftsOf(subscription: string): SubscriptionHealth["drifts"] {
    return this.#parts.health().subscriptions.flatMap(({ id, drifts }) => (id === subscription ? drifts : []));
  }

  async #compare(wanted: WantedComparison, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const { id } = wanted.named.subscription;
    const noticed = this.#driftsOf(id);
    // Until it has come to its end.
    this.#notBefore.set(id, clock.monotonicMs() + afterFailureMs);
    const copies = await compareInTime(this.#parts, wanted, { signal, patienceMs: Number.POSITIVE_INFINITY });
    if (copies.every(isJudged)) this.#notBefore.delete(id);
    const judged = new Set(copies.filter(isJudged).map(({ report }) => report.table));
    for (const { target, at } of noticed) if (judged.has(target)) this.#lookedInto.set(`${id} ${target}`, at);
  }
}

/** Whether the lanes of this process keep up; of a subscription in slices each that it has. Null: it has none. */
export function lanesKeepUp({ subscriptions }: EngineHealth, subscription: string, clock: Clock): boolean | null {
  const lanes = subscriptions.filter(({ id }) => id === subscription || id.startsWith(`${subscription}#`));
  if (lanes.length === 0) return null;
  return lanes.every(
    ({ state, lastSyncAt }) => state === "streaming" && lastSyncAt !== null && clock.now() - lastSyncAt < lagMsMax * 1_000,
  );
}
