import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { planConfiguration, recordPlan } from "../../../deploy/processes/configuration-plan.ts";
import { EngineRun, type EngineRunParts, type RunningEngine } from "../../../deploy/processes/run/engine-run.ts";
import { systemClock } from "../../../deploy/processes/system-clock.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { loadConfiguration } from "../../../engine/config/load-config.ts";
import { MemoryControlStore } from "../../../engine/control-store/memory-control-store.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { EngineHealth, Problem } from "../../../engine/ports/engine.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import { silentMetrics } from "../../support/silent-metrics.ts";
import { waitUntil } from "../../support/wait-until.ts";

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };

/** An engine that does nothing, and notes what it is told. */
class FakeEngine implements RunningEngine {
  readonly done: Promise<void>;
  readonly taken: string[][] = [];
  readonly outdated = new Set<string>();
  stops = 0;
  caughtUp: Promise<void> = new Promise(() => {});
  deaf = false;
  /** So many reconfigurations fail first: a source is away. */
  failures = 0;
  #end: () => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
  }

  fail(error: unknown): void {
    this.#fail(error);
  }

  untilCaughtUp(): Promise<void> {
    return this.caughtUp;
  }

  stop(): Promise<void> {
    this.stops += 1;
    if (this.deaf) return new Promise(() => {});
    this.#end();
    return Promise.resolve();
  }

  leads: boolean[] = [];

  own(): void {}

  stopped(): Promise<void> {
    return Promise.resolve();
  }

  lead(leads: boolean): void {
    this.leads.push(leads);
  }

  problems: readonly Problem[] = [];

  health(): EngineHealth {
    const idle = { state: "stopped", lastSyncAt: null, stoppedTables: [], drifts: [], loads: [] } as const;
    return { sources: [], subscriptions: this.problems.map((problem) => ({ id: problem.subject, problem, ...idle })) };
  }

  reconfigure(next: Configuration): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new ReplicationError("DB-PG-001", { subject: "population" }));
    }
    this.taken.push(next.shares.flatMap((share) => share.subscriptions.map(({ id }) => id)));
    return Promise.resolve();
  }
}

interface Stage {
  readonly store: MemoryControlStore;
  readonly engine: FakeEngine;
  readonly run: EngineRun;
  readonly told: string[];
  readonly interrupt: () => void;
  readonly interrupted: AbortSignal;
  /** Writes the file with these targets as subscriptions, and reads it. */
  readonly write: (targets: readonly string[]) => Configuration;
}

async function stage(change: Partial<EngineRunParts> = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "dongbo-unit-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, "dongbo.yaml");
  const write = (targets: readonly string[]): Configuration => {
    writeFileSync(file, JSON.stringify(config(targets)));
    const { configuration, findings } = loadConfiguration(file, {});
    if (configuration === null) throw new Error(JSON.stringify(findings));
    return configuration;
  };
  const store = new MemoryControlStore(systemClock);
  const engine = new FakeEngine();
  const told: string[] = [];
  const controller = new AbortController();
  const claim = await store.claimEngine({ pid: 1, host: "máy-1", version: "0.1.0", startedAt: new Date() }, "refuse");
  const run = new EngineRun(write(["hcm"]), {
    store,
    claim,
    fleet: null,
    standsBy: false,
    clock: systemClock,
    random: { next: () => 0 },
    logger: silent,
    metrics: silentMetrics,
    environment: {},
    actor: "lan@máy-1",
    tell: (line) => told.push(line),
    tick: () => {},
    startEngine: () => engine,
    ...change,
  });
  const interrupt = (): void => {
    controller.abort();
  };
  return { store, engine, run, told, write, interrupt, interrupted: controller.signal };
}

function config(targets: readonly string[]): object {
  return {
    version: 1,
    sources: {
      population: { connector: "postgres", url: "postgres://dongbo@127.0.0.1:1/master", provider: { id: "G01", name: "Bộ Công an" } },
    },
    targets: Object.fromEntries(
      ["hcm", "hue"].map((id) => [id, { connector: "postgres", url: `postgres://dongbo@127.0.0.1:1/${id}`, consumer: { id, name: id } }]),
    ),
    shares: [
      {
        id: "population",
        source: "population",
        regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
        agreement: { id: "TT-07/2026", from: "2026-01-01", to: "2027-01-01", purpose: "x", storage_basis: "42.1" },
        model: "intermediary",
        platform: "Nền tảng",
        tables: [{ source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "name"] }],
        subscriptions: targets.map((target) => ({ target })),
      },
    ],
  };
}

describe("engine run", () => {
  test("an interruption stops the engine and ends the run", async () => {
    const { run, engine, interrupt, interrupted } = await stage();
    const running = run.run(interrupted, false);
    interrupt();
    expect(await running).toBe("interrupted");
    expect(engine.stops).toBe(1);
  });

  test("until caught up ends by itself and stops the engine", async () => {
    const { run, engine, interrupted } = await stage();
    engine.caughtUp = Promise.resolve();
    expect(await run.run(interrupted, true)).toBe("caught_up");
    expect(engine.stops).toBe(1);
  });

  test("an interruption before everything is caught up is not told as success", async () => {
    const { run, interrupt, interrupted } = await stage();
    const running = run.run(interrupted, true);
    interrupt();
    expect(await running).toBe("interrupted");
  });

  test("an engine that cannot go on ends the run with its error", async () => {
    const { run, engine, interrupted } = await stage();
    const running = run.run(interrupted, false);
    engine.fail(new ReplicationError("DB-PG-003", { subject: "public.citizen" }));
    await expect(running).rejects.toMatchObject({ code: "DB-PG-003" });
  });

  test("the configuration is applied once, and what it discloses is told", async () => {
    const { run, told, store, engine, interrupted } = await stage();
    engine.caughtUp = Promise.resolve();
    await run.run(interrupted, true);
    expect(told).toEqual(["configuration applied as version 1", "  population/hcm population.citizen: subscription added +id +name"]);
    expect((await store.appliedConfiguration())?.version).toBe(1);
  });

  test("a configuration that is in force is not applied again", async () => {
    const { run, told, store, write, engine, interrupted } = await stage();
    engine.caughtUp = Promise.resolve();
    await recordPlan(await planConfiguration(write(["hcm"]), store, { count: false, open: "kept" }), store, "lan");
    await run.run(interrupted, true);
    expect(told).toEqual([]);
    expect((await store.appliedConfiguration())?.version).toBe(1);
  });

  test("what another process applies is taken up by the running engine", async () => {
    const { run, engine, store, write, interrupt, interrupted } = await stage();
    const running = run.run(interrupted, false);
    await waitUntil(async () => (await store.appliedConfiguration()) !== null, { describe: "the first version" });
    await recordPlan(await planConfiguration(write(["hcm", "hue"]), store, { count: false, open: "fresh" }), store, "lan");
    await waitUntil(() => engine.taken.length > 0, { describe: "the engine to take it up" });
    expect(engine.taken).toEqual([["population/hcm", "population/hue"]]);
    interrupt();
    await running;
  });

  test("what cannot be taken up yet, because a source is away, is taken up later", async () => {
    const { run, engine, store, write, interrupt, interrupted } = await stage();
    engine.failures = 2;
    const running = run.run(interrupted, false);
    await waitUntil(async () => (await store.appliedConfiguration()) !== null, { describe: "the first version" });
    await recordPlan(await planConfiguration(write(["hcm", "hue"]), store, { count: false, open: "fresh" }), store, "lan");
    await waitUntil(() => engine.taken.length > 0, { describe: "the engine to take it up" });
    expect(engine.failures).toBe(0);
    expect(engine.taken).toEqual([["population/hcm", "population/hue"]]);
    interrupt();
    await running;
  });

  test("a file that was edited after it was applied is not taken up", async () => {
    const errors: string[] = [];
    const logger = { ...silent, error: (event: string) => errors.push(event) };
    const { run, engine, store, write, interrupt, interrupted } = await stage({ logger });
    const running = run.run(interrupted, false);
    await waitUntil(async () => (await store.appliedConfiguration()) !== null, { describe: "the first version" });
    const plan = await planConfiguration(write(["hue"]), store, { count: false, open: "fresh" });
    write(["hcm", "hue"]);
    await recordPlan(plan, store, "lan");
    await waitUntil(() => errors.length > 0, { describe: "the log line" });
    expect(errors).toEqual(["an applied configuration cannot be taken up"]);
    expect(engine.taken).toEqual([]);
    interrupt();
    await running;
  });

  test("leaves for `status` what does not progress: at its end only what waits for somebody", async () => {
    const { run, engine, store, interrupt, interrupted } = await stage();
    const problem = (code: Problem["code"], subject: string, since: number): Problem => ({ code, subject, cause: "x", remedy: "y", since });
    const now = () => systemClock.now();
    engine.problems = [problem("DB-SLOT-005", "lost", now()), problem("DB-PG-001", "away", 0), problem("DB-PG-001", "just away", now())];
    const reported = async (): Promise<string[]> => (await store.engineProblems()).map(({ id }) => id);
    const running = run.run(interrupted, false);
    await waitUntil(async () => (await reported()).length > 0, { describe: "the report" });
    expect(await reported()).toEqual(["lost", "away"]);
    interrupt();
    await running;
    expect(await reported()).toEqual(["lost"]);
  });

  test("a process that stands by applies nothing, works beside the one that leads, and takes its place", async () => {
    const store = new MemoryControlStore(systemClock);
    const identity = { pid: 1, host: "máy-1", version: "0.1.0", startedAt: new Date() };
    const leader = await store.claimEngine(identity, "stand by");
    const claim = await store.claimEngine({ ...identity, pid: 2 }, "stand by");
    const { run, engine, interrupted, interrupt } = await stage({ store, claim, standsBy: true });
    const running = run.run(interrupted, false);
    await waitUntil(async () => (await store.pendingOrders()).length === 0, { describe: "a look at the control store" });
    expect(await store.appliedConfiguration()).toBeNull();
    await leader.release();
    await waitUntil(() => engine.leads.at(-1) === true, { describe: "the other to lead" });
    expect((await store.appliedConfiguration())?.version).toBe(1);
    interrupt();
    expect(await running).toBe("interrupted");
  });

  test("losing the right to be the engine ends the run", async () => {
    const claim = { leads: false, renew: () => Promise.resolve(false), report: () => Promise.resolve(), release: () => Promise.resolve() };
    const { run, engine, interrupted } = await stage({ claim });
    await expect(run.run(interrupted, false)).rejects.toMatchObject({ code: "DB-RUN-024" });
    expect(engine.stops).toBe(1);
  });

  test("an engine that does not stop is left behind after the time that is promised", async () => {
    // Time flies: every pause of the run is over at once.
    const clock = { ...systemClock, sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };
    const { run, engine, interrupt, interrupted } = await stage({ clock });
    engine.deaf = true;
    const running = run.run(interrupted, false);
    interrupt();
    expect(await running).toBe("interrupted");
  });
});
