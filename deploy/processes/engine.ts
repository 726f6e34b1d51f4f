// Everything in one process: all sources of the configuration, their subscriptions, and the orders given to them.
import type { Configuration } from "../../engine/config/configuration.ts";
import { asReplicationError, retryKind } from "../../engine/fleet/retry-policy.ts";
import type { ReplicationError } from "../../engine/model/replication-error.ts";
import { printTable } from "../../engine/model/table.ts";
import type { Lane } from "../../engine/pipeline/lane.ts";
import type { Engine, EngineHealth, LoadHealth, Problem, SourceHealth, SubscriptionHealth } from "../../engine/ports/engine.ts";
import type { Position } from "../../engine/model/position.ts";
import type { Order } from "../../engine/ports/control-store.ts";
import { type RuntimeParts, SourceRuntime } from "./source-runtime.ts";

const carriedOut = "carried out";

/** How often `untilCaughtUp` looks. */
const lookMs = 50;

export interface RunningEngine extends Engine {
  /** Brings what runs in line with a newly applied configuration. */
  reconfigure(next: Configuration): Promise<void>;
}

export function startEngine(configuration: Configuration, parts: RuntimeParts): RunningEngine {
  return new EngineProcess(configuration, parts);
}

class EngineProcess implements RunningEngine {
  readonly done: Promise<void>;
  readonly #parts: RuntimeParts;
  readonly #stop = new AbortController();
  readonly #runtimes = new Map<string, SourceRuntime>();
  /** Orders being carried out; each stays pending until its work is durable, so that a killed engine finds it again. */
  readonly #underWay = new Set<number>();
  #tasks: Promise<void>[] = [];
  #following: Promise<void> = Promise.resolve();

  constructor(configuration: Configuration, parts: RuntimeParts) {
    this.#parts = parts;
    this.#startSources(configuration);
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
    const taken = await Promise.allSettled([...this.#runtimes.values()].map((runtime) => runtime.refresh(next)));
    this.#startSources(next);
    for (const result of taken) if (result.status === "rejected") throw result.reason;
  }

  /** Waits for each subscription that can run; one that is stopped, or waits for somebody to act, is not waited for. */
  async untilCaughtUp(): Promise<void> {
    await Promise.all([...this.#runtimes.values()].map((runtime) => this.#caughtUp(runtime)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }

  health(): EngineHealth {
    const sources = [...this.#runtimes.values()].map((runtime) => this.#sourceHealth(runtime));
    const subscriptions = [...this.#runtimes.values()].flatMap((runtime) => this.#subscriptions(runtime));
    return { sources, subscriptions };
  }

  #startSources(configuration: Configuration): void {
    for (const source of configuration.sources.values()) {
      if (this.#runtimes.has(source.id) || !configuration.shares.some((share) => share.source === source.id)) continue;
      const runtime = new SourceRuntime(configuration, source, this.#parts);
      this.#runtimes.set(source.id, runtime);
      this.#tasks.push(runtime.run(this.#stop.signal));
    }
  }

  async #follow(): Promise<void> {
    const { control, logger } = this.#parts;
    try {
      for (const runtime of this.#runtimes.values()) await runtime.followLifecycle();
      for (const order of await control.pendingOrders()) {
        const outcome = this.#underWay.has(order.id) ? this.#progressOf(order) : await this.#carryOut(order);
        if (outcome === null) continue;
        await control.closeOrder(order.id, outcome);
        this.#underWay.delete(order.id);
      }
    } catch (error) {
      // The control database was away: streaming goes on, orders wait.
      logger.warn("orders wait", { problem: asReplicationError(error, "control database").message });
    }
  }

  /** A re-sync is carried out once the beginning of its loads is durable in the target: from there it goes on by itself. */
  #progressOf({ subscription }: Order): string | null {
    const runtime = [...this.#runtimes.values()].find(({ lanes }) => lanes.has(subscription));
    const lane = runtime?.lanes.get(subscription);
    return lane !== undefined && runtime?.pipeline.hasBegun(lane) === true ? carriedOut : null;
  }

  /** What became of it; null: not yet known. */
  async #carryOut(order: Order): Promise<string | null> {
    try {
      for (const runtime of this.#runtimes.values()) {
        if (!runtime.prepared) return null;
        if (!(await runtime.carryOut(order))) continue;
        if (order.kind === "replay") return carriedOut;
        this.#underWay.add(order.id);
        return null;
      }
      return "no such subscription";
    } catch (error) {
      const problem = asReplicationError(error, order.subscription);
      this.#parts.logger.warn("order failed", { subscription: order.subscription, code: problem.code, problem: problem.message });
      return retryKind(problem.code) === "timed" ? null : problem.code;
    }
  }

  async #caughtUp(runtime: SourceRuntime): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stop;
    let wanted: Position | null = null;
    while (!signal.aborted && !this.#hopeless(runtime)) {
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

  #sourceHealth(runtime: SourceRuntime): SourceHealth {
    const { problem, pipeline, id } = runtime;
    const state = pipeline.streaming
      ? "streaming"
      : problem === null
        ? "starting"
        : retryKind(problem.error.code) === "timed"
          ? "retrying"
          : "stopped";
    return { name: id, state, problem: problem === null ? null : this.#problem(problem.error, problem.since) };
  }

  #subscriptions(runtime: SourceRuntime): SubscriptionHealth[] {
    const ended = [...runtime.ended].map((id) => this.#ended(id));
    return [...[...runtime.lanes.values()].map((lane) => this.#laneHealth(runtime, lane)), ...ended];
  }

  #ended(id: string): SubscriptionHealth {
    return { id, state: "ended", problem: null, lastSyncAt: null, stoppedTables: [], loads: [] };
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
    return { id, state, problem, lastSyncAt: lane.progress?.sourceTime ?? null, stoppedTables, loads };
  }

  #problem(error: ReplicationError, since: number = this.#parts.clock.now()): Problem {
    return { code: error.code, subject: error.subject, cause: error.explanation, remedy: error.remedy, since };
  }
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
