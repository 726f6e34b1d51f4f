// Numbers that nobody counts but that can be seen: what the engine says of itself, and what the targets say of their copies.
import type { Configuration } from "../../../engine/config/configuration.ts";
import type { EngineHealth, SlotHealth, SourceHealth } from "../../../engine/ports/engine.ts";
import type { Metrics } from "../../../engine/ports/metrics.ts";
import type { CopyRecord, TargetRecords } from "../../../engine/ports/target-records.ts";
import { openTargetRecords } from "../connections.ts";

/** How often each target is asked for its own judgement. */
const askMs = 10_000;

export class EngineGauges {
  readonly #metrics: Metrics;
  readonly #validUntil = new Map<string, number | null>();
  readonly #records = new Map<string, { readonly records: TargetRecords; askedAtMs: number; asking: boolean }>();
  #reported = new Set<string>();

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
    for (const target of configuration.targets.values()) {
      const entry = this.#records.get(target.id) ?? { records: openTargetRecords(target), askedAtMs: -askMs, asking: false };
      this.#records.set(target.id, entry);
      if (entry.asking || nowMs - entry.askedAtMs < askMs) continue;
      const ids = health.subscriptions.map(({ id }) => id).filter((id) => targetOf(configuration, id) === target.id);
      Object.assign(entry, { asking: true, askedAtMs: nowMs });
      void this.#ask(entry.records, ids).finally(() => {
        entry.asking = false;
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#records.values()].map(({ records }) => records.close()));
  }

  async #ask(records: TargetRecords, ids: readonly string[]): Promise<void> {
    try {
      const copies = await records.copies(ids);
      for (const id of ids)
        this.#report(
          id,
          copies.filter((copy) => copy.subscription === id && copy.withdrawnAt === null),
        );
    } catch {
      // Nobody can read from a target that is down: what was known stays, and its validity runs out.
    }
  }

  #report(id: string, copies: readonly CopyRecord[]): void {
    const ends = copies.map((copy) => copy.validUntil?.getTime() ?? null);
    const known = ends.length > 0 && !ends.includes(null);
    this.#validUntil.set(id, known ? Math.min(...ends.filter((end) => end !== null)) * 1000 : null);
    const metrics = this.#metrics.subscription(id);
    metrics.usable(copies.length > 0 && copies.every((copy) => copy.reason === null));
    metrics.quarantined(sum(copies.map((copy) => copy.rowsQuarantined)));
  }
}

function slotHealth(source: SourceHealth): SlotHealth {
  if (source.problem?.code === "DB-SLOT-001") return "missing";
  if (source.problem?.code === "DB-SLOT-002") return "lost";
  return source.state === "streaming" ? "reserved" : "unknown";
}

function targetOf(configuration: Configuration, id: string): string | undefined {
  return configuration.shares.flatMap((share) => share.subscriptions).find((subscription) => subscription.id === id)?.target;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
