// A transaction in a copy database: nothing of it is seen before its commit, and its commit takes place whole or not at all.
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { RowList } from "../../engine/model/packed-rows.ts";
import type { Position } from "../../engine/model/position.ts";
import { type Key, keyText, type Row, UNCHANGED } from "../../engine/model/row.ts";
import { keyPlaces, type Subscription, type TableMapping } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import type { CheckpointWrite, CommitOutcome, TableChange, TargetTransaction, WriteOutcome } from "../../engine/ports/change-target.ts";
import { countedAnew } from "../../engine/target/counted-anew.ts";
import { QuarantineBook } from "../../engine/target/quarantine-book.ts";
import { RowTally } from "../../engine/target/row-tally.ts";
import { nextCopyState } from "../../engine/validity/validity-state.ts";
import type { Committed, CopyDatabase, CopyRecord, CopyRow, SubscriptionRecord, WriteSession } from "./copy-database.ts";
import type { Line } from "./line.ts";

export interface TransactionParts {
  readonly subscription: Subscription;
  readonly database: CopyDatabase;
  readonly line: Pick<Line, "ask">;
  readonly session: WriteSession;
  readonly epoch: number;
  /** The process knows that it was committed, at this position. */
  readonly committed: (position: Position, nextBatch: number) => void;
}

export class SimulatedTransaction implements TargetTransaction {
  readonly batchId: number;
  readonly #parts: TransactionParts;
  readonly #tally = new RowTally();
  readonly #book: QuarantineBook;
  /** Tables that were written to, as they will be. */
  readonly #rows = new Map<string, Map<string, CopyRow>>();
  #missing: { readonly table: TableMapping; readonly keys: Key[] }[] = [];
  #open = true;

  constructor(parts: TransactionParts) {
    this.#parts = parts;
    this.batchId = parts.session.nextBatch;
    this.#book = new QuarantineBook(parts.subscription, parts.session.held, () => ({ code: "DB-ROW-001", sqlstate: null, detail: null }));
  }

  get rowsWritten(): number {
    return this.#tally.written;
  }

  get rowsDeleted(): number {
    return this.#tally.deleted;
  }

  write(changes: readonly TableChange[]): Promise<WriteOutcome> {
    return this.#ask("write", () => {
      const open = changes.filter(({ table }) => !this.#book.isStopped(table));
      for (const change of open) if (change.truncate) this.#truncate(change.table);
      for (const change of open) this.#write(change);
      return this.#outcome();
    });
  }

  load(table: TableMapping, rows: RowList): Promise<WriteOutcome> {
    return this.#ask("load", () => {
      if (!this.#book.isStopped(table)) this.#upsert(table, rows);
      return this.#outcome();
    });
  }

  async commit(checkpoint: CheckpointWrite): Promise<CommitOutcome> {
    const { session, committed } = this.#parts;
    let took = false;
    const expired = await this.#parts.line
      .ask("commit", () => this.#commit(checkpoint, () => (took = true)), { lostCode: "DB-RUN-011", late: true })
      .catch((error: unknown) => this.#broken(error));
    this.#open = false;
    session.locked.clear();
    if (took) session.nextBatch += 1;
    const { stops } = this.#book.news();
    this.#book.settle();
    committed(checkpoint.position, session.nextBatch);
    return { expired, stops, quarantined: this.#book.total };
  }

  rollback(): Promise<void> {
    this.#open = false;
    this.#parts.session.locked.clear();
    return Promise.resolve();
  }

  #ask<T>(what: string, work: () => T): Promise<T> {
    if (!this.#open) return Promise.reject(new Error("a target transaction is used until it is committed or rolled back"));
    return this.#parts.line
      .ask(what, () => {
        this.#refuseEnded("DB-PG-009");
        return work();
      })
      .catch((error: unknown) => this.#broken(error));
  }

  /** Whatever went wrong on the way, the connection is not used again. */
  #broken(error: unknown): never {
    this.#parts.session.broken = true;
    throw error;
  }

  #refuseEnded(code: "DB-PG-009" | "DB-RUN-011"): void {
    if (this.#parts.session.ended) throw new ReplicationError(code, { subject: this.#parts.subscription.id });
  }

  #outcome(): WriteOutcome {
    const missing = this.#missing;
    this.#missing = [];
    return { missing, ...this.#book.news() };
  }

  #held(table: TableMapping): Map<string, CopyRow> {
    const name = printTable(table.target);
    let rows = this.#rows.get(name);
    if (rows === undefined) {
      rows = new Map(this.#parts.database.committed.rows.get(name));
      this.#rows.set(name, rows);
      this.#parts.session.locked.set(name, table);
    }
    return rows;
  }

  #truncate(table: TableMapping): void {
    const rows = this.#held(table);
    this.#tally.addDeleted(table, rows.size);
    rows.clear();
    this.#book.clearAll(table);
  }

  #write({ table, truncate, deletes, updates, upserts }: TableChange): void {
    const rows = this.#held(table);
    const places = keyPlaces(table);
    const keyOf = (row: Row): Key => places.map((place) => row[place] as Buffer);
    const targets = updates.map(({ key, row }) => ({ key, row, to: keyOfUpdate(key, row, places) }));
    const moved = new Set(targets.filter(({ key, to }) => keyText(key) !== keyText(to)).map(({ key }) => keyText(key)));
    const gone = deletes.filter((key) => !moved.has(keyText(key)));
    this.#book.clear(table, deletes);
    this.#tally.addDeleted(table, gone.filter((key) => rows.delete(keyText(key))).length);
    const found = targets.flatMap((update) => {
      const old = truncate ? undefined : rows.get(keyText(update.key));
      if (old !== undefined) return [{ ...update, old }];
      this.#miss(table, update.to);
      return [];
    });
    for (const { key } of found) rows.delete(keyText(key));
    for (const { row, old, to } of found) {
      const values = row.map((value, column) => (value === UNCHANGED ? (old.values[column] ?? null) : toText(value)));
      // It was there under its old key: it is no new row, unless it takes another's place.
      this.#put(table, { key: to, values, wasThere: true });
    }
    this.#upsert(table, upserts, keyOf);
  }

  #upsert(table: TableMapping, rows: RowList, keyOf = (row: Row): Key => keyPlaces(table).map((place) => row[place] as Buffer)): void {
    for (const row of rows) this.#put(table, { key: keyOf(row), values: row.map(toText), wasThere: false });
  }

  #put(table: TableMapping, { key, values, wasThere }: { key: Key; values: readonly (string | null)[]; wasThere: boolean }): void {
    const rows = this.#held(table);
    const text = keyText(key);
    const replaced = rows.delete(text);
    if (this.#parts.database.refuses(printTable(table.target), values)) {
      this.#book.add(table, key, null);
      const lost = Number(replaced) + Number(wasThere);
      if (lost > 0) this.#tally.addDeleted(table, lost);
      return;
    }
    this.#book.clear(table, [key]);
    rows.set(text, { values, batch: this.batchId });
    this.#tally.addWritten(table, 1, 1 - Number(replaced) - Number(wasThere));
  }

  #miss(table: TableMapping, key: Key): void {
    const known = this.#missing.find((missing) => missing.table === table);
    if (known === undefined) this.#missing.push({ table, keys: [key] });
    else known.keys.push(key);
  }

  /** Rows, quarantine, checkpoint, batch record and clocks, guarded by the epoch. Gives the copies that wait for a load. */
  #commit(checkpoint: CheckpointWrite, tookBatchId: () => void): readonly TableMapping[] {
    this.#refuseEnded("DB-RUN-011");
    const { database, subscription, epoch } = this.#parts;
    const { committed, judgedNow } = database;
    const record = this.#ownRecord();
    for (const { table, progress, complete } of checkpoint.loads) {
      if (progress.sweepBefore === this.batchId) this.#book.forgetHeld(table);
      if (complete && progress.sweepBefore !== null) this.#sweep(table, progress.sweepBefore);
    }
    const { firstPosition, loads, stops } = checkpoint;
    const written = this.#tally.written + this.#tally.deleted;
    const takesBatchId = firstPosition !== null || loads.length + stops.length > 0 || written > 0 || this.#book.changed;
    const rows = new Map([...committed.rows, ...this.#rows]);
    const copies = new Map(committed.copies);
    for (const table of subscription.tables) {
      const name = printTable(table.target);
      copies.set(name, this.#copy(copies.get(name) as CopyRecord, table, { checkpoint, record, judgedNow }));
    }
    for (const table of countedAnew(subscription, checkpoint, this.#tally)) {
      const name = printTable(table.target);
      copies.set(name, { ...(copies.get(name) as CopyRecord), rows: rows.get(name)?.size ?? 0 });
    }
    const next: Committed = {
      subscription: this.#subscriptionRecord(record, copies, { checkpoint, judgedNow, takesBatchId }),
      copies,
      rows,
      quarantine: this.#quarantine(committed),
      batches: firstPosition !== null || written > 0 ? [...committed.batches, this.batchId] : committed.batches,
    };
    database.commit(next, { by: "batch", epoch });
    if (takesBatchId) tookBatchId();
    return subscription.tables.filter(({ target }) => owesLoad(copies.get(printTable(target)) as CopyRecord));
  }

  #ownRecord(): SubscriptionRecord {
    const { database, subscription, epoch } = this.#parts;
    const record = database.committed.subscription;
    if (record === null || (record.epoch === epoch && record.nextBatch > this.batchId)) {
      throw new ReplicationError("DB-TGT-004", { subject: subscription.id });
    }
    if (record.epoch !== epoch) {
      const cause = `epoch ${record.epoch} has taken over from epoch ${epoch}`;
      throw new ReplicationError("DB-RUN-010", { subject: subscription.id, cause });
    }
    return record;
  }

  #sweep(table: TableMapping, before: number): void {
    const rows = this.#held(table);
    const stale = [...rows].filter(([, { batch }]) => batch < before);
    for (const [key] of stale) rows.delete(key);
    this.#tally.addDeleted(table, stale.length);
  }

  #copy(copy: CopyRecord, table: TableMapping, { checkpoint, record, judgedNow }: CommitFacts): CopyRecord {
    const name = printTable(table.target);
    const isThis = (entry: { readonly table: TableMapping }): boolean => printTable(entry.table.target) === name;
    const load = checkpoint.loads.find(isThis);
    const stop = this.#book.stops.find(isThis) ?? checkpoint.stops.find(isThis);
    const isComplete = load?.complete === true && stop === undefined;
    const stopped = stop === undefined ? (load === undefined ? copy.stopped : null) : { code: stop.code, message: stop.message };
    const isWhole = load === undefined ? copy.copyState === "VALID" || copy.copyState === "EXPIRED" : isComplete;
    const isOver = copy.copyState === "EXPIRED" || copy.validUntil === null || judgedNow >= copy.validUntil;
    const expired = record.onExpiry === "resync" && load === undefined && isWhole && isOver;
    const moves = checkpoint.advancing.some((entry) => printTable(entry.target) === name) && isWhole && stopped === null && !expired;
    const synced = Math.max(copy.lastSyncAt ?? 0, Math.min(checkpoint.sourceTime, judgedNow));
    return {
      copyState: stateAfter(copy, { load: load === undefined ? null : isComplete ? "load_done" : "load_begun", expired, moves, record }),
      lastSyncAt: moves ? synced : copy.lastSyncAt,
      validUntil: moves ? synced + record.periodMicros : copy.validUntil,
      load: load === undefined ? copy.load : isComplete ? null : load.progress,
      contract: load !== undefined && isComplete ? load.progress.contract : copy.contract,
      stopped,
      rows: copy.rows + this.#tally.growth(table),
    };
  }

  #subscriptionRecord(
    record: SubscriptionRecord,
    copies: ReadonlyMap<string, CopyRecord>,
    { checkpoint, judgedNow, takesBatchId }: Omit<CommitFacts, "record"> & { readonly takesBatchId: boolean },
  ): SubscriptionRecord {
    const all = [...copies.values()];
    const isLoaded = ({ load, copyState }: CopyRecord): boolean => load === null && copyState !== "NEVER_SYNCED";
    const isOpen = all.some(isLoaded) && all.every((copy) => isLoaded(copy) || copy.stopped !== null);
    const sourceTime = Math.max(record.sourceTime ?? 0, checkpoint.sourceTime);
    return {
      ...record,
      shareState: record.shareState === "LOADING" && isOpen ? "ACTIVE" : record.shareState,
      position: checkpoint.position,
      sourceIdentity: checkpoint.sourceIdentity,
      sourceTime,
      nextBatch: takesBatchId ? this.batchId + 1 : record.nextBatch,
      // A clock that is far ahead counts as far as to where every copy has expired.
      clockFloor: Math.max(record.clockFloor ?? 0, Math.min(judgedNow, sourceTime + record.periodMicros)),
      lastSyncAt: oldest(all.map(({ lastSyncAt }) => lastSyncAt)),
      validUntil: oldest(all.map(({ validUntil }) => validUntil)),
    };
  }

  #quarantine(committed: Committed): Committed["quarantine"] {
    if (!this.#book.changed) return committed.quarantine;
    const quarantine = new Map([...committed.quarantine].map(([table, keys]) => [table, new Map(keys)]));
    for (const { table, digest } of this.#book.cleared) quarantine.get(table)?.delete(digest);
    for (const { table, key, digest } of this.#book.added) {
      const name = printTable(table.target);
      const keys = quarantine.get(name) ?? new Map<string, string>();
      quarantine.set(name, keys.set(digest, keyText(key)));
    }
    return quarantine;
  }
}

interface CommitFacts {
  readonly checkpoint: CheckpointWrite;
  readonly record: SubscriptionRecord;
  readonly judgedNow: number;
}

function stateAfter(
  { copyState }: CopyRecord,
  facts: {
    readonly load: "load_begun" | "load_done" | null;
    readonly expired: boolean;
    readonly moves: boolean;
    readonly record: SubscriptionRecord;
  },
): CopyRecord["copyState"] {
  const policy = facts.record.onExpiry;
  if (facts.load !== null) return nextCopyState(copyState, facts.load, policy);
  if (facts.expired) return nextCopyState(copyState, "expired", policy);
  return facts.moves ? nextCopyState(copyState, "synced", policy) : copyState;
}

function owesLoad({ copyState, load, stopped }: CopyRecord): boolean {
  return copyState === "EXPIRED" || (copyState === "RESYNCING" && load === null && stopped === null);
}

function oldest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function keyOfUpdate(key: Key, row: Row, places: readonly number[]): Key {
  return places.map((place, part) => (row[place] === UNCHANGED ? (key[part] as Buffer) : (row[place] as Buffer)));
}

function toText(value: Row[number]): string | null {
  return value instanceof Buffer ? value.toString("utf8") : null;
}
