// One source at work: capture → decode → map → apply → checkpoint → acknowledge, for all its subscriptions at once.
import type { Micros } from "../model/change-message.ts";
import type { Position } from "../model/position.ts";
import type { ReplicationError } from "../model/replication-error.ts";
import type { Key } from "../model/row.ts";
import type { StopReason, TableMapping } from "../model/share.ts";
import type { ChangeStream, EndOfLog } from "../ports/change-source.ts";
import type { Objection, TargetState } from "../ports/change-target.ts";
import type { RowsAnswer, RowsRequest } from "../ports/snapshot-source.ts";
import { failpoint } from "../concurrency/failpoint.ts";
import { asReplicationError, retryKind } from "../fleet/retry-policy.ts";
import { LoadCoordinator } from "../snapshot/load-coordinator.ts";
import { Acknowledger } from "./acknowledger.ts";
import { Attachments } from "./attachments.ts";
import type { LaneProgress } from "./batch.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { Lane } from "./lane.ts";
import type { LaneAdmission, LaneHost } from "./lane-parts.ts";
import type { Entry } from "./owed-loads.ts";
import type { Mark } from "./lane-marks.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { reasonToPark } from "./retention.ts";
import { Router } from "./router.ts";
import type { SourceParts } from "./source-parts.ts";

/** How long the stream waits, when it first opens, for subscriptions whose targets answer late. */
const gatherMsMax = 2_000;
/** How often the source is asked what it retains for us: while it streams, and while it does not. */
const watchMs = 2_000;
/** Heartbeats under way when the stream is at the end of the log. */
const currentBeatsMax = 3;
const idleWatchMs = 10_000;
/** A stream that answers within this is not behind; one that does not gathers more for each transaction, for so long at most. */
const promptMs = 50;
const lingerMsMax = 400;
/** Failures that mean: what the source keeps for us is not what it was. */
const losesPlaces: ReadonlySet<string> = new Set(["DB-SLOT-001", "DB-SLOT-002", "DB-SLOT-004", "DB-SLOT-005"]);

export class SourcePipeline implements LaneHost<Lane> {
  readonly #parts: SourceParts;
  readonly #acknowledger: Acknowledger<Lane>;
  readonly #attachments: Attachments;
  readonly #heartbeat: Heartbeat;
  readonly #router: Router;
  readonly #budget: MemoryBudget;
  readonly #loads: LoadCoordinator;
  readonly #running = new Map<Lane, { readonly stop: AbortController; readonly done: Promise<void> }>();
  #stream: ChangeStream | null = null;
  /** Somebody needs what the stream that is open, or about to be, does not bring. */
  #reopening = false;
  /** Where to open the stream although nobody needs it, so that the source may forget what it keeps. */
  #abandonFrom: Position | null = null;
  #confirmedAt: Micros = 0;
  /** How often the source has confirmed something. */
  #confirmations = 0;
  #wake: (() => void) | null = null;
  #problem: { readonly error: ReplicationError; readonly since: Micros } | null = null;

  constructor(parts: SourceParts) {
    this.#parts = parts;
    const { source, snapshot, clock, logger, limits } = parts;
    this.#acknowledger = new Acknowledger(source.positions);
    this.#heartbeat = new Heartbeat(source, clock);
    this.#budget = new MemoryBudget(clock);
    this.#loads = new LoadCoordinator({
      snapshot,
      clock,
      logger,
      parallel: limits.parallelChunks,
      atBoundary: (action) => this.#router.atBoundary(action),
      gathered: () => this.#attachments.gathered,
      router: parts.snapshotRouter,
      verifyServer: () => this.#attachments.verifyServer(),
    });
    this.#router = new Router(parts.mapper, this.#loads);
    this.#attachments = new Attachments(parts, {
      router: this.#router,
      loads: this.#loads,
      acknowledger: this.#acknowledger,
      reopen: () => {
        this.reopen();
      },
      streaming: () => this.#stream !== null,
      forgetLog: () => {
        this.#forgetLog();
      },
    });
  }

  get lanes(): Lane[] {
    return this.#attachments.lanes;
  }

  get pieceBytesMax(): number {
    return this.#budget.pieceBytesMax(this.lanes.length);
  }

  get carriesRows(): boolean {
    return this.#parts.source.carriesRows;
  }

  get lingerMs(): number {
    return Math.min(lingerMsMax, Math.max(0, this.#heartbeat.overdueMs - promptMs) / 4);
  }

  get streaming(): boolean {
    return this.#stream !== null;
  }

  get problem(): { readonly error: ReplicationError; readonly since: Micros } | null {
    return this.#problem;
  }

  /** What keeps a subscription from going on: its target, or the source's answer to its loads. */
  problemOf(lane: Lane): { readonly error: ReplicationError; readonly since: Micros } | null {
    return lane.problem ?? this.#loads.problem(lane);
  }

  /** The subscription is in the stream, and every load that it owed has durably begun. */
  hasBegun(lane: Lane): boolean {
    return lane.progress !== null && !this.#attachments.owes(lane);
  }

  /** Where the source's log ends now. */
  async endOfLog(): Promise<Position> {
    return (await this.#parts.source.endOfLog()).position;
  }

  /** The subscription has applied everything up to there and no load is left. */
  hasReached(lane: Lane, position: Position): boolean {
    const durable = lane.progress?.position;
    return durable !== undefined && this.#parts.source.positions.covers(durable, position) && this.#attachments.isLoaded(lane);
  }

  /** Streams until the signal aborts; comes back by itself from whatever may pass. */
  async run(signal: AbortSignal): Promise<void> {
    const beating = this.#beatUntil(signal);
    while (!signal.aborted) {
      try {
        await this.#gather(signal);
        await this.#follow(signal);
      } catch (error) {
        await this.#recover(asReplicationError(error, this.#parts.name), signal);
      }
    }
    await beating;
    this.#loads.reset();
    for (const { stop } of this.#running.values()) stop.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  /** The data's way, in one page: every stage between the source's log and what the source may forget. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { source, metrics } = this.#parts;
    const from = this.#rewind();
    if (from === null) return;
    const stream = await source.open(from, signal, this.#acknowledger.known());
    this.#stream = stream;
    // The stream before may have broken before it could tell; an idle source would keep its log for ever.
    const { acknowledged } = this.#acknowledger;
    if (acknowledged !== null) stream.acknowledge(acknowledged);
    metrics.connected(true);
    this.beat();
    try {
      if (this.#reopening) return;
      // The source captures and decodes, the router maps, each lane applies and checkpoints, applied() acknowledges.
      for await (const messages of stream) {
        this.#recovered();
        for (const message of messages) this.#router.route(message);
        metrics.received(messages.length);
        this.#confirm();
        if (this.#router.atRest) this.#attachments.advance();
        await this.#budget.room(this.lanes, signal);
        if (signal.aborted) break;
      }
    } finally {
      this.#stream = null;
      metrics.connected(false);
      this.#router.interrupt();
      await stream.close();
    }
  }

  /** Durable at one target: perhaps the source may forget more. */
  applied(lane: Lane, progress: LaneProgress, begun: ReadonlySet<number>): void {
    this.#acknowledger.applied(lane, progress.position);
    this.#attachments.begun(lane, progress, begun);
    if (this.#stream === null) return;
    const forget = this.#acknowledger.next();
    if (forget === null) return;
    failpoint("before-acknowledge");
    this.#stream.acknowledge(forget);
    failpoint("after-acknowledge");
  }

  // ---- subscriptions come and go

  /** Takes a subscription in; its lane starts at once. `parked`: it was let go earlier and now comes back. */
  add(lane: Lane, entry: Entry, parked: boolean): void {
    this.#attachments.add(lane, entry, parked);
    const stop = new AbortController();
    const done = lane.run(stop.signal).catch(() => {
      this.#attachments.overtaken(lane);
    });
    this.#running.set(lane, { stop, done });
  }

  /** Ends a subscription's lane; the source no longer waits for it, but for its successor if that will go on where it was. */
  async remove(lane: Lane, successor: Lane | null = null): Promise<void> {
    const running = this.#running.get(lane);
    this.#attachments.remove(lane, successor);
    this.#running.delete(lane);
    running?.stop.abort();
    lane.queue.hurry();
    await running?.done;
    // It may have been about to enter the stream.
    this.#attachments.detach(lane);
    lane.reset();
  }

  /**
   * Makes these rows what they are at the source now: rows in quarantine get another attempt, rows that differ are repaired. Gives
   * what tells when that is durable; null: nothing was asked for, or the stream has no place yet.
   */
  async refetch(lane: Lane, rows: readonly { readonly table: number; readonly key: Key }[]): Promise<Mark | null> {
    const marks: Mark[] = [];
    await this.#router.atBoundary(() => {
      const { reached } = this.#router;
      if (reached === null || rows.length === 0) return;
      for (const { table, key } of rows) lane.push({ tag: "change", table, change: { tag: "refetch", key, oldKey: null } });
      lane.push({ tag: "progress", position: reached, at: this.#confirmedAt });
      marks.push(lane.mark());
    });
    return marks[0] ?? null;
  }

  /** The stream can no longer be trusted to bring all that happens to the source of this copy: it stops. */
  async stopTable(lane: Lane, table: number, { code, message }: StopReason): Promise<void> {
    await this.#router.atBoundary(() => {
      const { reached } = this.#router;
      if (reached === null || !this.lanes.includes(lane) || lane.progress?.stopped.has(table) !== false) return;
      lane.push({ tag: "change", table, change: { tag: "mismatch", code, message } });
      lane.push({ tag: "progress", position: reached, at: this.#confirmedAt });
    });
  }

  isParked(lane: Lane): boolean {
    return this.#attachments.isParked(lane);
  }

  objection(lane: Lane): Objection {
    return this.#attachments.objection(lane);
  }

  async admit(lane: Lane, stored: TargetState): Promise<LaneAdmission> {
    try {
      return await this.#attachments.admit(lane, stored, () => this.#sourceTime());
    } finally {
      this.#wake?.();
      this.beat();
    }
  }

  attached(lane: Lane, progress: LaneProgress): void {
    this.#attachments.attached(lane, progress);
  }

  setBack(lane: Lane): void {
    this.#attachments.setBack(lane);
  }

  reopen(): void {
    this.#reopening = true;
    this.#stream?.close().catch(() => {});
  }

  /** Somebody waits for the copies: the source is asked how far its log has come, if it is being followed. */
  hurry(): void {
    if (this.#stream !== null) this.beat();
  }

  beat(): void {
    this.#ask().catch(() => {});
  }

  readRows(request: RowsRequest, signal: AbortSignal): Promise<RowsAnswer> {
    return this.#loads.readRows(request, signal);
  }

  expired(lane: Lane, tables: readonly TableMapping[]): void {
    const indexes = tables.map((table) => lane.subscription.tables.indexOf(table));
    this.#attachments.reload(lane, indexes, this.#confirmations).catch((error: unknown) => {
      const problem = asReplicationError(error, lane.subscription.id).message;
      this.#parts.logger.warn("re-sync could not start", { subscription: lane.subscription.id, problem });
    });
  }

  // ---- the stream's own life

  /** Waits for somebody to stream for, a little longer for those who answer late. */
  async #gather(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const deadline = clock.monotonicMs() + gatherMsMax;
    const gathering = (): boolean => !this.#attachments.settled && clock.monotonicMs() < deadline;
    const abandoned = (): boolean => this.#abandonFrom !== null && this.#acknowledger.idle;
    while (!signal.aborted && (gathering() || (this.#acknowledger.known().length === 0 && !abandoned()))) {
      const cut = new AbortController();
      this.#wake = () => {
        cut.abort();
      };
      await clock.sleep(200, AbortSignal.any([signal, cut.signal]));
    }
    this.#wake = null;
  }

  /**
   * Everybody starts again from what is durable. Gives the position from which all of them are served, null when nobody is
   * attached. In one go, so that nobody enters between the choice of the position and its becoming the stream's place.
   */
  #rewind(): Position | null {
    // What waited for a boundary takes place when the router starts again, and may let somebody in who needs more.
    for (;;) {
      const from = this.#startingPoint();
      if (from === null) return null;
      this.#reopening = false;
      this.#router.restart(from);
      if (this.#reopening) continue;
      this.#attachments.rewind();
      return from;
    }
  }

  #startingPoint(): Position | null {
    const known = this.#acknowledger.known();
    if (known.length > 0) return this.#parts.source.positions.least(known);
    return this.#acknowledger.idle ? this.#abandonFrom : null;
  }

  /** What the source has confirmed reaches every subscription in its place between two transactions. */
  #confirm(): void {
    const reached = this.#router.reached;
    const at = reached === null ? null : this.#heartbeat.confirmed(reached);
    if (reached === null || at === null) return;
    this.#confirmedAt = Math.max(this.#confirmedAt, at);
    this.#confirmations += 1;
    for (const lane of this.lanes) {
      if (lane.progress !== null && this.#acknowledger.isAttached(lane)) lane.push({ tag: "progress", position: reached, at });
    }
  }

  /** A source time that is certainly not later than the position at which a subscription enters. */
  async #sourceTime(): Promise<Micros> {
    if (this.#confirmedAt === 0) this.#confirmedAt = (await this.#parts.source.endOfLog()).at;
    return this.#confirmedAt;
  }

  async #beatUntil(signal: AbortSignal): Promise<void> {
    const { clock, limits, logger, name } = this.#parts;
    let watchedAt = 0;
    while (!signal.aborted) {
      await clock.sleep(limits.heartbeatMs, signal);
      if (signal.aborted) return;
      try {
        const end = this.#stream === null ? null : (await this.#ask()).position;
        if (clock.monotonicMs() - watchedAt < (end === null ? idleWatchMs : watchMs)) continue;
        watchedAt = clock.monotonicMs();
        await this.#watch(end ?? (await this.endOfLog()));
      } catch (error) {
        // Without a stream, the failure to open one says it all.
        if (this.#stream === null) continue;
        logger.warn("heartbeat failed", { problem: asReplicationError(error, name).message });
      }
    }
  }

  async #ask(): Promise<EndOfLog> {
    const end = await this.#heartbeat.ask();
    this.#loads.settle(end.visibility);
    this.#stream?.requestProgress();
    return end;
  }

  async #watch(end: Position): Promise<void> {
    const { source, metrics, limits } = this.#parts;
    const reservation = await source.reservation();
    metrics.retained(reservation?.retainedBytes ?? 0, reservation?.keptSince ?? null);
    for (const lane of this.lanes) lane.reportQueue();
    if (reservation === null) return;
    const { position: from, retainedBytes: bytes } = reservation;
    if (bytes > limits.walRetainedMaxBytes) this.#abandon(from);
    const streamIsCurrent = this.#stream !== null && this.#heartbeat.unanswered <= currentBeatsMax;
    const kept = { from, end, bytes, streamIsCurrent };
    for (const lane of this.lanes) {
      // One that stopped is another engine's by now.
      if (!this.#acknowledger.isAttached(lane) || lane.state === "stopped") continue;
      const why = reasonToPark(lane.following, kept, limits, source.positions);
      if (why !== null) await this.#attachments.park(lane, why);
    }
  }

  /** Nobody who could be let go is left, and still the source keeps too much: then all of it is let go. */
  #abandon(from: Position): void {
    this.#abandonFrom = from;
    const forget = this.#stream === null ? null : this.#acknowledger.abandoned(this.#router.reached);
    if (forget !== null) this.#stream?.acknowledge(forget);
  }

  #recovered(): void {
    this.#problem = null;
    this.#parts.backoff.succeeded();
  }

  #losePlaces(): void {
    this.#attachments.readmit();
    this.#forgetLog();
  }

  #forgetLog(): void {
    this.#acknowledger.forget();
    this.#heartbeat.forget();
    this.#loads.forgetLog();
    this.#router.forget();
  }

  async #recover(error: ReplicationError, signal: AbortSignal): Promise<void> {
    const { backoff, clock, logger, metrics } = this.#parts;
    const since = this.#problem?.error.code === error.code ? this.#problem.since : clock.now();
    this.#problem = { error, since };
    this.#attachments.forgetReservation();
    this.#abandonFrom = null;
    if (losesPlaces.has(error.code)) this.#losePlaces();
    metrics.reconnected();
    const pauseMs = Math.round(backoff.next());
    logger.warn("source retries", { code: error.code, kind: retryKind(error), problem: error.message, pauseMs });
    await clock.sleep(pauseMs, signal);
  }
}
