// One `dongbo run` from start to end: applies what is not applied, starts the engine, keeps an eye on it, and ends it well.
import type { AppliedDocument } from "../../../engine/config/applied-document.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { loadConfiguration } from "../../../engine/config/load-config.ts";
import { Backoff } from "../../../engine/concurrency/backoff.ts";
import { TaskGroup } from "../../../engine/concurrency/task-group.ts";
import { asReplicationError, retryKind, retryPauses } from "../../../engine/fleet/retry-policy.ts";
import type { Micros } from "../../../engine/model/change-message.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { ControlCommands, EngineClaim, EngineProblem } from "../../../engine/ports/control-commands.ts";
import type { Engine, EngineHealth, SubscriptionHealth } from "../../../engine/ports/engine.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { Metrics } from "../../../engine/ports/metrics.ts";
import type { Random } from "../../../engine/ports/random.ts";
import { type ConfigurationPlan, planConfiguration, recordPlan } from "../configuration-plan.ts";
import { planLines } from "../output/print-plan.ts";
import type { FleetMember, OwnedEngine } from "../fleet/fleet-member.ts";
import { withdrawRemoved } from "../withdraw.ts";
import { lanesKeepUp, ReconcileSchedule } from "./reconcile-schedule.ts";
import { lastingMicros, problemsToReport } from "./reported-problems.ts";

/** An engine that can take up a newly applied configuration while it runs. */
export interface RunningEngine extends Engine, OwnedEngine {
  reconfigure(next: Configuration): Promise<void>;
  lead(leads: boolean): void;
}

export interface EngineRunParts {
  readonly store: ControlCommands;
  readonly claim: EngineClaim;
  /** Where another process leads, this one works on what is shared, or on what it owns, and is ready to take its place. */
  readonly standsBy: boolean;
  /** Null: this process is no worker of a fleet. */
  readonly fleet: FleetMember | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly actor: string;
  /** Takes the lines of a plan that is applied at the start. */
  readonly tell: (line: string) => void;
  /** Called about once a second while the engine runs, and once after its end. */
  readonly tick: (health: EngineHealth, configuration: Configuration) => void;
  readonly startEngine: (configuration: Configuration) => RunningEngine;
}

export type RunEnd = "caught_up" | "interrupted";

const tickMs = 500;
const orderPollMs = 100;
/** How often a removed subscription's target is told again when it could not be reached. */
const withdrawMs = 30_000;
/** The promise is 10 s from signal to end; the rest is for closing what the engine does not own. */
const stopMs = 8_500;

export class EngineRun {
  readonly #parts: EngineRunParts;
  #configuration: Configuration;
  #document: AppliedDocument | null = null;
  #version = 0;
  #engine: RunningEngine | null = null;
  #reported: string | null = null;

  constructor(configuration: Configuration, parts: EngineRunParts) {
    this.#configuration = configuration;
    this.#parts = parts;
  }

  /** The configuration that runs. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  health(): EngineHealth {
    const { sources, subscriptions } = this.#engine?.health() ?? { sources: [], subscriptions: [] };
    return { sources, subscriptions, queue: this.#parts.fleet?.problem ?? null };
  }

  /** Runs until interrupted or, if asked, until everything is caught up. Throws what the engine cannot go on from. */
  async run(interrupted: AbortSignal, untilCaughtUp: boolean): Promise<RunEnd> {
    if (!(await this.#applyAtStart(interrupted))) return "interrupted";
    const engine = this.#parts.startEngine(this.#configuration);
    this.#engine = engine;
    await using tasks = new TaskGroup(interrupted);
    // An engine that does not end in time is left behind: nothing here waits for it any longer.
    const abandoned = new AbortController();
    const start = (task: (signal: AbortSignal) => Promise<void>): void => {
      tasks.start((signal) => Promise.race([task(signal), aborted(abandoned.signal)]));
    };
    let end: RunEnd = "interrupted";
    let atEnd: readonly EngineProblem[] = [];
    start(async () => {
      await engine.done;
      tasks.abort();
    });
    if (untilCaughtUp) {
      start(async (signal) => {
        await Promise.race([this.#caughtUp(engine, signal), aborted(signal)]);
        if (!signal.aborted) end = "caught_up";
        tasks.abort();
      });
    }
    start((signal) => this.#keepTicking(signal));
    start((signal) => this.#keepClaim(signal));
    start((signal) => this.#keepWithdrawing(signal));
    start((signal) => this.#followConfiguration(signal));
    start((signal) => this.#reconcileInTime(signal));
    const { fleet } = this.#parts;
    if (fleet !== null) start((signal) => fleet.keepLeases(engine, () => this.#configuration, signal));
    start(async (signal) => {
      await aborted(signal);
      // What ends knows of no problem any more.
      atEnd = this.#problems();
      if (!(await this.#stop(engine))) abandoned.abort();
    });
    try {
      await tasks.join();
    } finally {
      // What may pass by itself says nothing any more; what waits for somebody still does.
      await this.#report(atEnd.filter(({ code }) => retryKind(code) !== "timed"));
    }
    this.#parts.tick(engine.health(), this.#configuration);
    return end;
  }

  /**
   * False when interrupted before it could be done. A source that is away is waited for; where another process leads, until
   * what it has applied is what this one was given.
   */
  async #applyAtStart(interrupted: AbortSignal): Promise<boolean> {
    const { store, claim, standsBy, clock, random, logger, actor, tell } = this.#parts;
    const backoff = new Backoff(retryPauses, random);
    while (!interrupted.aborted) {
      try {
        const plan = await planConfiguration(this.#configuration, store, { count: false, open: "kept" });
        if (plan.changes.length > 0) {
          if (standsBy && !(await claim.renew())) throw new ReplicationError("DB-KAF-041", { subject: this.#configuration.file });
          const applied = await recordPlan(plan, store, actor);
          tell(`configuration applied as version ${applied.version}`);
          for (const line of planLines(plan)) tell(`  ${line}`);
          this.#take(plan, applied.version);
        } else {
          this.#take(plan, plan.basedOn);
        }
        return true;
      } catch (error) {
        if (retryKind(error) !== "timed") throw error;
        const { code, message } = asReplicationError(error, "configuration");
        logger.warn("the configuration cannot be applied yet", { code, problem: message });
        await clock.sleep(backoff.next(), interrupted);
      }
    }
    return false;
  }

  #take(plan: ConfigurationPlan, version: number): void {
    this.#configuration = plan.configuration;
    this.#document = plan.document;
    this.#version = version;
  }

  /** What was ordered before the start belongs to what must be done: a re-sync, say, is not behind before it has begun. */
  async #caughtUp(engine: RunningEngine, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#parts;
    const ordered = new Set((await store.pendingOrders()).map(({ id }) => id));
    for (;;) {
      const stopped = this.health().subscriptions.filter((lane) => waitsForSomebody(lane, clock.now()));
      const pending = await store.pendingOrders();
      const waits = pending.some(({ id, subscription }) => ordered.has(id) && !stopped.some((lane) => lane.id === subscription));
      if (signal.aborted || !waits || this.health().sources.some(({ state }) => state === "stopped")) break;
      await clock.sleep(orderPollMs, signal);
    }
    await engine.untilCaughtUp();
    if (!signal.aborted) this.#refuseStopped();
  }

  /** A source or a subscription that waits for somebody to act was not waited for, but has not caught up either. */
  #refuseStopped(): void {
    const { sources, subscriptions } = this.health();
    for (const { problem } of [...sources, ...subscriptions]) {
      if (problem === null || retryKind(problem.code) === "timed") continue;
      const { code, subject, cause, remedy } = problem;
      throw new ReplicationError(code, { subject, cause, remedy });
    }
  }

  async #keepTicking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#parts.tick(this.health(), this.#configuration);
      await this.#parts.clock.sleep(tickMs, signal);
    }
  }

  /** Ends the run when another process has taken the right to be the engine. */
  async #keepClaim(signal: AbortSignal): Promise<void> {
    const { claim, clock, store } = this.#parts;
    while (!signal.aborted) {
      // While the control database is away nobody else can take the claim either.
      const leads = await claim.renew().catch(() => claim.leads);
      if (!leads && !this.#parts.standsBy) {
        const holder = await store.engineSeen().catch(() => null);
        throw new ReplicationError("DB-RUN-024", { subject: holder === null ? "engine" : `process ${holder.pid} on ${holder.host}` });
      }
      this.#engine?.lead(leads);
      await this.#report(this.#problems());
      await clock.sleep(1_000, signal);
    }
  }

  #problems(): readonly EngineProblem[] {
    return problemsToReport(this.health(), this.#parts.clock.now());
  }

  /** What commands can say of this engine's work. */
  async #report(problems: readonly EngineProblem[]): Promise<void> {
    const { claim } = this.#parts;
    const working = this.health().sources.filter(({ state }) => state !== "standing by");
    const slices = working.map(({ name }) => name);
    const text = JSON.stringify([claim.leads, problems, slices]);
    if (text === this.#reported) return;
    const told = await claim.report(problems, slices).then(
      () => true,
      () => false,
    );
    if (told) this.#reported = text;
  }

  /** Until every removed subscription's copy is refused; begins anew whenever another configuration is applied. */
  async #keepWithdrawing(signal: AbortSignal): Promise<void> {
    const { store, clock, logger } = this.#parts;
    let settled: number | null = null;
    const told = new Set<string>();
    while (!signal.aborted) {
      const version = this.#version;
      if (settled !== version && this.#document !== null && this.#parts.claim.leads) {
        const withdrawals = await withdrawRemoved(this.#configuration, this.#document, store).catch(() => null);
        const open = withdrawals?.filter(({ problem }) => problem !== null) ?? [];
        for (const { subscription, problem } of open) {
          if (!told.has(subscription)) logger.warn("a removed copy is not refused yet", { subscription, problem: problem?.message });
          told.add(subscription);
        }
        if (withdrawals !== null && open.length === 0) settled = version;
      }
      await clock.sleep(settled === this.#version ? 1_000 : withdrawMs, signal);
    }
  }

  async #reconcileInTime(signal: AbortSignal): Promise<void> {
    const { store, clock, logger, metrics, claim, fleet } = this.#parts;
    const current = () => ({ configuration: this.#configuration, version: this.#version });
    const jobs = { store, clock, logger, metrics, current };
    const health = (): EngineHealth => this.health();
    if (fleet !== null) return fleet.doJobs({ ...jobs, health, lanesKeepUp: (id) => lanesKeepUp(health(), id, clock) }, signal);
    const keepsUp = (id: string): boolean => lanesKeepUp(health(), id, clock) ?? false;
    await new ReconcileSchedule({ ...jobs, keepsUp, atOnce: () => 1, health, leads: () => claim.leads }).run(signal);
  }

  async #followConfiguration(signal: AbortSignal): Promise<void> {
    let following = Promise.resolve();
    let busy = false;
    await this.#parts.store.watch(() => {
      // What comes meanwhile is told again within a second.
      if (busy || signal.aborted) return;
      busy = true;
      following = this.#takeUpApplied().finally(() => {
        busy = false;
      });
    }, signal);
    await following;
  }

  /** Reads the file again when somebody has applied another version, and hands it to the engine. */
  async #takeUpApplied(): Promise<void> {
    const { store, logger, environment } = this.#parts;
    try {
      const applied = await store.appliedConfiguration();
      if (applied === null || applied.version === this.#version) return;
      const { configuration, findings } = loadConfiguration(this.#configuration.file, environment);
      const plan = configuration === null ? null : await planConfiguration(configuration, store, { count: false, open: "kept" });
      if (plan === null || plan.changes.length > 0) {
        const problem = findings.find((finding) => finding.severity === "error")?.cause ?? "the file was changed after it was applied";
        logger.error("an applied configuration cannot be taken up", { version: applied.version, problem });
        this.#version = applied.version;
        return;
      }
      await this.#engine?.reconfigure(plan.configuration);
      this.#take(plan, applied.version);
      logger.info("configuration taken up", { version: applied.version });
    } catch (error) {
      // The version stays the old one: it is tried again.
      logger.warn("an applied configuration cannot be taken up yet", { problem: asReplicationError(error, "configuration").message });
    }
  }

  /** False when it did not end in time. Nothing is lost then: what was not committed is applied again by the next run. */
  async #stop(engine: RunningEngine): Promise<boolean> {
    const { clock, logger } = this.#parts;
    const deadline = new AbortController();
    const stopped = engine.stop().finally(() => {
      deadline.abort();
    });
    await Promise.race([stopped, clock.sleep(stopMs, deadline.signal)]);
    if (deadline.signal.aborted) return true;
    logger.warn("the engine did not stop in time and is left");
    return false;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        "abort",
        () => {
          resolve();
        },
        { once: true },
      );
  });
}

/** Nothing of it will move before somebody acts. */
function waitsForSomebody({ state, problem }: SubscriptionHealth, now: Micros): boolean {
  if (state === "stopped" || state === "suspended" || state === "ended") return true;
  return problem !== null && retryKind(problem.code) !== "timed" && now - problem.since > lastingMicros;
}
