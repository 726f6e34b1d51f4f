import { describe, expect, it } from "vitest";
import { DueJobs } from "../../../deploy/processes/fleet/due-jobs.ts";
import { type FleetJob, idOf } from "../../../deploy/processes/fleet/job-queue.ts";
import { readConfiguration } from "../../../engine/config/load-config.ts";
import { MemoryControlStore } from "../../../engine/control-store/memory-control-store.ts";
import type { EngineHealth } from "../../../engine/ports/engine.ts";
import { PassingClock } from "../../support/passing-clock.ts";
import { reconcileReport } from "../../support/reconcile-report.ts";

const tables = ["population.citizen", "population.address"];
const [citizen = "", address = ""] = tables;
const subscription = "population/hcm";
const hourMs = 3_600_000;

function configuration() {
  const text = JSON.stringify({
    version: 1,
    sources: { p: { connector: "postgres", url: "postgres://dongbo@127.0.0.1/master", provider: { id: "G01", name: "Bộ Công an" } } },
    targets: { hcm: { connector: "postgres", url: "postgres://dongbo@127.0.0.1/hcm", consumer: { id: "79", name: "TP HCM" } } },
    shares: [
      {
        id: "population",
        source: "p",
        regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
        agreement: { id: "TT-07/2026", from: "2026-01-01", purpose: "x", storage_basis: "42.1" },
        model: "intermediary",
        platform: "Nền tảng",
        tables: tables.map((target) => ({ source: target.replace("population", "public"), target, key: ["id"] })),
        subscriptions: [{ target: "hcm" }],
        reconcile: { every: "PT1H" },
      },
    ],
  });
  const loaded = readConfiguration(text, "dongbo.yaml", {});
  if (loaded.configuration === null) throw new Error(JSON.stringify(loaded.findings));
  return loaded.configuration;
}

class Stage {
  readonly clock = new PassingClock();
  readonly store = new MemoryControlStore(this.clock);
  readonly drifts: { readonly target: string; readonly at: number }[] = [];
  readonly due: DueJobs;

  constructor() {
    this.clock.nowMs = Date.parse("2026-06-01T00:00:00Z");
    const current = { configuration: configuration(), version: 1 };
    const lane = { id: subscription, state: "streaming", problem: null, lastSyncAt: null, stoppedTables: [], loads: [] } as const;
    const health = (): EngineHealth => ({ sources: [], subscriptions: [{ ...lane, drifts: this.drifts }] });
    this.due = new DueJobs({ store: this.store, clock: this.clock, current: () => current, health });
  }

  /** Records a comparison that takes a second. */
  async compared(table: string, verdict: "equal" | "unverified" = "equal"): Promise<number> {
    const startedAt = new Date(this.clock.nowMs);
    this.clock.nowMs += 1_000;
    const report = reconcileReport({ table, verdict, startedAt, endedAt: new Date(this.clock.nowMs) });
    return (await this.store.reconcile.recordReconcile(report, "engine")).id;
  }

  async jobs(): Promise<readonly FleetJob[]> {
    return (await this.due.all()).map(({ job }) => job);
  }
}

function compare(table: string, after: number, driftedAt: number | null = null): FleetJob {
  return { kind: "compare", subscription, table, after, driftedAt };
}

describe("jobs that are due", () => {
  it("are tables whose time has come, each by itself, and not any more once somebody has compared them", async () => {
    const stage = new Stage();
    expect(await stage.jobs()).toEqual([compare(citizen, 0), compare(address, 0)]);
    const first = await stage.compared(citizen);
    expect(await stage.jobs()).toEqual([compare(address, 0)]);
    expect(await stage.due.find(compare(citizen, 0))).toBeNull();
    expect((await stage.due.find(compare(address, 0)))?.named.subscription.id).toBe(subscription);
    await stage.compared(address);
    expect(await stage.jobs()).toEqual([]);
    stage.clock.nowMs += hourMs - 1_000;
    expect(await stage.jobs()).toEqual([compare(citizen, first)]);
  });

  it("are a table that drifted, at once and a minute later, until it was looked into (RC-06)", async () => {
    const stage = new Stage();
    const newest = [await stage.compared(citizen), await stage.compared(address)].at(-1) ?? 0;
    stage.clock.nowMs += 1_000;
    const at = stage.clock.now();
    stage.drifts.push({ target: address, at });
    stage.clock.nowMs += 1;
    expect(await stage.jobs()).toEqual([compare(address, newest, at)]);
    // A queue that lost it is told again, not more often.
    expect(await stage.jobs()).toEqual([]);
    stage.clock.nowMs += 60_000;
    await stage.compared(address, "unverified");
    expect(await stage.jobs()).toMatchObject([{ table: address, driftedAt: at }]);
    expect(await stage.due.find(compare(address, newest, at))).not.toBeNull();
    await stage.compared(address);
    stage.clock.nowMs += 60_000;
    expect(await stage.jobs()).toEqual([]);
    expect(await stage.due.find(compare(address, newest, at))).toBeNull();
  });

  it("are the open parts of a table, then the whole", async () => {
    const stage = new Stage();
    const { reconcile } = stage.store;
    await stage.compared(address);
    await reconcile.splitComparison(subscription, citizen, [{}, {}]);
    const [one, two] = await reconcile.partsProgress(subscription, citizen);
    const part = ({ part: number, split }: NonNullable<typeof one>): FleetJob => ({
      kind: "part",
      subscription,
      table: citizen,
      part: number,
      split,
    });
    expect(await stage.jobs()).toEqual([part(one!), part(two!)]);
    expect(await stage.due.find(compare(citizen, 0))).toBeNull();
    await reconcile.recordPart(two!, "done", {});
    expect(await stage.jobs()).toEqual([part(one!)]);
    expect(await stage.due.find(part(two!))).toBeNull();
    await reconcile.recordPart(one!, "done", {});
    expect(await stage.jobs()).toEqual([compare(citizen, 0)]);
    expect(await stage.due.find(compare(citizen, 0))).not.toBeNull();
    await stage.compared(citizen);
    await reconcile.recordProgress(subscription, citizen, null);
    expect(await stage.jobs()).toEqual([]);
  });

  it("are the whole at once where a part cannot be done by itself", async () => {
    const stage = new Stage();
    const { reconcile } = stage.store;
    await stage.compared(address);
    await reconcile.splitComparison(subscription, citizen, [{}, {}]);
    const [one] = await reconcile.partsProgress(subscription, citizen);
    await reconcile.recordPart(one!, "failed", {});
    expect(await stage.jobs()).toEqual([compare(citizen, 0)]);
  });

  it("have ids that the queue takes, whatever a table is called, and no two the same", () => {
    const jobs = [compare("a:b.c/d", 1), compare("a.b:c/d", 1), compare("a.b", 1), compare("a.b", 1, 7), compare("a.b", 2)];
    const ids = jobs.map(idOf);
    expect(new Set(ids).size).toBe(jobs.length);
    for (const id of ids) expect(id).not.toContain(":");
  });
});
