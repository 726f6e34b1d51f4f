// One subscription at work: takes its queue, applies it to its target, and comes back from every failure by itself.
import type { Micros } from "../model/change-message.ts";
import { ReplicationError } from "../model/replication-error.ts";
import type { Position } from "../model/position.ts";
import type { StopReason, Subscription } from "../model/share.ts";
import { printTable, type TableName } from "../model/table.ts";
import type { StoredCopy, TargetState } from "../ports/change-target.ts";
import type { Clock } from "../ports/clock.ts";
import type { LaneState } from "../ports/engine.ts";
import type { RowsAnswer, RowsRequest } from "../ports/snapshot-source.ts";
import { asReplicationError, retryKind } from "../fleet/retry-policy.ts";
import { Batch, type LaneProgress } from "./batch.ts";
import { commitOrAsk } from "./commit-in-doubt.ts";
import type { Drift } from "./drift.ts";
import type { LaneItem } from "./lane-item.ts";
import { LaneMarks, type Mark } from "./lane-marks.ts";
import type { LaneHost, LaneParts } from "./lane-parts.ts";
import type { LaneQueue } from "./lane-queue.ts";
import { refreshTypes } from "./refresh-types.ts";
import type { Follower } from "./retention.ts";

export class Lane {
  readonly subscription: Subscription;
  readonly queue: LaneQueue;
  readonly #parts: LaneParts;
  readonly #host: LaneHost<Lane>;
  #progress: LaneProgress | null = null;
  #standing: TargetState["stopped"];
  #sourceIdentity = "";
  /** The checkpoint's position as the target was left with it; null: it had none. */
  #stored: Position | null = null;
  #epoch: number | null = null;
  #batch: Batch | null = null;
  /** The queue's generation that the batch was taken from. */
  #batchGeneration = 0;
  #parked = false;
  /** Nothing that is queued may be applied: something before it is missing. */
  #stale = false;
  #suspension: string | null = null;
  /** What the target says of it; undefined: not known since it was prepared. */
  #suspensionStored: string | null | undefined;
  #wake: (() => void) | null = null;
  readonly #marks = new LaneMarks();
  #state: LaneState = "starting";
  /** Tables whose copy was not what the stream took it to be, by name, and when that was last noticed. */
  readonly #drifts = new Map<string, Micros>();
  #problem: { readonly error: ReplicationError; readonly since: Micros } | null = null;

  constructor(parts: LaneParts, host: LaneHost<Lane>) {
    this.#parts = parts;
    this.#host = host;
    this.subscription = parts.subscription;
    this.queue = parts.queue;
    this.#standing = parts.subscription.stopped.map((table) => ({ table, reason: table.reason }));
  }

  /** What is durable; null before the target was reached for the first time. */
  get progress(): LaneProgress | null {
    return this.#progress;
  }

  /** Tables that stand still, and why. */
  get stopped(): readonly (StopReason & { readonly target: TableName })[] {
    const { tables } = this.subscription;
    const followed = [...(this.#progress?.stopped ?? [])].map(([table, reason]) => ({ table: tables[table], reason }));
    return [...followed, ...this.#standing].flatMap(({ table, reason }) =>
      table === undefined ? [] : [{ target: table.target, ...reason }],
    );
  }

  /** By table as readers name it: when it was last noticed that the copy was not what the stream took it to be. */
  get drifts(): ReadonlyMap<string, Micros> {
    return this.#drifts;
  }

  get state(): LaneState {
    if (this.#parked) return "parked";
    if (this.#state === "streaming" && (this.#progress?.loads.size ?? 0) > 0) return "loading";
    return this.#state;
  }

  get problem(): { readonly error: ReplicationError; readonly since: Micros } | null {
    return this.#problem;
  }

  /** Its queue is being emptied; otherwise what is queued must be able to wait on disk. */
  get live(): boolean {
    return this.#state === "streaming";
  }

  /** How far it is, and whether it is at work: what decides if the source goes on waiting for it. */
  get following(): Follower {
    const { drained, spilledBytes } = this.queue;
    return { position: this.#progress?.position ?? null, state: this.state, failing: this.#problem !== null, drained, spilledBytes };
  }

  /** Whether rows of a load of this table, by index, may stay in their source's native form. */
  takesNativeForm(table: number): boolean {
    const { target, subscription } = this.#parts;
    const mapping = subscription.tables[table];
    return mapping !== undefined && target.takesNativeForm?.(mapping) === true;
  }

  /** Works until the signal aborts, or until a failure that trying again cannot mend (thrown). */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#parked && this.#suspension !== null) await this.#pause(signal);
        else await this.#work(signal);
      } catch (error) {
        await this.#recover(asReplicationError(error, this.subscription.id), signal);
      }
    }
    await this.#abandonBatch();
  }

  /** Detached from the source: come back, starting anew, when the target can be reached and supply is not suspended. */
  park(): void {
    this.#parked = true;
    this.readmit();
    this.#wake?.();
  }

  /** Its place in the source's log is in doubt: it asks for it anew, and may be refused. */
  readmit(): void {
    this.#progress = null;
    this.reset();
  }

  /** The stream will be read again from what is durable: forget what is queued. */
  reset(): void {
    this.#stale = false;
    this.queue.clear();
    this.#marks.lost();
  }

  /** What is queued does not follow what is durable: the stream must be opened again, from there. */
  #readAgain(): void {
    this.awaitReopening();
    this.#host.reopen();
  }

  /** The stream does not bring what comes next for this subscription: nothing is applied until it was opened again. */
  awaitReopening(): void {
    this.#stale = true;
  }

  /** Stops or resumes supply. Validity goes on counting: suspension does not stop the clock (D47 41.2b with 43). */
  suspend(reason: string | null): void {
    // Told again and again, whatever it is: only news may end the pause after a failure.
    if (reason === this.#suspension) return;
    this.#suspension = reason;
    this.queue.hurry();
    this.#wake?.();
  }

  /** Tells the metrics what waits between capture and apply. */
  reportQueue(): void {
    this.#parts.metrics.queued(this.queue.bytes, this.queue.spilledBytes);
  }

  push(item: LaneItem): void {
    this.queue.push(item);
  }

  /** Marks the end of what was pushed so far. Between two source transactions only. */
  mark(): Mark {
    const { id, mark } = this.#marks.give();
    this.push({ tag: "mark", id });
    return mark;
  }

  async #start(signal: AbortSignal): Promise<void> {
    this.#setState("starting");
    const { target, subscription, logger } = this.#parts;
    await target.prepare(subscription, this.#host.objection(this), this.#parts.term);
    // Taken out meanwhile: the epoch may be somebody else's by now, and must not be taken from them.
    if (signal.aborted) return;
    // What was read before the epoch was taken may be overtaken by a commit of whoever had it.
    const stored = await target.takeEpoch(this.#parts.term);
    this.#epoch = stored.checkpoint.epoch;
    this.#stored = stored.checkpoint.position;
    this.#suspensionStored = stored.suspension;
    this.#standing = stored.stopped;
    const admission = await this.#host.admit(this, stored);
    this.#sourceIdentity = admission.sourceIdentity;
    this.#parked = false;
    const copies = admission.fresh ? [] : stored.copies;
    this.#progress = {
      position: admission.position,
      sourceTime: admission.sourceTime,
      loads: new Map([...indexed(subscription, copies, (copy) => (copy.stopped === null ? copy.load : null)), ...admission.startedOver]),
      stopped: indexed(subscription, copies, (copy) => copy.stopped),
      startedOver: new Set(admission.startedOver.keys()),
    };
    logger.info("subscription attached", { position: admission.position, fresh: admission.fresh, epoch: this.#epoch });
    this.#host.attached(this, this.#progress);
  }

  async #work(signal: AbortSignal): Promise<void> {
    if (this.#progress === null) await this.#start(signal);
    this.#setState("streaming");
    while (!signal.aborted && this.#progress !== null) {
      if (this.#stale) await this.#parts.clock.sleep(20, signal);
      else await this.#step(signal);
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    if (this.#suspension !== this.#suspensionStored && this.#batch === null) await this.#storeSuspension();
    if (this.#suspension !== null && this.#batch === null) await this.#pause(signal);
    else await this.#applyPiece(signal);
  }

  /** take → net effect → write → checkpoint → commit: the apply stage. */
  async #applyPiece(signal: AbortSignal): Promise<void> {
    await this.#linger(signal);
    const { items, generation } = await this.queue.take(this.#host.pieceBytesMax, signal);
    if (this.#batchGeneration !== this.queue.generation) await this.#abandonBatch();
    const letGo = this.#progress === null;
    if (items.length === 0 || letGo || generation !== this.queue.generation) return;
    this.#batch ??= await this.#beginBatch(signal);
    this.#batchGeneration = generation;
    await this.#batch.add(items);
    // The stream is being read again from what is durable: this batch comes again, whole.
    if (generation !== this.queue.generation) return this.#abandonBatch();
    if (this.#batch.committable) await this.#commit(this.#batch);
    else if (this.#batch.holding) this.#host.beat();
  }

  async #linger(signal: AbortSignal): Promise<void> {
    const { lingerMs, pieceBytesMax } = this.#host;
    if (lingerMs === 0) return;
    const over = new AbortController();
    const end = (): void => {
      over.abort();
    };
    // AbortSignal.any would leave something behind in the signal each time.
    signal.addEventListener("abort", end);
    await Promise.race([this.queue.fills(pieceBytesMax, over.signal), this.#parts.clock.sleep(lingerMs, over.signal)]);
    signal.removeEventListener("abort", end);
    end();
  }

  async #beginBatch(signal: AbortSignal): Promise<Batch> {
    const { target, subscription, positions } = this.#parts;
    const readRows = (request: RowsRequest): Promise<RowsAnswer> => this.#host.readRows(request, signal);
    const { carriesRows } = this.#host;
    const context = { subscription, positions, readRows, sourceIdentity: this.#sourceIdentity, carriesRows };
    return new Batch(context, this.#durable(), await target.begin(this.#epoch ?? 0));
  }

  async #commit(batch: Batch): Promise<void> {
    const checkpoint = batch.checkpoint();
    const { subscription, target, positions } = this.#parts;
    const left = { subject: subscription.id, epoch: this.#epoch ?? 0, position: this.#stored };
    const outcome = await commitOrAsk(batch.transaction, checkpoint, { target, positions, left });
    this.#stored = checkpoint.position;
    this.#batch = null;
    // Let go meanwhile: what is durable by now is read from the target when the subscription comes back.
    if (this.#progress === null) return;
    if (outcome !== null) batch.noteStops(outcome.stops);
    this.#progress = batch.progress();
    this.queue.release();
    this.#marks.durable(batch.marks);
    this.#recovered();
    if (batch.rowsLoaded > 0) this.#parts.metrics.loaded(batch.rowsLoaded);
    if (checkpoint.transactions > 0) {
      const { transactions, sourceTime: committedAt } = checkpoint;
      this.#parts.metrics.applied({
        transactions,
        rowsWritten: batch.transaction.rowsWritten,
        rowsDeleted: batch.transaction.rowsDeleted,
        committedAt,
      });
    }
    this.#host.applied(this, this.#progress, batch.begun);
    // The stream was opened again meanwhile, as if these loads had not begun.
    if (batch.begun.size > 0 && this.#batchGeneration !== this.queue.generation) this.#readAgain();
    if (outcome === null) return;
    if (outcome.grownBy !== undefined && this.#parts.tellsGrowth === true) this.#noteDrifts(batch.drifts(outcome.grownBy));
    this.#parts.metrics.quarantined(outcome.quarantined);
    if (outcome.expired.length > 0) this.#host.expired(this, outcome.expired);
  }

  #noteDrifts(drifts: readonly Drift[]): void {
    const { metrics, logger, clock } = this.#parts;
    for (const { table, rows } of drifts) {
      metrics.drifted(rows);
      this.#drifts.set(printTable(table.target), clock.now());
      logger.warn("copy was not what the stream took it to be", { table: printTable(table.target), rows });
    }
  }

  async #storeSuspension(): Promise<void> {
    const reason = this.#suspension;
    const isNews = this.#suspensionStored !== undefined || reason !== null;
    await this.#parts.target.setSuspension(this.#epoch ?? 0, reason);
    this.#suspensionStored = reason;
    if (isNews) this.#parts.logger.info(reason === null ? "supply resumed" : "supply suspended", { reason });
  }

  async #pause(signal: AbortSignal): Promise<void> {
    // Taken out while its target was told of the suspension: nobody would wake it any more, and whoever takes it out waits for its end.
    if (signal.aborted) return;
    this.#setState("suspended");
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake);
    });
    this.#wake = null;
    this.#setState("streaming");
  }

  async #recover(error: ReplicationError, signal: AbortSignal): Promise<void> {
    await this.#abandonBatch();
    // Taken out while it worked: what failed then was meant to.
    if (signal.aborted) return;
    const { backoff, logger, clock } = this.#parts;
    if (retryKind(error.code) === "never") {
      logger.error("subscription stops", { code: error.code, problem: error.message });
      this.#setState("stopped", error);
      throw error;
    }
    if (error.code === "DB-TGT-015") await refreshTypes(this.#parts);
    // What is remembered of the target is not true: it is asked anew.
    if (error.code === "DB-RUN-012") {
      this.#progress = null;
      this.#host.setBack(this);
    }
    if (!this.queue.rewind()) this.#readAgain();
    this.#setState("retrying", error);
    this.#parts.retried(error.code);
    const pauseMs = backoff.next();
    logger.warn("subscription retries", {
      code: error.code,
      problem: error.message,
      failures: backoff.failures,
      pauseMs: Math.round(pauseMs),
    });
    await this.#sleep(clock, pauseMs, signal);
  }

  async #sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const cut = new AbortController();
    this.#wake = () => {
      cut.abort();
    };
    await clock.sleep(ms, AbortSignal.any([signal, cut.signal]));
    this.#wake = null;
  }

  async #abandonBatch(): Promise<void> {
    const batch = this.#batch;
    this.#batch = null;
    // The connection may be the very thing that failed: then there is nothing left to roll back.
    await batch?.transaction.rollback().catch(() => {});
  }

  #durable(): LaneProgress {
    if (this.#progress === null) throw new ReplicationError("DB-RUN-001", { subject: this.subscription.id });
    return this.#progress;
  }

  #recovered(): void {
    this.#parts.backoff.succeeded();
    this.#problem = null;
  }

  #setState(state: LaneState, error?: ReplicationError): void {
    this.#state = state;
    this.#parts.metrics.state(this.state);
    if (error !== undefined) {
      const since = this.#problem?.error.code === error.code ? this.#problem.since : this.#parts.clock.now();
      this.#problem = { error, since };
    }
  }
}

/** Values of stored copies by the index of their table. */
function indexed<V>(subscription: Subscription, copies: readonly StoredCopy[], value: (copy: StoredCopy) => V | null): Map<number, V> {
  const result = new Map<number, V>();
  for (const copy of copies) {
    const found = value(copy);
    if (found !== null) result.set(subscription.tables.indexOf(copy.table), found);
  }
  return result;
}
