// Everything in one process: all sources of the configuration, their subscriptions, and the orders given to them.
import type { Configuration, SourceConfiguration } from "../../engine/config/configuration.ts";
import { asReplicationError, retryKind } from "../../engine/fleet/retry-policy.ts";
import type { ReplicationError } from "../../engine/model/replication-error.ts";
import { printTable } from "../../engine/model/table.ts";
import type { Lane } from "../../engine/pipeline/lane.ts";
import type { Engine, EngineHealth, LoadHealth, Problem, SourceHealth, SubscriptionHealth } from "../../engine/ports/engine.ts";
import type { Position } from "../../engine/model/position.ts";
import { carriedOut, type Order } from "../../engine/ports/control-store.ts";
import { isShared } from "./resolve-shares.ts";
import { type RunningSource, wholeSource } from "./running-source.ts";
import type { RuntimeParts } from "./runtime-parts.ts";
import { type OpenShared, SharedSource } from "./shared-source.ts";
import { SourceRuntime } from "./source-runtime.ts";

/** How often `untilCaughtUp` looks. */
const lookMs = 10;

export interface RunningEngine extends Engine {
  /** Brings what runs in line with a newly applied configuration. */
  reconfigure(next: Configuration): Promise<void>;
  /** Whether this process does what only one may do; where there are no leases, that is to run every source that is not shared. */
  lead(leads: boolean): void;
  /**
   * What this process owns of the sources that are not shared: by id, the term of the lease. What it does not own comes to its end; what
   * it does begins once that is `confirmed`.
   */
  own(owned: ReadonlyMap<string, number>, confirmed: boolean): void;
  /** Owned sources that need a later term than they have, because copies that they write were another's meanwhile. */
  readonly outdated: ReadonlySet<string>;
  /** Resolves when nothing of the source is at work. */
  stopped(source: string): Promise<void>;
}

export interface EngineParts extends RuntimeParts {
  readonly leads: boolean;
  /** Sources that are not shared belong to whoever holds their lease. */
  readonly leased: boolean;
  readonly openShared: OpenShared;
}

export function startEngine(configuration: Configuration, parts: EngineParts): RunningEngine {
  return new EngineProcess(configuration, parts);
}

/**
 * How long a source rests that somebody has written who has no lease: longer than it takes to tell a process that stood still, so that
 * two never take a source from each other in turns.
 */
const restMs = 15_000;

interface SourceAtWork {
  readonly source: RunningSource;
  readonly stop: AbortController;
  /** Of its lease; null: it has none. */
  readonly term: number | null;
  readonly ended: Promise<void>;
}

class EngineProcess implements RunningEngine {
  readonly done: Promise<void>;
  readonly #parts: EngineParts;
  readonly #stop = new AbortController();
  readonly #sources = new Map<string, SourceAtWork>();
  /** Orders being carried out; each stays pending until its work is durable, so that a killed engine finds it again. */
  readonly #underWay = new WeakMap<SourceRuntime, Set<number>>();
  #configuration: Configuration;
  #leads: boolean;
  /** Null: there are no leases. */
  #owned: ReadonlyMap<string, number> | null;
  /** By source, when it may begin again; see restMs. */
  readonly #rests = new Map<string, { readonly term: number | null; readonly untilMs: number }>();
  /** By source, the term that comes too early; see `outdated`. */
  readonly #outdated = new Map<string, number>();
  #tasks: Promise<void>[] = [];
  #following: Promise<void> = Promise.resolve();

  constructor(configuration: Configuration, parts: EngineParts) {
    this.#parts = parts;
    this.#configuration = configuration;
    this.#leads = parts.leads;
    this.#owned = parts.leased ? new Map() : null;
    this.#startSources();
    let busy = false;
    const watching = parts.control.watch(() => {
      // What comes meanwhile is told again within a second.
      if (busy) return;
      busy = true;
      this.#following = this.#follow().finally(() => {
        busy = false;
      });
    }, this.#stop.signal);
    this.done = watching.then(async () => {
      await Promise.all(this.#tasks);
      await this.#following;
    });
  }

  /** Every source takes up what it can; throws what kept one from it. To be called again until it succeeds. */
  async reconfigure(next: Configuration): Promise<void> {
    this.#noteMoves(next);
    this.#configuration = next;
    const running = [...this.#sources.values()].map(({ source }) => source);
    // What moves from one source to another is at its end at the one before the other begins.
    await Promise.allSettled(running.map((source) => source.letGo(next)));
    const current = running.filter(({ id }) => !this.#outdated.has(id));
    const taken = await Promise.allSettled(current.map((source) => source.refresh(next)));
    this.#startSources();
    for (const result of taken) if (result.status === "rejected") throw result.reason;
  }

  get outdated(): ReadonlySet<string> {
    return new Set(this.#outdated.keys());
  }

  /**
   * Copies that come from another source were written in the terms of that one's lease, which may be later than those of this one's: it
   * begins with them by a lease that is taken anew. The other source may have been overtaken before it heard that it has them no more.
   */
  #noteMoves({ shares }: Configuration): void {
    const before = new Map(this.#configuration.shares.flatMap(({ source, subscriptions }) => subscriptions.map(({ id }) => [id, source])));
    for (const { source, subscriptions } of shares) {
      const from = subscriptions.map(({ id }) => before.get(id) ?? source).filter((id) => id !== source);
      for (const id of from) this.#rests.delete(id);
      const term = this.#owned?.get(source);
      if (from.length > 0 && term !== undefined) this.#outdated.set(source, term);
    }
  }

  lead(leads: boolean): void {
    if (leads === this.#leads) return;
    this.#leads = leads;
    this.#parts.logger.info(leads ? "this process leads" : "another process leads");
    if (leads) this.#startSources();
    else if (this.#owned === null) for (const { source, stop } of this.#sources.values()) if (!source.shared) stop.abort();
  }

  own(owned: ReadonlyMap<string, number>, confirmed: boolean): void {
    const { logger, clock } = this.#parts;
    this.#owned = new Map(owned);
    for (const [id, term] of this.#outdated) if (owned.get(id) !== term) this.#outdated.delete(id);
    for (const [id, { source, stop, term }] of this.#sources) {
      if (source.shared || stop.signal.aborted) continue;
      const overtaken = source.runtimes.some((runtime) => runtime.overtaken);
      if (owned.get(id) === term && !overtaken) continue;
      if (overtaken) {
        logger.warn("source was written by another process and rests", { source: id, term });
        this.#rests.set(id, { term, untilMs: clock.monotonicMs() + restMs });
      }
      stop.abort();
    }
    if (confirmed && !this.#stop.signal.aborted) this.#startSources();
  }

  async stopped(source: string): Promise<void> {
    await this.#sources.get(source)?.ended;
  }

  /** Waits for each subscription that can run; one that is stopped, or waits for somebody to act, is not waited for. */
  async untilCaughtUp(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(({ source }) => this.#sourceCaughtUp(source)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }

  health(): EngineHealth {
    const all = [...this.#sources.values()].map(({ source }) => source);
    return {
      sources: all.flatMap((source) => this.#sourceHealth(source)),
      subscriptions: all.flatMap(({ runtimes }) => runtimes.flatMap((runtime) => this.#subscriptions(runtime))),
    };
  }

  #startSources(): void {
    const { sources, shares } = this.#configuration;
    for (const configured of sources.values()) {
      const { id } = configured;
      if (this.#sources.has(id) || !shares.some((share) => share.source === id)) continue;
      if (isShared(configured) || this.#isOurs(id)) this.#startSource(configured);
    }
  }

  #isOurs(id: string): boolean {
    if (this.#owned === null) return this.#leads;
    const term = this.#owned.get(id);
    if (term === undefined) return false;
    const rest = this.#rests.get(id);
    if (rest?.term !== term) return !this.#outdated.has(id);
    // Whoever wrote its copies may have done so in a later term, under which nothing can be taken back.
    if (this.#parts.clock.monotonicMs() >= rest.untilMs) this.#outdated.set(id, term);
    return false;
  }

  #startSource(configured: SourceConfiguration): void {
    const { id } = configured;
    const term = isShared(configured) ? null : (this.#owned?.get(id) ?? null);
    const source = isShared(configured)
      ? new SharedSource(this.#configuration, configured, this.#parts, this.#parts.openShared)
      : wholeSource(new SourceRuntime(this.#configuration, configured, this.#parts, { part: null, term }));
    const stop = new AbortController();
    const ended = source.run(AbortSignal.any([this.#stop.signal, stop.signal])).then(() => {
      // What is at its end may begin again, when this process leads again, or has the lease once more.
      if (stop.signal.aborted) this.#sources.delete(id);
      if (this.#owned === null && this.#leads && !this.#stop.signal.aborted) this.#startSources();
    });
    this.#sources.set(id, { source, stop, term, ended });
    this.#rests.delete(id);
    this.#tasks.push(ended);
  }

  async #follow(): Promise<void> {
    const { control, logger } = this.#parts;
    try {
      for (const { source } of this.#sources.values()) {
        for (const runtime of source.runtimes) {
          // Whoever told of a change may be waiting for the copies to come forward. Topics are no further for being asked.
          if (!source.shared) runtime.pipeline.hurry();
          await runtime.followLifecycle();
        }
      }
      for (const order of await control.pendingOrders()) await this.#advance(order);
    } catch (error) {
      // The control database was away: streaming goes on, orders wait.
      logger.warn("orders wait", { problem: asReplicationError(error, "control database").message });
    }
  }

  /** Takes an order as much further as is this process's business: each slice has its own part in it. */
  async #advance(order: Order): Promise<void> {
    const { control } = this.#parts;
    const share = this.#configuration.shares.find(({ subscriptions }) => subscriptions.some(({ id }) => id === order.subscription));
    if (share === undefined && this.#leads) await control.closeOrder(order.id, "no such subscription");
    for (const runtime of this.#sources.get(share?.source ?? "")?.source.runtimes ?? []) {
      const { slice } = runtime;
      if (slice !== null && order.done.some(({ index, of }) => index === slice.index && of === slice.of)) continue;
      const underWay = this.#underWay.get(runtime) ?? new Set();
      this.#underWay.set(runtime, underWay);
      const outcome = underWay.has(order.id) ? this.#progressOf(order, runtime) : await this.#carryOut(order, runtime, underWay);
      if (outcome === null) {
        // What had begun was lost with the target, and nothing but this order leads out of it: it is carried out again.
        if (order.table === null && isPlaceLost(runtime.lanes.get(order.subscription))) underWay.delete(order.id);
        continue;
      }
      if (slice !== null && outcome === carriedOut) await control.noteSliceDone(order.id, slice);
      else await control.closeOrder(order.id, outcome);
      underWay.delete(order.id);
    }
  }

  /** A re-sync is carried out once the beginning of its loads is durable in the target: from there it goes on by itself. */
  #progressOf({ subscription }: Order, { lanes, pipeline }: SourceRuntime): string | null {
    const lane = lanes.get(subscription);
    return lane !== undefined && pipeline.hasBegun(lane) ? carriedOut : null;
  }

  /** What became of it; null: not yet known. */
  async #carryOut(order: Order, runtime: SourceRuntime, underWay: Set<number>): Promise<string | null> {
    try {
      if (!runtime.prepared) return null;
      if (order.kind === "repair") return (await runtime.repair(order)) ? carriedOut : null;
      if (!(await runtime.carryOut(order))) return null;
      if (order.kind === "replay") return carriedOut;
      underWay.add(order.id);
      return null;
    } catch (error) {
      const problem = asReplicationError(error, order.subscription);
      this.#parts.logger.warn("order failed", { subscription: order.subscription, code: problem.code, problem: problem.message });
      return retryKind(problem.code) === "timed" ? null : problem.code;
    }
  }

  /** Of a shared source: the slices that this process has, once it has any; those of others are theirs to wait for. */
  async #sourceCaughtUp(source: RunningSource): Promise<void> {
    const { signal } = this.#stop;
    const settled = new Set<SourceRuntime>();
    while (!signal.aborted) {
      const { runtimes } = source;
      if (runtimes.length > 0 && runtimes.every((runtime) => settled.has(runtime))) return;
      if (source.problem !== null && retryKind(source.problem.error.code) !== "timed") return;
      await Promise.all(runtimes.map((runtime) => this.#caughtUp(runtime, () => source.runtimes.includes(runtime))));
      for (const runtime of runtimes) settled.add(runtime);
      if (runtimes.length === 0) await this.#parts.clock.sleep(lookMs, signal);
    }
  }

  async #caughtUp(runtime: SourceRuntime, isOurs: () => boolean): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stop;
    let wanted: Position | null = null;
    while (!signal.aborted && isOurs() && !this.#hopeless(runtime)) {
      wanted ??= runtime.prepared ? await runtime.pipeline.endOfLog() : null;
      if (wanted !== null && [...runtime.lanes.values()].every((lane) => this.#settled(runtime, lane, wanted as Position))) return;
      await clock.sleep(lookMs, signal);
    }
  }

  /** Nothing will move at this source before somebody acts. */
  #hopeless(runtime: SourceRuntime): boolean {
    return runtime.problem !== null && retryKind(runtime.problem.error.code) !== "timed";
  }

  #settled(runtime: SourceRuntime, lane: Lane, wanted: Position): boolean {
    const problem = runtime.pipeline.problemOf(lane);
    const waitsForSomebody = problem !== null && retryKind(problem.error.code) !== "timed";
    return waitsForSomebody || lane.state === "suspended" || runtime.pipeline.hasReached(lane, wanted);
  }

  #sourceHealth({ id, runtimes, problem }: RunningSource): SourceHealth[] {
    if (runtimes.length > 0) return runtimes.map((runtime) => this.#runtimeHealth(runtime));
    if (problem === null) return [{ name: id, state: "standing by", problem: null }];
    const state = retryKind(problem.error.code) === "timed" ? "retrying" : "stopped";
    return [{ name: id, state, problem: this.#problem(problem.error, problem.since) }];
  }

  #runtimeHealth(runtime: SourceRuntime): SourceHealth {
    const { problem, pipeline, name } = runtime;
    const state = pipeline.streaming
      ? "streaming"
      : problem === null
        ? "starting"
        : retryKind(problem.error.code) === "timed"
          ? "retrying"
          : "stopped";
    return { name, state, problem: problem === null ? null : this.#problem(problem.error, problem.since) };
  }

  #subscriptions(runtime: SourceRuntime): SubscriptionHealth[] {
    const ended = [...runtime.ended].map((id) => this.#ended(id));
    return [...[...runtime.lanes.values()].map((lane) => this.#laneHealth(runtime, lane)), ...ended];
  }

  #ended(id: string): SubscriptionHealth {
    return { id, state: "ended", problem: null, lastSyncAt: null, stoppedTables: [], drifts: [], loads: [] };
  }

  #laneHealth(runtime: SourceRuntime, lane: Lane): SubscriptionHealth {
    const { tables, id } = lane.subscription;
    const name = (table: number): string => (tables[table] === undefined ? "" : printTable(tables[table].target));
    const loads: LoadHealth[] = [...(lane.progress?.loads ?? [])].map(([table, { rows }]) => {
      const estimate = tables[table]?.catalog.estimatedRows ?? -1;
      return { target: name(table), rows, rowsExpected: estimate < 0 || tables[table]?.filter !== null ? null : estimate };
    });
    const stoppedTables = lane.stopped.map((stop) => ({ target: printTable(stop.target), problem: stopProblem(stop) }));
    const known = runtime.pipeline.problemOf(lane);
    const problem = known === null ? null : this.#problem(known.error, known.since);
    // Its target takes what comes, but nothing does.
    const state = known !== null && lane.problem === null && lane.state === "loading" ? "retrying" : lane.state;
    const drifts = [...lane.drifts].map(([target, at]) => ({ target, at }));
    return { id, state, problem, lastSyncAt: lane.progress?.sourceTime ?? null, stoppedTables, drifts, loads };
  }

  #problem(error: ReplicationError, since: number = this.#parts.clock.now()): Problem {
    return { code: error.code, subject: error.subject, cause: error.explanation, remedy: error.remedy, since };
  }
}

/** The source does not have any more what follows the subscription's checkpoint. */
function isPlaceLost(lane: Lane | undefined): boolean {
  return lane?.problem?.error.code.startsWith("DB-SLOT-") === true && retryKind(lane.problem.error) === "operator";
}

function stopProblem({ code, target, message }: Lane["stopped"][number]): Problem {
  const subject = printTable(target);
  return {
    code: code as Problem["code"],
    subject,
    cause: message,
    remedy: `Mend the cause, then run \`dongbo resync\` for the table`,
    since: 0,
  };
}
