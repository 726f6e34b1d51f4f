// One engine process: the real pipeline, lanes, loads and mappings, put together as deploy/processes/source-runtime.ts does it, on a
// machine, lines and servers that are simulated.
import { contractText, readContract } from "../../deploy/processes/copy-contract.ts";
import { refuseOtherEngine, refuseOtherServer } from "../../deploy/processes/before-start.ts";
import { Backoff } from "../../engine/concurrency/backoff.ts";
import { Turns } from "../../engine/concurrency/turns.ts";
import { asReplicationError, retryKind, retryPauses } from "../../engine/fleet/retry-policy.ts";
import type { ReplicationError } from "../../engine/model/replication-error.ts";
import type { Subscription } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import { Lane } from "../../engine/pipeline/lane.ts";
import { LaneQueue } from "../../engine/pipeline/lane-queue.ts";
import type { SourceLimits } from "../../engine/pipeline/source-parts.ts";
import { SourcePipeline } from "../../engine/pipeline/source-pipeline.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import { carriedOut, type ControlStore, type Order } from "../../engine/ports/control-store.ts";
import type { Logger } from "../../engine/ports/logger.ts";
import { objectionTo } from "../../mappings/copy-origin.ts";
import { snapshotRouter } from "../../mappings/snapshot-router.ts";
import { SourceMapper } from "../../mappings/source-mapper.ts";
import { silentMetrics } from "../support/silent-metrics.ts";
import type { Random } from "../workload/random.ts";
import type { Machine } from "./machine.ts";
import type { SimulatedSnapshot } from "./simulated-snapshot.ts";
import type { SimulatedSource } from "./simulated-source.ts";

/** How often lifecycle, orders and configuration are looked at, milliseconds. */
const tickMs = 3_000;
const sourceName = "national";

export interface EngineParts {
  readonly machine: Machine;
  readonly source: SimulatedSource;
  readonly snapshot: SimulatedSnapshot;
  readonly target: (subscription: Subscription) => ChangeTarget;
  readonly control: ControlStore;
  /** What is configured now: another object when it has changed. */
  readonly wanted: () => readonly Subscription[];
  readonly limits: SourceLimits;
  readonly random: Random;
  readonly logger: Logger;
  readonly spoolFolder: string;
  /** A subscription is about to start anew. */
  readonly startsAnew: (id: string) => void;
}

interface Running {
  readonly subscription: Subscription;
  readonly lane: Lane;
  readonly target: ChangeTarget;
}

export class SimulatedEngine {
  readonly machine: Machine;
  readonly #parts: EngineParts;
  readonly #pipeline: SourcePipeline;
  readonly #running = new Map<string, Running>();
  readonly #underWay = new Set<number>();
  readonly #turns = new Turns();
  readonly #stop = new AbortController();
  #problem: ReplicationError | null = null;
  #ended = false;

  constructor(parts: EngineParts) {
    const { machine, source, snapshot, control, random, logger, limits } = parts;
    this.machine = machine;
    this.#parts = parts;
    this.#pipeline = new SourcePipeline({
      name: sourceName,
      source,
      snapshot,
      mapper: new SourceMapper<Lane>(),
      snapshotRouter,
      control,
      contractText,
      readContract,
      objection: objectionTo,
      clock: machine.clock,
      logger,
      metrics: silentMetrics.source(sourceName),
      backoff: new Backoff(retryPauses, { next: () => random.fraction() }),
      limits,
    });
  }

  /** It has come to its orderly end. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What keeps a subscription from going on, or the source from being used; null: nothing known. */
  problemOf(id: string): ReplicationError | null {
    const lane = this.#running.get(id)?.lane;
    return this.#problem ?? (lane === undefined ? null : (this.#pipeline.problemOf(lane)?.error ?? null));
  }

  /** Tables of the subscription that stand still, as readers name them. */
  stoppedTables(id: string): string[] {
    return (this.#running.get(id)?.lane.stopped ?? []).map(({ target }) => printTable(target));
  }

  /** Its connection to the master's log breaks, if it has one. */
  breakStream(): void {
    this.#parts.source.stream?.break("DB-PG-015");
  }

  /** Ends work at a safe point. */
  stop(): void {
    this.#stop.abort();
  }

  async run(): Promise<void> {
    const { machine, random } = this.#parts;
    const { signal } = this.#stop;
    const backoff = new Backoff(retryPauses, { next: () => random.fraction() });
    for (let prepared = false; !prepared && !signal.aborted;) {
      try {
        await this.#prepare();
        prepared = true;
        this.#problem = null;
      } catch (error) {
        this.#problem = asReplicationError(error, sourceName);
        await machine.clock.sleep(backoff.next(), signal);
      }
    }
    const streaming = this.#pipeline.run(signal);
    while (!signal.aborted) {
      await machine.clock.sleep(tickMs, signal);
      if (!signal.aborted) await this.#turns.run(() => this.#follow());
    }
    await streaming;
    await Promise.all([...this.#running.values()].map(({ target }) => target.close()));
    this.#ended = true;
  }

  async #prepare(): Promise<void> {
    const { source, snapshot, control, wanted } = this.#parts;
    const subscriptions = wanted();
    // All that it looks at of what is wanted are the subscriptions.
    const entries = subscriptions.map((subscription) => ({ subscription })) as unknown as Parameters<typeof refuseOtherServer>[2]["wanted"];
    await refuseOtherServer(source, control, { id: sourceName, wanted: entries });
    await refuseOtherEngine(source, sourceName);
    await snapshot.describe(subscriptions.flatMap(({ tables }) => tables.map((table) => table.source)));
    for (const subscription of subscriptions) await this.#ensure(subscription);
  }

  async #follow(): Promise<void> {
    const { control, wanted, logger } = this.#parts;
    try {
      for (const subscription of wanted()) await this.#ensure(subscription);
      for (const [id, { lane }] of this.#running) lane.suspend((await control.lifecycle(id)).suspended?.reason ?? null);
      for (const order of await control.pendingOrders()) await this.#carryOut(order);
    } catch (error) {
      logger.warn("could not follow", { problem: asReplicationError(error, sourceName).message });
    }
  }

  /** An order stays pending until its work is durable, so that an engine that is started after a crash finds it again. */
  async #carryOut({ id, subscription, table }: Order): Promise<void> {
    const running = this.#running.get(subscription);
    if (running === undefined) return;
    if (this.#underWay.has(id)) {
      if (this.#pipeline.hasBegun(running.lane)) await this.#parts.control.closeOrder(id, carriedOut);
      else if (table === null && isPlaceLost(running.lane)) this.#underWay.delete(id);
      return;
    }
    this.#underWay.add(id);
    const { tables } = running.subscription;
    const chosen = tables.flatMap(({ target }, index) => (table === null || printTable(target) === table ? [index] : []));
    await this.#start(running.subscription, { renew: table === null, reload: new Set(chosen) });
  }

  async #ensure(subscription: Subscription): Promise<void> {
    if (this.#running.get(subscription.id)?.subscription === subscription) return;
    await this.#start(subscription, { renew: false, reload: new Set() });
  }

  /** Starts the subscription's lane, in the place of the one that it has. */
  async #start(subscription: Subscription, entry: { readonly renew: boolean; readonly reload: ReadonlySet<number> }): Promise<void> {
    const { control, startsAnew } = this.#parts;
    const target = this.#parts.target(subscription);
    const lane = this.#lane(subscription, target);
    const { suspended, parked } = await control.lifecycle(subscription.id);
    lane.suspend(suspended?.reason ?? null);
    const renew = entry.renew || parked !== null;
    if (renew) startsAnew(subscription.id);
    await this.#drop(subscription.id, entry.renew ? null : lane);
    this.#running.set(subscription.id, { subscription, lane, target });
    this.#pipeline.add(lane, { renew, reload: entry.reload }, parked !== null);
  }

  async #drop(id: string, successor: Lane | null): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    await this.#pipeline.remove(running.lane, successor);
    await running.target.close();
  }

  #lane(subscription: Subscription, target: ChangeTarget): Lane {
    const { machine, source, snapshot, random, logger, spoolFolder } = this.#parts;
    return new Lane(
      {
        subscription,
        target,
        queue: new LaneQueue(spoolFolder, `${machine.name} ${subscription.id}`),
        positions: source.positions,
        snapshot,
        clock: machine.clock,
        logger,
        metrics: silentMetrics.subscription(subscription.id),
        retried: () => {},
        backoff: new Backoff(retryPauses, { next: () => random.fraction() }),
      },
      this.#pipeline,
    );
  }
}

/** As in deploy/processes/engine.ts. */
function isPlaceLost({ problem }: Lane): boolean {
  return problem?.error.code.startsWith("DB-SLOT-") === true && retryKind(problem.error) === "operator";
}
