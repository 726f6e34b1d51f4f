// Numbers that nobody counts but that can be seen: what the engine says of itself, and what the targets say of their copies.
import type { Configuration, TargetConfiguration } from "../../../engine/config/configuration.ts";
import type { EngineHealth, SlotHealth, SourceHealth } from "../../../engine/ports/engine.ts";
import { wholeId } from "../../../engine/model/slice.ts";
import type { Metrics } from "../../../engine/ports/metrics.ts";
import type { CopyRecord } from "../../../engine/ports/target-records.ts";
import { openTargetRecords } from "../connections.ts";
import { mapBounded } from "../map-bounded.ts";
import { systemClock } from "../system-clock.ts";

/** How often the targets are asked for their own judgement, and how many at a time: they have better things to do. */
const askMs = 10_000;
const askedAtOnce = 4;
const closeMs = 500;

export class EngineGauges {
  readonly #metrics: Metrics;
  readonly #validUntil = new Map<string, number | null>();
  #askedAtMs = -askMs;
  #asking: Promise<void> | null = null;
  #reported = new Set<string>();
  #reportedSources = new Set<string>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Called about once a second. Questions to targets go on in the background; one that is down is no failure here. */
  update(health: EngineHealth, configuration: Configuration, nowMs: number): void {
    for (const source of health.sources) this.#metrics.source(source.name).slot(slotHealth(source));
    for (const { id, state, loads, stoppedTables, lastSyncAt } of health.subscriptions) {
      const metrics = this.#metrics.subscription(id);
      metrics.state(state);
      metrics.loading(sum(loads.map((load) => load.rows)), sum(loads.map((load) => load.rowsExpected ?? 0)));
      metrics.stoppedTables(stoppedTables.length);
      metrics.clock(lastSyncAt, this.#validUntil.get(id) ?? null);
    }
    const now = new Set(health.subscriptions.map(({ id }) => id));
    for (const id of this.#reported) if (!now.has(id)) this.#metrics.subscription(id).forget();
    this.#reported = now;
    const sources = new Set(health.sources.map(({ name }) => name));
    for (const name of this.#reportedSources) if (!sources.has(name)) this.#metrics.source(name).forget();
    this.#reportedSources = sources;
    if (this.#asking !== null || nowMs - this.#askedAtMs < askMs) return;
    this.#askedAtMs = nowMs;
    this.#asking = this.#askTargets(configuration, now).finally(() => {
      this.#asking = null;
    });
  }

  /** Waits a moment for the questions under way; the end of a run does not wait for a target that is down. */
  async close(): Promise<void> {
    if (this.#asking !== null) await Promise.race([this.#asking, systemClock.sleep(closeMs)]);
  }

  async #askTargets(configuration: Configuration, running: ReadonlySet<string>): Promise<void> {
    const wholes = new Set([...running].map(wholeId));
    const wanted = configuration.shares.flatMap((share) => share.subscriptions).filter(({ id }) => wholes.has(id));
    await mapBounded([...configuration.targets.values()], askedAtOnce, async (target) => {
      const ids = wanted.filter((subscription) => subscription.target === target.id).map(({ id }) => id);
      if (ids.length > 0) await this.#ask(target, ids, [...running]);
    });
  }

  async #ask(target: TargetConfiguration, ids: readonly string[], running: readonly string[]): Promise<void> {
    const records = openTargetRecords(target);
    try {
      const copies = await records.copies(ids);
      for (const part of running.filter((id) => ids.includes(wholeId(id)))) {
        const own = copies.filter((copy) => copy.subscription === wholeId(part) && copy.withdrawnAt === null);
        this.#report(part, own);
      }
    } catch {
      // Nobody can read from a target that is down: what was known stays, and its validity runs out.
    } finally {
      await records.close();
    }
  }

  /** Of a slice the whole's judgement, for that is what its readers meet. */
  #report(id: string, copies: readonly CopyRecord[]): void {
    const ends = copies.map((copy) => copy.validUntil?.getTime() ?? null);
    const known = ends.length > 0 && !ends.includes(null);
    this.#validUntil.set(id, known ? Math.min(...ends.filter((end) => end !== null)) * 1000 : null);
    const metrics = this.#metrics.subscription(id);
    metrics.usable(copies.length > 0 && copies.every((copy) => copy.reason === null));
    if (id === wholeId(id)) metrics.quarantined(sum(copies.map((copy) => copy.rowsQuarantined)));
  }
}

function slotHealth(source: SourceHealth): SlotHealth {
  if (source.problem?.code === "DB-SLOT-001") return "missing";
  if (source.problem?.code === "DB-SLOT-002") return "lost";
  return source.state === "streaming" ? "reserved" : "unknown";
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
