// What a committed batch makes of the stored state: checkpoint, clocks, counts, quarantine (invariants 2 and 4). Pure.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { StopReason, StoppedTable, Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { CheckpointWrite } from "../../../engine/ports/change-target.ts";
import { batchKind } from "../../../engine/target/batch-kind.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import type { RowTally } from "../../../engine/target/row-tally.ts";
import { judgedTime, oldest } from "../../../engine/validity/validity-clock.ts";
import type { PublicationState, PublishedCopy, StoredBatch, StoredQuarantine } from "./publication-state.ts";

export interface BatchFacts {
  readonly subscription: Subscription;
  readonly batchId: number;
  readonly checkpoint: CheckpointWrite;
  readonly tally: RowTally;
  readonly book: QuarantineBook;
  /** Events of the batch by table. */
  readonly events: (table: TableMapping) => number;
  /** The clock of this machine: Kafka has none that counts. */
  readonly clock: Micros;
}

export interface Advance {
  readonly state: PublicationState;
  /** Tables that owe a load. */
  readonly expired: readonly TableMapping[];
  /** Source time to be told by a heartbeat; null: none is due. */
  readonly heartbeat: Micros | null;
}

export function advanced(before: PublicationState, facts: BatchFacts): Advance {
  const { subscription, checkpoint, batchId, clock } = facts;
  const now = judgedTime(clock, before.clockFloor);
  const copies = { ...before.copies };
  const expired: TableMapping[] = [];
  for (const table of [...subscription.tables, ...subscription.stopped]) {
    const name = printTable(table.target);
    const stored = before.copies[name];
    if (stored === undefined) continue;
    const copy = nextCopy(before, stored, facts, { table, now });
    copies[name] = copy;
    if ("key" in table && owesLoad(copy)) expired.push(table);
  }
  const own = ownCopies({ copies });
  const sourceTime = Math.max(before.sourceTime ?? 0, checkpoint.sourceTime);
  const opens = before.shareState === "LOADING" && own.some(isLoaded) && own.every((copy) => isLoaded(copy) || copy.stopped !== null);
  const shareState = opens ? "ACTIVE" : before.shareState;
  const beat = shareState === "ACTIVE" ? heartbeatOf(own) : null;
  const due = beat !== null && beat > (before.heartbeat ?? 0);
  const state: PublicationState = {
    ...before,
    shareState,
    position: checkpoint.position,
    sourceIdentity: checkpoint.sourceIdentity,
    sourceTime,
    nextBatch: takesBatchId(facts) ? batchId + 1 : batchId,
    // As far as to where every copy has expired, which nothing but a sync undoes.
    clockFloor: Math.max(before.clockFloor, Math.min(now, sourceTime + before.validityPeriod)),
    heartbeat: due ? beat : before.heartbeat,
    lastBatch: batchRecord(facts) ?? before.lastBatch,
    copies,
  };
  return { state, expired, heartbeat: due ? beat : null };
}

/** Nothing is loading: what is published from then on are changes. */
export function isComplete(state: PublicationState): boolean {
  return ownCopies(state).every(isSettled);
}

/** Supply is suspended and resumed only between loading and termination; a copy that is not whole yet goes on loading. */
export function suspended(state: PublicationState, reason: string | null): PublicationState {
  if (reason === state.suspendedReason && (reason === null) === (state.shareState !== "SUSPENDED")) return state;
  const loading = ownCopies(state).some((copy) => copy.load !== null || copy.state === "NEVER_SYNCED");
  const suspendable = ["LOADING", "ACTIVE", "SUSPENDED"].includes(state.shareState);
  const shareState = !suspendable ? state.shareState : reason !== null ? "SUSPENDED" : loading ? "LOADING" : "ACTIVE";
  return { ...state, shareState, suspendedReason: reason };
}

function ownCopies({ copies }: Pick<PublicationState, "copies">): PublishedCopy[] {
  return Object.values(copies).filter(({ withdrawnAt }) => withdrawnAt === null);
}

/** Whether this commit takes the batch id: everything but a mere heartbeat does, so that it can be told from the next one. */
function takesBatchId({ checkpoint, tally, book }: BatchFacts): boolean {
  const { firstPosition, loads, stops } = checkpoint;
  return firstPosition !== null || loads.length + stops.length > 0 || tally.written + tally.deleted > 0 || book.changed;
}

function isLoaded({ load, state }: PublishedCopy): boolean {
  return load === null && (state === "VALID" || state === "EXPIRED");
}

/** Whole, or standing still with nothing half published of it: who reads its topic does not take a part for all. */
function isSettled(copy: PublishedCopy): boolean {
  return isLoaded(copy) || (copy.stopped !== null && copy.load === null && (copy.lastSyncAt !== null || copy.events === 0));
}

/** The oldest clock of the copies, for a heartbeat speaks for all topics; null while one is not settled. */
function heartbeatOf(copies: readonly PublishedCopy[]): Micros | null {
  return copies.every(isSettled) ? oldest(copies.map(({ lastSyncAt }) => lastSyncAt)) : null;
}

function owesLoad({ state, load, stopped }: PublishedCopy): boolean {
  return state === "EXPIRED" || (state === "RESYNCING" && load === null && stopped === null);
}

interface Place {
  readonly table: TableMapping | StoppedTable;
  readonly now: Micros;
}

function nextCopy(before: PublicationState, stored: PublishedCopy, facts: BatchFacts, { table, now }: Place): PublishedCopy {
  const { checkpoint, book } = facts;
  const isThis = (entry: { readonly table: TableMapping }): boolean => tableKey(entry.table.target) === tableKey(table.target);
  const load = checkpoint.loads.find(isThis) ?? null;
  const stop: StopReason | null = book.stops.find(isThis) ?? checkpoint.stops.find(isThis) ?? null;
  const complete = load?.complete === true && stop === null;
  const stopped = stop === null ? (load === null ? stored.stopped : null) : { code: stop.code, message: stop.message };
  const whole = load === null ? stored.state === "VALID" || stored.state === "EXPIRED" : complete;
  const expired = load === null && hasExpired(before, stored, now);
  const advancing = checkpoint.advancing.some(({ target }) => tableKey(target) === tableKey(table.target));
  const moves = advancing && whole && stopped === null && !expired;
  // A source whose clock is ahead would lengthen the use of what it gave.
  const lastSyncAt = moves ? Math.max(stored.lastSyncAt ?? 0, Math.min(checkpoint.sourceTime, now)) : stored.lastSyncAt;
  return {
    ...stored,
    state: nextState(stored, { load: load === null ? null : complete ? "complete" : "progress", expired, moves }),
    lastSyncAt,
    validUntil: moves && lastSyncAt !== null ? lastSyncAt + before.validityPeriod : stored.validUntil,
    load: load === null ? stored.load : complete ? null : load.progress,
    contract: complete ? load.progress.contract : stored.contract,
    stopped,
    events: stored.events + ("key" in table ? facts.events(table) : 0),
    quarantine: "key" in table ? nextQuarantine(stored.quarantine, table, facts) : stored.quarantine,
  };
}

/** Its time has run out under the policy `resync`: only a load can end that. */
function hasExpired({ onExpiry }: PublicationState, { state, validUntil }: PublishedCopy, now: Micros): boolean {
  if (onExpiry !== "resync") return false;
  return state === "EXPIRED" || (state === "VALID" && (validUntil === null || now >= validUntil));
}

interface CopyEvent {
  readonly load: "complete" | "progress" | null;
  readonly expired: boolean;
  readonly moves: boolean;
}

function nextState({ state }: PublishedCopy, { load, expired, moves }: CopyEvent): PublishedCopy["state"] {
  if (load === "complete") return "VALID";
  if (load === "progress") return state === "NEVER_SYNCED" ? state : "RESYNCING";
  if (expired) return "EXPIRED";
  return moves ? "VALID" : state;
}

function nextQuarantine(stored: PublishedCopy["quarantine"], table: TableMapping, facts: BatchFacts): PublishedCopy["quarantine"] {
  const { book, checkpoint, clock } = facts;
  if (!book.touches(table)) return stored;
  const name = printTable(table.target);
  const gone = new Set(book.cleared.filter((entry) => entry.table === name).map(({ digest }) => digest));
  const entries = new Map(Object.entries(stored).filter(([digest]) => !gone.has(digest)));
  for (const row of book.added) {
    if (tableKey(row.table.target) !== tableKey(table.target)) continue;
    const earlier = entries.get(row.digest);
    const entry: StoredQuarantine = {
      key: row.key.map((part) => part.toString("utf8")),
      code: row.code,
      sqlstate: row.sqlstate,
      detail: row.detail,
      position: checkpoint.position,
      firstSeen: earlier?.firstSeen ?? clock,
      lastSeen: clock,
      attempts: (earlier?.attempts ?? 0) + 1,
    };
    entries.set(row.digest, entry);
  }
  return Object.fromEntries(entries);
}

/** Null when the batch holds nothing that could be traced to it. */
function batchRecord({ checkpoint, tally, batchId, clock }: BatchFacts): StoredBatch | null {
  const fromStream = checkpoint.firstPosition !== null;
  if (!fromStream && tally.written + tally.deleted === 0) return null;
  return {
    id: batchId,
    kind: batchKind(checkpoint),
    firstPosition: checkpoint.firstPosition,
    lastPosition: checkpoint.position,
    sourceTimeFirst: checkpoint.firstCommittedAt,
    sourceTimeLast: checkpoint.sourceTime,
    transactions: checkpoint.transactions,
    rowsWritten: tally.written,
    rowsDeleted: tally.deleted,
    agreementId: checkpoint.agreementId,
    appliedAt: clock,
  };
}
