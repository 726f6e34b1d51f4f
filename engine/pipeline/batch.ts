// One target transaction in the making: takes queue items in order, writes their net effect, knows when it may commit.
import type { Micros } from "../model/change-message.ts";
import type { Position, PositionOrder } from "../model/position.ts";
import { ReplicationError } from "../model/replication-error.ts";
import { type Key, keyText, type Row } from "../model/row.ts";
import { keyPlaces, type StopReason, type Subscription, type TableMapping } from "../model/share.ts";
import type { CheckpointWrite, LoadProgress, TableChange, TargetTransaction } from "../ports/change-target.ts";
import type { RowsAnswer, RowsRequest } from "../ports/snapshot-source.ts";
import { advanceLoad, loadComplete } from "../snapshot/load-progress.ts";
import { type Drift, DriftAccount } from "./drift.ts";
import type { LaneItem } from "./lane-item.ts";
import type { WaitingItem } from "./lane-queue.ts";
import { type CollapsedChange, NetEffect } from "./net-effect.ts";
import type { PackedChanges } from "./packed-change.ts";

/** What a subscription knows to be durable in its target; a batch starts from it and, once committed, replaces it. */
export interface LaneProgress {
  readonly position: Position;
  readonly sourceTime: Micros;
  /** Tables being loaded, by index, and how far. */
  readonly loads: ReadonlyMap<number, LoadProgress>;
  /** Tables that are stopped, by index, and why. */
  readonly stopped: ReadonlyMap<number, StopReason>;
  /** Loads that have not read anything, of which the target still says that they have. */
  readonly startedOver?: ReadonlySet<number>;
}

/** What the batch needs from around it. */
export interface BatchContext {
  readonly subscription: Subscription;
  readonly positions: PositionOrder;
  /** Rows as they are at the source now; the read has seen all that the stream has brought. */
  readonly readRows: (request: RowsRequest) => Promise<RowsAnswer>;
  readonly sourceIdentity: string;
  /** Rows come by the log alone, see ChangeSource: there is nobody to ask for what a change left unchanged. */
  readonly carriesRows?: boolean;
}

export class Batch {
  readonly transaction: TargetTransaction;
  readonly #context: BatchContext;
  readonly #start: LaneProgress;
  readonly #effects = new Map<number, NetEffect>();
  readonly #loads: Map<number, LoadProgress>;
  readonly #touchedLoads = new Set<number>();
  readonly #stopped: Map<number, StopReason>;
  readonly #newStops = new Set<number>();
  readonly #repaired = new Set<number>();
  readonly #drift = new DriftAccount();
  #position: Position;
  #sourceTime: Micros;
  #firstPosition: Position | null = null;
  #firstCommittedAt: Micros | null = null;
  #transactions = 0;
  #insideTransaction = false;
  #skipping = false;
  /** Rows read from the source are as of here: committing earlier would show readers a mixture of two instants. */
  #hold: Position | null = null;
  /** Loads that began in this batch. */
  readonly begun = new Set<number>();
  /** Marks that were passed in this batch. */
  readonly marks: number[] = [];
  rowsLoaded = 0;

  constructor(context: BatchContext, start: LaneProgress, transaction: TargetTransaction) {
    this.#context = context;
    this.#start = start;
    this.transaction = transaction;
    this.#loads = new Map(start.loads);
    this.#stopped = new Map(start.stopped);
    this.#position = start.position;
    this.#sourceTime = start.sourceTime;
    // In the target with the first commit, before its position passes what such a table is not told.
    for (const table of start.startedOver ?? []) {
      this.#loads.set(table, { ...(this.#loads.get(table) as LoadProgress), sweepBefore: transaction.batchId });
      this.#touchedLoads.add(table);
    }
  }

  /** Takes a piece of the queue and writes its net effect. Nothing becomes visible before the commit. */
  async add(items: readonly WaitingItem[]): Promise<void> {
    for (const item of items) {
      if (item.tag === "packed") this.#packed(item);
      else if (item.tag === "chunk") await this.#chunk(item);
      else if (item.tag === "load") await this.#beginLoad(item);
      else this.#streamItem(item);
    }
    await this.#flush();
  }

  /** At a source commit, and past every position at which rows were read from the source. */
  get committable(): boolean {
    return (
      !this.#insideTransaction && !this.#skipping && (this.#hold === null || this.#context.positions.covers(this.#position, this.#hold))
    );
  }

  /** The batch waits for the stream to reach a position; ask the source to confirm it soon. */
  get holding(): boolean {
    return this.#hold !== null && !this.committable;
  }

  get transactions(): number {
    return this.#transactions;
  }

  /** What to write beside the data. */
  checkpoint(): CheckpointWrite {
    const tables = this.#context.subscription.tables;
    const loads = [...this.#loads]
      .filter(([table, progress]) => this.#touchedLoads.has(table) || this.#isComplete(progress))
      .map(([table, progress]) => ({ table: tables[table] as TableMapping, progress, complete: this.#isComplete(progress) }));
    const advances = (index: number): boolean => {
      const load = this.#loads.get(index);
      return !this.#stopped.has(index) && (load === undefined || this.#isComplete(load));
    };
    return {
      position: this.#position,
      sourceIdentity: this.#context.sourceIdentity,
      sourceTime: this.#sourceTime,
      firstPosition: this.#firstPosition,
      transactions: this.#transactions,
      firstCommittedAt: this.#firstCommittedAt,
      agreementId: this.#context.subscription.agreement.id,
      advancing: tables.filter((_, index) => advances(index)),
      loads,
      stops: [...this.#newStops].map((table) => ({
        table: tables[table] as TableMapping,
        ...(this.#stopped.get(table) as StopReason),
      })),
      repaired: [...this.#repaired].map((table) => tables[table] as TableMapping),
    };
  }

  /** What is durable once the commit succeeded. */
  progress(): LaneProgress {
    const loads = new Map([...this.#loads].filter(([table, progress]) => !this.#stopped.has(table) && !this.#isComplete(progress)));
    return { position: this.#position, sourceTime: this.#sourceTime, loads, stopped: this.#stopped };
  }

  /** What the stream and the copy did not agree about, once it is committed. Of tables that were loading nothing is known. */
  drifts(grownBy: (table: TableMapping) => number | null): Drift[] {
    for (const table of this.#loads.keys()) this.#drift.spoil(table);
    return this.#drift.drifts(this.#context.subscription.tables, grownBy);
  }

  /**
   * Not before it is known of when the rows are that were read: a copy would be valid from an instant that nobody has confirmed (VL-07).
   */
  #isComplete(progress: LoadProgress): boolean {
    const dated = this.#sourceTime > 0 || progress.ranges.length === 0;
    return dated && loadComplete(progress, this.#position, this.#context.positions);
  }

  #streamItem(item: Exclude<LaneItem, { tag: "chunk" | "load" }>): void {
    switch (item.tag) {
      case "begin":
        // After the stream was opened again it repeats what this subscription already has.
        this.#skipping = this.#context.positions.covers(this.#start.position, item.position);
        this.#insideTransaction = !this.#skipping;
        if (!this.#skipping) this.#firstPosition ??= item.position;
        break;
      case "change":
        if (!this.#skipping) this.#change(item.table, item.change);
        break;
      case "commit":
        if (!this.#skipping) {
          this.#insideTransaction = false;
          this.#transactions += 1;
          this.#firstCommittedAt ??= item.committedAt;
          this.#reach(item.position, item.completeAt);
        }
        this.#skipping = false;
        break;
      case "progress":
        this.#reach(item.position, item.at);
        break;
      case "mark":
        this.marks.push(item.id);
        break;
    }
  }

  /** The stream may be read again for others, and is further in some branches of the log than this subscription then, not in all. */
  #reach(position: Position, at: Micros): void {
    this.#position = this.#context.positions.join(this.#position, position);
    this.#sourceTime = Math.max(this.#sourceTime, at);
  }

  #packed({ table, bytes, growth }: PackedChanges): void {
    if (this.#skipping || this.#stopped.has(table)) return;
    this.#drift.add(table, growth);
    // Rows outside of the source's transactions are read there, by order.
    if (!this.#insideTransaction) {
      this.#repaired.add(table);
      this.#drift.spoil(table);
    }
    this.#effect(table).addPacked(bytes);
  }

  #change(table: number, change: Extract<LaneItem, { tag: "change" }>["change"]): void {
    if (this.#stopped.has(table)) return;
    if (change.tag === "mismatch") {
      this.#stop(table, { code: change.code, message: change.message });
      return;
    }
    if (change.tag === "truncate") this.#drift.spoil(table);
    else this.#drift.add(table, change.growth ?? Number.NaN);
    this.#effect(table).add(change);
  }

  #stop(table: number, reason: StopReason): void {
    this.#drift.spoil(table);
    this.#stopped.set(table, reason);
    this.#newStops.add(table);
    this.#effects.delete(table);
  }

  #effect(table: number): NetEffect {
    let effect = this.#effects.get(table);
    if (effect === undefined) {
      effect = new NetEffect(this.#mapping(table));
      this.#effects.set(table, effect);
    }
    return effect;
  }

  async #beginLoad(item: Extract<LaneItem, { tag: "load" }>): Promise<void> {
    await this.#flush();
    // A new load is how a stopped table starts again.
    this.#stopped.delete(item.table);
    this.#newStops.delete(item.table);
    this.#loads.set(item.table, { ...item.progress, sweepBefore: item.sweep ? this.transaction.batchId : null });
    this.#touchedLoads.add(item.table);
    this.begun.add(item.table);
  }

  async #chunk(item: Extract<LaneItem, { tag: "chunk" }>): Promise<void> {
    if (!this.#loads.has(item.table) || this.#stopped.has(item.table)) return;
    await this.#flush();
    const outcome = await this.transaction.load(this.#mapping(item.table), item.rows);
    this.noteStops(outcome.stops);
    for (const change of item.replay) this.#change(item.table, change);
    this.rowsLoaded += item.rows.length;
    // Not as it was before the flush, which may have moved the fence: rows that it read at the source are newer than the chunk.
    const progress = this.#loads.get(item.table) as LoadProgress;
    this.#loads.set(item.table, advanceLoad(progress, item.advance, item.rows.length, this.#context.positions));
    this.#touchedLoads.add(item.table);
  }

  /**
   * While the target may hold rows newer than the stream's place (chunks, rows read from the source), a row that changed its
   * key may be gone from the old one already, and another may be there. And until a load has swept, it holds rows that the load has
   * not met: changes of theirs were not streamed, so they may be of another life of the same key. What a change left unchanged must
   * be read from the source.
   */
  #withoutDoubt(table: number, collapsed: CollapsedChange): CollapsedChange {
    const load = this.#loads.get(table);
    if (this.#hold === null && load === undefined) return collapsed;
    const places = keyPlaces(this.#mapping(table));
    const keyOf = (row: Row): Key => places.map((place) => row[place] as Buffer);
    const mayBeStale = load !== undefined && load.sweepBefore !== null && this.#context.carriesRows !== true;
    const moves = ({ key, row }: { readonly key: Key; readonly row: Row }): boolean => keyText(key) !== keyText(keyOf(row));
    const doubtful = mayBeStale ? collapsed.change.updates : collapsed.change.updates.filter(moves);
    if (doubtful.length === 0) return collapsed;
    const updates = collapsed.change.updates.filter((update) => !doubtful.includes(update));
    return { change: { ...collapsed.change, updates }, refetch: [...collapsed.refetch, ...doubtful.map(({ row }) => keyOf(row))] };
  }

  async #flush(): Promise<void> {
    const changes: TableChange[] = [];
    for (const [table, effect] of this.#effects) {
      if (effect.empty) continue;
      const { change, refetch } = this.#withoutDoubt(table, effect.take());
      changes.push(refetch.length === 0 ? change : mergeChange(change, await this.#refetch(table, refetch)));
    }
    if (changes.length === 0) return;
    const outcome = await this.transaction.write(changes);
    this.noteStops(outcome.stops);
    if (outcome.missing.length > 0) await this.#writeMissing(outcome.missing);
  }

  /** Partial rows that the target did not have: read whole, and written in place of what the stream could tell. */
  async #writeMissing(missing: readonly { readonly table: TableMapping; readonly keys: readonly Key[] }[]): Promise<void> {
    const changes: TableChange[] = [];
    for (const { table, keys } of missing) {
      const index = this.#context.subscription.tables.indexOf(table);
      changes.push(mergeChange(emptyChange(table), await this.#refetch(index, keys)));
    }
    const outcome = await this.transaction.write(changes);
    this.noteStops(outcome.stops);
  }

  /** The rows as they are at the source now; the batch is held until the stream has come to the same point. */
  async #refetch(table: number, keys: readonly Key[]): Promise<{ deletes: Key[]; upserts: Row[] }> {
    const mapping = this.#mapping(table);
    const { positions, readRows } = this.#context;
    const columns = mapping.columns.map((column) => column.source);
    const request = { table: mapping.catalog, key: mapping.key, columns, filter: mapping.filter, keys };
    const answer = await readRows(request).catch((error: unknown) => this.#stopUnreadable(table, error));
    if (answer === null) return { deletes: [], upserts: [] };
    const load = this.#loads.get(table);
    if (load === undefined) {
      this.#hold = this.#hold === null ? answer.position : positions.join(this.#hold, answer.position);
    } else {
      this.#loads.set(table, { ...load, fence: load.fence === null ? answer.position : positions.join(load.fence, answer.position) });
      this.#touchedLoads.add(table);
    }
    const keyColumns = mapping.key.map((name) => columns.indexOf(name));
    const found = new Set(answer.rows.map((row) => keyText(keyColumns.map((column) => row[column] as Buffer))));
    return { deletes: keys.filter((key) => !found.has(keyText(key))), upserts: [...answer.rows] };
  }

  /** A source that cannot be asked for rows leaves this table unfinished, and no other. */
  #stopUnreadable(table: number, error: unknown): null {
    if (!(error instanceof ReplicationError) || error.code !== "DB-KAF-020") throw error;
    this.#stop(table, { code: error.code, message: error.message });
    return null;
  }

  /** Tables that the target stopped. */
  noteStops(stops: readonly { readonly table: TableMapping; readonly code: string; readonly message: string }[]): void {
    for (const { table, code, message } of stops) this.#stop(this.#context.subscription.tables.indexOf(table), { code, message });
  }

  #mapping(table: number): TableMapping {
    return this.#context.subscription.tables[table] as TableMapping;
  }
}

function emptyChange(table: TableMapping): TableChange {
  return { table, truncate: false, deletes: [], upserts: [], updates: [] };
}

function mergeChange(change: TableChange, extra: { readonly deletes: readonly Key[]; readonly upserts: readonly Row[] }): TableChange {
  return { ...change, deletes: [...change.deletes, ...extra.deletes], upserts: [...change.upserts, ...extra.upserts] };
}
