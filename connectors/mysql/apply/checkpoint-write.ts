// Checkpoint, clock, counts, quarantine and batch record, written in the transaction of the data (invariants 2 and 4).
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Micros } from "../../../engine/model/change-message.ts";
import type { StoppedTable, Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { CheckpointWrite } from "../../../engine/ports/change-target.ts";
import { batchStep } from "../../../engine/target/batch-ids.ts";
import { batchKind } from "../../../engine/target/batch-kind.ts";
import { countedAnew } from "../../../engine/target/counted-anew.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import type { RowTally } from "../../../engine/target/row-tally.ts";
import type { TextRow } from "../mysql-client.ts";
import { quoteTable } from "../quote.ts";
import { nowMicrosSql } from "./checkpoint-sql.ts";
import type { OpenTransaction } from "./open-transaction.ts";
import type { Bound } from "./prepared-statements.ts";

export interface CheckpointFacts {
  readonly subscription: Subscription;
  readonly epoch: number;
  readonly batchId: number;
  readonly checkpoint: CheckpointWrite;
  readonly tally: RowTally;
  readonly book: QuarantineBook;
}

/** Whether this commit takes the batch id: everything but a mere heartbeat does, so that it can be told from the next one. */
export function takesBatchId({ checkpoint, tally, book }: CheckpointFacts): boolean {
  const { firstPosition, loads, stops } = checkpoint;
  return firstPosition !== null || loads.length + stops.length > 0 || tally.written + tally.deleted > 0 || book.changed;
}

/**
 * Writes everything that is told of a batch beside its rows, and gives the copies that owe a load. The clock of a copy
 * moves only when it is asked to (`advancing`), whole and not stopped. Throws DB-RUN-010 when another epoch owns the
 * subscription, DB-TGT-004 when subscription or copies are not on record.
 */
export async function writeCheckpoint(transaction: OpenTransaction, facts: CheckpointFacts): Promise<TableMapping[]> {
  const own = await readOwn(transaction, facts);
  const { subscription } = facts;
  const counts = await countRows(transaction, facts);
  const copies = [...subscription.tables, ...subscription.stopped].map((table) => {
    const stored = own.copies.get(printTable(table.target));
    if (stored === undefined) throw new ReplicationError("DB-TGT-004", { subject: subscription.id });
    const change = copyChange(facts, own, table, stored);
    return { table, change: { ...change, counted: counts.get(printTable(table.target)) ?? null } };
  });
  await writeCopies(transaction, subscription.id, copies);
  await writeSubscription(
    transaction,
    facts,
    own,
    copies.map(({ change }) => change),
  );
  await writeQuarantine(transaction, facts, own.clock);
  await writeBatch(transaction, facts, own.clock);
  return subscription.tables.filter((_, index) => copies[index]?.change.owesLoad === true);
}

/**
 * Of each copy whose number of rows the tally may not know, by its name. By a statement of its own: one that writes, too, would lock
 * what it counts.
 */
async function countRows(transaction: OpenTransaction, { subscription, checkpoint, tally }: CheckpointFacts): Promise<Map<string, string>> {
  const counts = new Map<string, string>();
  for (const { target, physical } of countedAnew(subscription, checkpoint, tally)) {
    const [row] = await transaction.query(`SELECT COUNT(*) AS counted FROM ${quoteTable(physical)}`, []);
    counts.set(printTable(target), row?.["counted"] ?? "0");
  }
  return counts;
}

interface StoredCopy {
  readonly state: string;
  readonly lastSyncAt: Micros | null;
  readonly validUntil: Micros | null;
  readonly loading: boolean;
  readonly stopped: boolean;
}

interface Own {
  /** The server's clock, and the same as copies are judged by it: never before the newest time it was seen to show. */
  readonly clock: Micros;
  readonly now: Micros;
  readonly validityPeriod: number;
  readonly resyncs: boolean;
  readonly shareState: string;
  readonly sourceTime: Micros | null;
  readonly clockFloor: Micros;
  readonly copies: ReadonlyMap<string, StoredCopy>;
}

// Locks the subscription: whoever raises the epoch, stops a copy or refuses it waits until this transaction is over.
const ownSql = `
SELECT s.epoch, s.next_batch, s.validity_period, s.on_expiry, s.share_state, s.source_time, s.clock_floor, ${nowMicrosSql} AS clock,
  c.target_table, c.copy_state, c.last_sync_at, c.valid_until, c.\`load\` IS NOT NULL AS loading, c.stopped_code IS NOT NULL AS stopped
FROM dongbo.subscription AS s LEFT JOIN dongbo.copy AS c ON c.subscription = s.id WHERE s.id = ? FOR UPDATE`;

async function readOwn(transaction: OpenTransaction, { subscription, epoch, batchId }: CheckpointFacts): Promise<Own> {
  const rows = await transaction.query(ownSql, [subscription.id]);
  const [row] = rows;
  if (row === undefined) throw new ReplicationError("DB-TGT-004", { subject: subscription.id });
  if (Number(row["epoch"]) !== epoch) {
    const cause = `epoch ${row["epoch"] ?? ""} has taken over from epoch ${epoch}`;
    throw new ReplicationError("DB-RUN-010", { subject: subscription.id, cause });
  }
  if (Number(row["next_batch"]) > batchId) throw new ReplicationError("DB-TGT-004", { subject: subscription.id });
  const clock = Number(row["clock"]);
  const clockFloor = Number(row["clock_floor"]);
  return {
    clock,
    now: Math.max(clock, clockFloor),
    validityPeriod: Number(row["validity_period"]),
    resyncs: row["on_expiry"] === "resync",
    shareState: row["share_state"] ?? "",
    sourceTime: numberOrNull(row["source_time"]),
    clockFloor,
    copies: new Map(rows.map((copy) => [copy["target_table"] ?? "", storedCopy(copy)])),
  };
}

function storedCopy(row: TextRow): StoredCopy {
  return {
    state: row["copy_state"] ?? "",
    lastSyncAt: numberOrNull(row["last_sync_at"]),
    validUntil: numberOrNull(row["valid_until"]),
    loading: row["loading"] === "1",
    stopped: row["stopped"] === "1",
  };
}

/** What becomes of one copy's record. */
interface CopyChange {
  /** Column → value, of those that change; `growth` is added to the rows. */
  readonly set: Readonly<Record<string, Bound>>;
  readonly growth: number;
  readonly lastSyncAt: Micros | null;
  readonly validUntil: Micros | null;
  /** Complete as far as loads are concerned. */
  readonly loaded: boolean;
  readonly stopped: boolean;
  readonly owesLoad: boolean;
}

function copyChange(facts: CheckpointFacts, own: Own, table: TableMapping | StoppedTable, stored: StoredCopy): CopyChange {
  const { checkpoint, book, tally } = facts;
  const id = tableKey(table.target);
  const isThis = (entry: { readonly table: TableMapping }): boolean => tableKey(entry.table.target) === id;
  const load = checkpoint.loads.find(isThis) ?? null;
  const stop = book.stops.find(isThis) ?? checkpoint.stops.find(isThis) ?? null;
  const complete = load?.complete === true && stop === null;
  const stopped = stop !== null || (stored.stopped && load === null);
  const whole = load === null ? stored.state === "VALID" || stored.state === "EXPIRED" : complete;
  const expired = load === null && hasExpired(own, stored);
  const advancing = checkpoint.advancing.some((entry) => tableKey(entry.target) === id);
  const moves = advancing && whole && !stopped && !expired;
  const state = nextState(stored.state, { load: load === null ? null : complete ? "complete" : "progress", expired, moves });
  // A source whose clock is ahead would lengthen the use of what it gave: no sync is later than the time at which it is judged here.
  const lastSyncAt = moves ? Math.max(stored.lastSyncAt ?? 0, Math.min(checkpoint.sourceTime, own.now)) : stored.lastSyncAt;
  const validUntil = moves && lastSyncAt !== null ? lastSyncAt + own.validityPeriod : stored.validUntil;
  const mapping = "key" in table ? table : null;
  const loading = load === null ? stored.loading : !complete;
  return {
    set: {
      ...(state === stored.state ? {} : { copy_state: state }),
      ...(moves ? { last_sync_at: String(lastSyncAt), valid_until: String(validUntil) } : {}),
      ...(mapping !== null && book.touches(mapping) ? { rows_quarantined: String(book.count(mapping)) } : {}),
      ...(load === null ? {} : { load: complete ? null : JSON.stringify(load.progress) }),
      // What was compared with the master were the rows of before a load, under the contract of before it.
      ...(complete ? { contract: load.progress.contract, last_reconciled_at: null, verdict: null } : {}),
      ...(stop === null ? {} : { stopped_code: stop.code, stopped_message: stop.message }),
      ...(stored.stopped && !stopped ? { stopped_code: null, stopped_message: null } : {}),
    },
    growth: mapping === null ? 0 : tally.growth(mapping),
    lastSyncAt,
    validUntil,
    loaded: !loading && state !== "NEVER_SYNCED",
    stopped,
    owesLoad: state === "EXPIRED" || (state === "RESYNCING" && !loading && !stopped),
  };
}

/** Its time has run out under the policy `resync`: only a load can end that. A copy without a time cannot be believed either. */
function hasExpired(own: Own, { state, validUntil }: StoredCopy): boolean {
  if (!own.resyncs) return false;
  return state === "EXPIRED" || (state === "VALID" && (validUntil === null || own.now >= validUntil));
}

interface CopyEvent {
  readonly load: "complete" | "progress" | null;
  readonly expired: boolean;
  readonly moves: boolean;
}

function nextState(state: string, { load, expired, moves }: CopyEvent): string {
  if (load === "complete") return "VALID";
  if (load === "progress") return state === "NEVER_SYNCED" ? state : "RESYNCING";
  if (expired) return "EXPIRED";
  return moves ? "VALID" : state;
}

interface ChangedCopy {
  readonly table: TableMapping | StoppedTable;
  /** `counted`: rows that are there, which take the place of what is on record; null: they were not counted. */
  readonly change: CopyChange & { readonly counted: string | null };
}

/** Copies that change alike, as they all do with a heartbeat, share a statement. */
async function writeCopies(transaction: OpenTransaction, subscription: string, copies: readonly ChangedCopy[]): Promise<void> {
  const alike = new Map<string, ChangedCopy[]>();
  for (const copy of copies) {
    const { set, growth, counted } = copy.change;
    if (Object.keys(set).length === 0 && growth === 0 && counted === null) continue;
    const id = JSON.stringify([set, growth, counted]);
    alike.set(id, [...(alike.get(id) ?? []), copy]);
  }
  for (const members of alike.values()) {
    const { set, growth, counted } = (members[0] as ChangedCopy).change;
    const rows = counted === null ? "`rows` = `rows` + ?" : "`rows` = ?";
    const assignments = [...Object.keys(set).map((column) => `\`${column}\` = ?`), rows];
    await transaction.run(
      `UPDATE dongbo.copy SET ${assignments.join(", ")} WHERE subscription = ? AND target_table IN (${members.map(() => "?").join(", ")})`,
      [...Object.values(set), counted ?? String(growth), subscription, ...members.map(({ table }) => printTable(table.target))],
    );
  }
}

const subscriptionSql = `
UPDATE dongbo.subscription SET position = ?, source_identity = ?, source_time = ?, clock_floor = ?, next_batch = ?,
  last_sync_at = ?, valid_until = ?, share_state = ?
WHERE id = ? AND epoch = ?`;

async function writeSubscription(
  transaction: OpenTransaction,
  facts: CheckpointFacts,
  own: Own,
  copies: readonly CopyChange[],
): Promise<void> {
  const { subscription, checkpoint, epoch, batchId } = facts;
  const sourceTime = Math.max(own.sourceTime ?? 0, checkpoint.sourceTime);
  // What this server's clock has shown is held against it as far as to where every copy has expired, which nothing but a
  // sync undoes. A clock that was years ahead for a moment would otherwise close them for years, whatever is synchronised after it.
  const clockFloor = Math.max(own.clockFloor, Math.min(own.now, sourceTime + own.validityPeriod));
  const opens =
    own.shareState === "LOADING" && copies.some(({ loaded }) => loaded) && copies.every(({ loaded, stopped }) => loaded || stopped);
  const { affected } = await transaction.run(subscriptionSql, [
    checkpoint.position,
    checkpoint.sourceIdentity,
    String(sourceTime),
    String(clockFloor),
    String(takesBatchId(facts) ? batchId + batchStep(subscription.slice) : batchId),
    oldest(copies.map(({ lastSyncAt }) => lastSyncAt)),
    oldest(copies.map(({ validUntil }) => validUntil)),
    opens ? "ACTIVE" : own.shareState,
    subscription.id,
    String(epoch),
  ]);
  if (affected !== 1) throw new ReplicationError("DB-RUN-010", { subject: subscription.id });
}

const batchSql = `
INSERT INTO dongbo.batch (subscription, id, kind, first_position, last_position, source_time_first, source_time_last,
  transactions, rows_written, rows_deleted, agreement_id, applied_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** The record that rows of this transaction are traced to; none when it holds nothing that could be. */
async function writeBatch(transaction: OpenTransaction, facts: CheckpointFacts, clock: Micros): Promise<void> {
  const { subscription, batchId, checkpoint, tally } = facts;
  const fromStream = checkpoint.firstPosition !== null;
  if (!fromStream && tally.written + tally.deleted === 0) return;
  await transaction.run(batchSql, [
    subscription.id,
    String(batchId),
    batchKind(checkpoint),
    checkpoint.firstPosition,
    checkpoint.position,
    checkpoint.firstCommittedAt === null ? null : String(checkpoint.firstCommittedAt),
    String(checkpoint.sourceTime),
    String(checkpoint.transactions),
    String(tally.written),
    String(tally.deleted),
    checkpoint.agreementId,
    String(clock),
  ]);
}

const clearSql = "DELETE FROM dongbo.quarantine WHERE subscription = ? AND target_table = ? AND key_digest = ?";

/** Sets aside: a row that is there already is counted once more. */
const setAsideSql = `
INSERT INTO dongbo.quarantine (subscription, target_table, key_digest, \`key\`, code, \`sqlstate\`, detail, position, source_time, first_seen, last_seen)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON DUPLICATE KEY UPDATE code = ?, \`sqlstate\` = ?, detail = ?, position = ?, source_time = ?, last_seen = ?, attempts = attempts + 1`;

/** What the book says; a row at a time, for there are few. */
async function writeQuarantine(transaction: OpenTransaction, facts: CheckpointFacts, clock: Micros): Promise<void> {
  const { subscription, book, checkpoint } = facts;
  for (const { table, digest } of book.cleared) await transaction.run(clearSql, [subscription.id, table, digest]);
  for (const row of book.added) {
    const seen = [row.code, row.sqlstate, row.detail, checkpoint.position, String(checkpoint.sourceTime)];
    const key = JSON.stringify(row.key.map((part) => part.toString("utf8")));
    await transaction.run(setAsideSql, [
      subscription.id,
      printTable(row.table.target),
      row.digest,
      key,
      ...seen,
      String(clock),
      String(clock),
      ...seen,
      String(clock),
    ]);
  }
}

function oldest(instants: readonly (Micros | null)[]): string | null {
  const known = instants.filter((instant) => instant !== null);
  return known.length === 0 ? null : String(Math.min(...known));
}

function numberOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
