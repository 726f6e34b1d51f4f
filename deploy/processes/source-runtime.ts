// One source of the configuration, wired: connectors behind ports, subscriptions resolved, orders carried out.
import { join } from "node:path";
import { Backoff } from "../../engine/concurrency/backoff.ts";
import { Turns } from "../../engine/concurrency/turns.ts";
import type { Configuration, ShareConfiguration, SourceConfiguration } from "../../engine/config/configuration.ts";
import { asReplicationError, retryPauses } from "../../engine/fleet/retry-policy.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import { inSlice, sliceId, type SliceNumber } from "../../engine/model/slice.ts";
import { printTable, tableKey, type TableName } from "../../engine/model/table.ts";
import { Lane } from "../../engine/pipeline/lane.ts";
import { LaneQueue } from "../../engine/pipeline/lane-queue.ts";
import { SourcePipeline } from "../../engine/pipeline/source-pipeline.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import type { Order } from "../../engine/ports/control-store.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { keyLost, objectionTo } from "../../mappings/copy-origin.ts";
import { snapshotRouter } from "../../mappings/snapshot-router.ts";
import { SourceMapper } from "../../mappings/source-mapper.ts";
import { refuseOtherEngine, refuseOtherServer } from "./before-start.ts";
import { openPublication, openSource, openTarget } from "./connections.ts";
import { contractText, readContract } from "./copy-contract.ts";
import { PublicationKeeper } from "./publication-keeper.ts";
import type { RuntimeHold, RuntimeParts, SourceProblem } from "./runtime-parts.ts";
import { RememberedCatalog } from "./remembered-catalog.ts";
import { Repairs } from "./repairs.ts";
import { resolveShares, type Wanted, wantedOf, wantedTables, withoutUnpublished } from "./resolve-shares.ts";

/** How often agreements are looked at for having begun or ended. */
const tickMs = 1_000;
/** How often publication and tables are looked at: what the one loses, or the others change in place, the stream does not say. */
const tableTicks = 5;

interface Running {
  /** The whole, whichever slice of it the lane carries. */
  readonly subscription: Subscription;
  readonly lane: Lane;
  readonly target: ChangeTarget;
  /** Equal while nothing that the lane was made from has changed. */
  readonly fingerprint: string;
}

export class SourceRuntime {
  readonly id: string;
  /** What it is called where slices are told apart: `population`, `population#1of4`. */
  readonly name: string;
  readonly slice: SliceNumber | null;
  readonly #parts: RuntimeParts;
  readonly #source: ChangeSource;
  /** Describes tables. */
  readonly #catalog: Pick<SnapshotSource, "describe">;
  readonly #snapshot: SnapshotSource & { close(): Promise<void> };
  readonly #pipeline: SourcePipeline;
  readonly #running = new Map<string, Running>();
  readonly #ended = new Set<string>();
  readonly #repairs: Repairs;
  readonly #publication: PublicationKeeper;
  /** Of a row in a topic the first events may be gone. */
  readonly #tellsGrowth: boolean;
  readonly #term: number | null;
  #configuration: Configuration;
  /** Tables whose rows are wanted: those of the configuration, and those that a lane made from an older one still follows. */
  #tables: readonly TableName[] = [];
  #problem: SourceProblem | null = null;
  #prepared = false;
  /** Whoever ends a subscription's lane and starts another must not meet somebody who does the same. */
  readonly #turns = new Turns();

  constructor(configuration: Configuration, configured: SourceConfiguration, parts: RuntimeParts, { part, term }: RuntimeHold) {
    this.#term = term;
    this.id = configured.id;
    this.slice = part?.slice ?? null;
    this.name = this.slice === null ? configured.id : sliceId(configured.id, this.slice);
    this.#parts = parts;
    this.#tellsGrowth = configured.connector !== "debezium";
    this.#configuration = configuration;
    this.#publication = new PublicationKeeper(openPublication(configured), parts.control);
    const { limits } = configured;
    const chunks = Math.max(1, limits.connections - 2);
    const { source, snapshot } = part ?? openSource(configured, { connections: chunks, tables: () => this.#tables });
    this.#source = source;
    this.#snapshot = snapshot;
    this.#catalog = configured.connector === "debezium" ? new RememberedCatalog(this.id, snapshot, parts.control) : snapshot;
    this.#pipeline = new SourcePipeline({
      name: this.name,
      source: this.#source,
      snapshot: this.#snapshot,
      mapper: new SourceMapper<Lane>(),
      snapshotRouter,
      control: parts.control,
      contractText,
      readContract,
      objection: objectionTo,
      clock: parts.clock,
      logger: parts.logger.with({ source: this.name }),
      metrics: parts.metrics.source(this.name),
      backoff: new Backoff(retryPauses, parts.random),
      limits: {
        walRetainedMaxBytes: limits.walRetainedMaxBytes,
        spoolMaxBytes: limits.spoolMaxBytes,
        parallelChunks: chunks,
        rangesPerTable: chunks,
        heartbeatMs: heartbeatMs(this.#wanted()),
      },
    });
    this.#repairs = new Repairs(this.#pipeline);
  }

  get pipeline(): SourcePipeline {
    return this.#pipeline;
  }

  /** Tables whose rows are wanted here. */
  get tables(): readonly TableName[] {
    return this.#tables;
  }

  /** Subscriptions at work, by the whole's id. */
  get lanes(): ReadonlyMap<string, Lane> {
    return new Map([...this.#running].map(([id, { lane }]) => [id, lane]));
  }

  /** Subscriptions outside the term of their agreement. */
  get ended(): ReadonlySet<string> {
    return this.#ended;
  }

  /** What keeps the source from being used at all; null: nothing known. */
  get problem(): SourceProblem | null {
    return this.#problem ?? this.#pipeline.problem;
  }

  /** Another process has taken the epoch of one of its subscriptions. */
  get overtaken(): boolean {
    return [...this.#running.values()].some(({ lane }) => this.#pipeline.problemOf(lane)?.error.code === "DB-RUN-010");
  }

  /** The first look at the source is done: it is known which subscriptions run and which cannot. */
  get prepared(): boolean {
    return this.#prepared;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, random } = this.#parts;
    const backoff = new Backoff(retryPauses, random);
    while (!signal.aborted && !this.#prepared) {
      try {
        await refuseOtherServer(this.#source, this.#parts.control, { id: this.name, wanted: this.#wanted() });
        if (this.#term === null) await refuseOtherEngine(this.#source, this.id);
        else await this.#source.endFormerReader?.();
        await this.refresh();
        this.#prepared = true;
        this.#problem = null;
      } catch (error) {
        const problem = asReplicationError(error, this.name);
        this.#problem = { error: problem, since: this.#problem?.error.code === problem.code ? this.#problem.since : clock.now() };
        logger.warn("source retries", { source: this.name, code: problem.code, problem: problem.message });
        await clock.sleep(backoff.next(), signal);
      }
    }
    const streaming = this.#pipeline.run(signal);
    for (let tick = 1; !signal.aborted; tick++) {
      await clock.sleep(tickMs, signal);
      if (!signal.aborted) await this.#keep(tick % tableTicks === 0);
    }
    await streaming;
    // What is not noted is merely loaded once more.
    await this.#noteBegun().catch(() => {});
    await Promise.all([...this.#running.values()].map(({ target }) => target.close()));
    await Promise.all([this.#source.close(), this.#snapshot.close()]);
  }

  /** Brings what runs in line with the configuration and with the source's catalogue. */
  refresh(next: Configuration = this.#configuration): Promise<void> {
    return this.#turns.run(() => this.#refresh(next));
  }

  async #refresh(next: Configuration): Promise<void> {
    this.#configuration = next;
    this.#noteTables();
    const wanted = this.#wanted();
    const resolved = await this.#published(await this.#resolve(wanted));
    await this.#letGo(next);
    for (const id of this.#running.keys()) if (!wanted.some((entry) => entry.subscription.id === id)) await this.#withdraw(id);
    for (const subscription of resolved.values()) await this.#ensure(subscription);
    this.#noteTables();
  }

  /**
   * Ends what another source has in the next configuration, and leaves its copies to that one. To be done before that one begins: of
   * two that take over the same copy the first comes to its end.
   */
  letGo(next: Configuration): Promise<void> {
    return this.#turns.run(() => this.#letGo(next));
  }

  async #letGo(next: Configuration): Promise<void> {
    // Nobody is to start them here again meanwhile.
    this.#configuration = next;
    const elsewhere = new Set(next.shares.filter(({ source }) => source !== this.id).flatMap(subscriptionIds));
    for (const id of this.#running.keys()) if (elsewhere.has(id)) await this.#drop(id);
  }

  #noteTables(): void {
    const followed = [...this.#running.values()].flatMap(({ subscription }) => subscription.tables.map(({ source }) => source));
    const tables = new Map([...wantedTables(this.#wanted()), ...followed].map((table) => [tableKey(table), table]));
    const same = tables.size === this.#tables.length && this.#tables.every((table) => tables.has(tableKey(table)));
    if (!same) this.#tables = [...tables.values()];
  }

  /** Suspends, resumes; called whenever the control database may have changed. */
  async followLifecycle(): Promise<void> {
    for (const [id, { lane }] of this.#running) lane.suspend((await this.#parts.control.lifecycle(id)).suspended?.reason ?? null);
  }

  /** True when the order was for one of this source's subscriptions and, other than a re-sync, is carried out. */
  async carryOut(order: Order): Promise<boolean> {
    const entry = this.#wanted().find((candidate) => candidate.subscription.id === order.subscription);
    if (entry === undefined) return false;
    if (order.kind === "replay") return this.#replay(order);
    await this.#turns.run(() => this.#resync(entry, order.table));
    return true;
  }

  /** Takes a repair further, see Repairs. True once all of its rows are durable. */
  async repair(order: Order): Promise<boolean> {
    const running = this.#running.get(order.subscription);
    return running !== undefined && this.#repairs.advance(order, { ...running, source: this.#configuration.sources.get(this.id) });
  }

  // ---- orders

  async #resync(entry: Wanted, table: string | null): Promise<void> {
    const { id } = entry.subscription;
    const running = [...this.#running.values()].map(({ subscription }) => subscription).filter((other) => other.id !== id);
    const all = new Map(running.map((other) => [other.id, other]));
    const resolved = (await this.#published(new Map([...all, ...(await this.#resolve([entry]))]))).get(id);
    if (resolved === undefined) throw new ReplicationError("DB-RUN-001", { subject: id });
    const barred = resolved.stopped.find(({ target }) => printTable(target) === table);
    if (barred !== undefined) throw barred.reason;
    const tables = resolved.tables.flatMap((mapping, index) => (table === null || printTable(mapping.target) === table ? [index] : []));
    await this.#start(resolved, { renew: table === null, reload: new Set(tables) });
  }

  async #replay(order: Order): Promise<boolean> {
    const running = this.#running.get(order.subscription);
    if (running === undefined) throw new ReplicationError("DB-RUN-001", { subject: order.subscription });
    return this.#repairs.replay(order, running);
  }

  // ---- subscriptions

  #wanted(): Wanted[] {
    return wantedOf(this.#configuration, this.id);
  }

  async #resolve(wanted: readonly Wanted[]): Promise<Map<string, Subscription>> {
    return resolveShares(wanted, await this.#catalog.describe(wantedTables(wanted)));
  }

  /** Makes the publication what these subscriptions need; tables for which it cannot be made so are stopped. */
  async #published(resolved: ReadonlyMap<string, Subscription>): Promise<Map<string, Subscription>> {
    const lacking = await this.#publication.prepare([...resolved.values()]);
    const published = [...resolved].map(([id, subscription]) => [id, withoutUnpublished(subscription, lacking)] as const);
    for (const [id, { stopped }] of published) {
      for (const { target, reason } of stopped) {
        const { code, message: problem } = reason;
        this.#parts.logger.error("table cannot be followed", { subscription: id, table: printTable(target), code, problem });
      }
    }
    return new Map(published);
  }

  async #ensure(subscription: Subscription): Promise<void> {
    const running = this.#running.get(subscription.id);
    if (running !== undefined && running.fingerprint === fingerprint(subscription)) return;
    if (this.#isInTerm(subscription)) return this.#start(subscription, { renew: false, reload: new Set() });
    await this.#drop(subscription.id);
    this.#ended.add(subscription.id);
  }

  /** Starts the subscription's lane, in the place of the one that it has. */
  async #start(subscription: Subscription, entry: { renew: boolean; reload: Set<number> }): Promise<void> {
    const { control, clock, random, logger, metrics } = this.#parts;
    const part = this.slice === null ? subscription : inSlice(subscription, this.slice);
    const target = this.#target(part);
    const lane = new Lane(
      {
        subscription: part,
        target,
        queue: new LaneQueue(join(this.#configuration.dataDir, "spool"), part.id),
        positions: this.#source.positions,
        snapshot: this.#snapshot,
        clock,
        logger: logger.with({ subscription: part.id }),
        metrics: metrics.subscription(part.id),
        retried: (code) => metrics.retried(code),
        backoff: new Backoff(retryPauses, random),
        tellsGrowth: this.#tellsGrowth,
        term: this.#term,
      },
      this.#pipeline,
    );
    const { replaced, moved } = await this.#publication.start(subscription);
    if (moved) logger.warn("subscription comes from another source and is loaded anew", { subscription: subscription.id, source: this.id });
    for (const table of moved ? [] : replaced) {
      const subject = printTable((subscription.tables[table] as TableMapping).source);
      const problem = "what is published of the table was altered: changes may be missing, and it is loaded again";
      logger.warn("table is loaded again", { subscription: subscription.id, code: "DB-PG-032", table: subject, problem });
    }
    lane.suspend((await control.lifecycle(subscription.id)).suspended?.reason ?? null);
    const { parked } = await control.lifecycle(part.id);
    const renew = entry.renew || moved || parked !== null;
    await this.#drop(subscription.id, entry.renew ? null : lane);
    this.#running.set(subscription.id, { subscription, lane, target, fingerprint: fingerprint(subscription) });
    this.#ended.delete(subscription.id);
    this.#pipeline.add(lane, { renew, moved, reload: new Set([...entry.reload, ...replaced]) }, parked !== null);
  }

  #target(subscription: Subscription): ChangeTarget {
    const configured = this.#configuration.targets.get(subscription.target);
    if (configured === undefined) throw new ReplicationError("DB-RUN-001", { subject: subscription.id });
    return openTarget(configured, subscription, this.#source.positions);
  }

  async #drop(id: string, successor: Lane | null = null): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    await this.#pipeline.remove(running.lane, successor);
    await running.target.close();
  }

  /** No longer in the configuration: its copies are refused from now on. */
  async #withdraw(id: string): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    await this.#pipeline.remove(running.lane);
    await running.target.terminate();
    await running.target.close();
  }

  /** What nobody tells us: terms that begin or end, tables taken out of the publication or altered. */
  async #keep(tables: boolean): Promise<void> {
    try {
      await this.#turns.run(() => this.#keepTerms());
      await this.#noteBegun();
      if (tables && this.#configuration.sources.get(this.id)?.connector === "debezium") await this.#turns.run(() => this.#takeUpUnknown());
      if (tables && this.#pipeline.streaming) await this.#turns.run(() => this.#keepTables());
    } catch (error) {
      const problem = asReplicationError(error, this.name);
      this.#parts.logger.warn("source could not be looked after", { source: this.name, code: problem.code, problem: problem.message });
    }
  }

  /** A topic that held no record told nothing of its table; once it does, the table starts. */
  async #takeUpUnknown(): Promise<void> {
    const stopped = [...this.#running.values()].flatMap(({ lane }) => lane.subscription.stopped);
    const unknown = stopped.filter(({ catalog }) => catalog === null).map(({ source }) => source);
    if (unknown.length > 0 && (await this.#snapshot.describe(unknown)).length > 0) await this.#refresh(this.#configuration);
  }

  async #noteBegun(): Promise<void> {
    for (const [id, { lane }] of this.#running) if (this.#pipeline.hasBegun(lane)) await this.#publication.begun(id);
  }

  /**
   * Changes of a table that is not published do not come, and values that ALTER TABLE writes anew never do; a change that does
   * come tells of an altered table sooner.
   */
  async #keepTables(): Promise<void> {
    const running = [...this.#running.values()];
    const subscriptions = running.map(({ subscription }) => subscription);
    const followed = subscriptions.flatMap(({ tables }) => tables);
    if (followed.length === 0) return;
    const lacking = await this.#publication.look(subscriptions);
    const reasons = new Map(lacking.map(({ table, error }) => [tableKey(table.table), error]));
    const sources = new Map(followed.map(({ source }) => [tableKey(source), source]));
    const described = await this.#catalog.describe([...sources.values()]);
    const catalog = new Map(described.map((found) => [tableKey(found.table), found]));
    for (const { lane } of running) {
      for (const [index, mapping] of lane.subscription.tables.entries()) {
        const now = catalog.get(tableKey(mapping.source)) ?? mapping.catalog;
        const altered = objectionTo({ ...mapping, catalog: now }, contractText(mapping)) ?? keyLost(mapping, now);
        const reason = reasons.get(tableKey(mapping.source)) ?? altered;
        if (reason !== null) await this.#pipeline.stopTable(lane, index, reason);
      }
    }
    for (const subscription of subscriptions) {
      if (this.#publication.replaced(subscription).size > 0) await this.#start(subscription, { renew: false, reload: new Set() });
    }
  }

  /** An agreement that ended ends the stream; one that begins starts it (D47 38.4). */
  async #keepTerms(): Promise<void> {
    for (const [id, { lane }] of this.#running) {
      if (this.#isInTerm(lane.subscription)) continue;
      this.#parts.logger.warn("agreement ended", { subscription: id });
      await this.#drop(id);
      this.#ended.add(id);
    }
    if ([...this.#ended].length === 0) return;
    const due = this.#wanted().filter(({ share, subscription }) => this.#ended.has(subscription.id) && this.#isInTerm(share));
    if (due.length === 0) return;
    for (const subscription of (await this.#resolve(due)).values()) await this.#ensure(subscription);
  }

  #isInTerm({ agreement }: Pick<Subscription, "agreement">): boolean {
    const now = this.#parts.clock.now() / 1000;
    return now >= agreement.from.getTime() && (agreement.to === null || now < agreement.to.getTime());
  }
}

function subscriptionIds({ subscriptions }: ShareConfiguration): string[] {
  return subscriptions.map(({ id }) => id);
}

/** Every second, or ten times in the shortest validity period. */
function heartbeatMs(wanted: readonly Wanted[]): number {
  const periods = wanted.map(({ share }) => share.regulation.validityPeriodSeconds * 100);
  return Math.max(50, Math.min(1_000, ...periods));
}

/** What a lane is made from, without what changes by itself. */
function fingerprint(subscription: Subscription): string {
  return JSON.stringify(subscription, (key, value: unknown) => (key === "estimatedRows" || key === "estimatedBytes" ? undefined : value));
}
