// A subscription's copy on a MySQL or MariaDB server: preparing it, owning it, writing it.
import type { PositionOrder } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { changedSince } from "../../../engine/target/changed-since.ts";
import { clearingTheWay, epochsOf, refuseLaterTerm } from "../../../engine/target/terms.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { ChangeTarget, Objection, StoredCheckpoint, TargetState, TargetTransaction } from "../../../engine/ports/change-target.ts";
import { batchStep } from "../../../engine/target/batch-ids.ts";
import type { HeldRows } from "../../../engine/target/quarantine-book.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { ApplySession, endLeftoverSessions, openTargetSession } from "./apply-session.ts";
import { prepareTarget } from "./prepare-target.ts";
import { readTargetCatalog, type TargetCatalog } from "./target-catalog.ts";
import { readCheckpoint, readHeldRows, readTargetState } from "./target-state.ts";
import { MysqlTargetTransaction, type TransactionEnd } from "./target-transaction.ts";

export interface MysqlTargetOptions {
  readonly address: ServerAddress;
  readonly subscription: Subscription;
  /** Users or roles that may read the copy. */
  readonly readers: readonly string[];
  /** Reads stored positions back. */
  readonly positions: Pick<PositionOrder, "parse">;
}

/** An open session and what is remembered from transaction to transaction as long as it lasts. */
interface Writing {
  readonly session: ApplySession;
  readonly held: HeldRows;
  catalog: TargetCatalog;
  nextBatch: number;
  catalogStale: boolean;
  /** A transaction was begun and is not over. */
  busy: boolean;
}

export class MysqlTarget implements ChangeTarget {
  readonly #options: MysqlTargetOptions;
  #subscription: Subscription;
  #writing: Writing | null = null;
  /** The checkpoint's position as this worker last read or wrote it. */
  #position: string | null = null;
  /** And its next batch: while a copy is being loaded the position may stand. */
  #nextBatch = 0;
  /** The epoch at which it was prepared here; null: it was not. */
  #preparedAt: number | null = null;

  constructor(options: MysqlTargetOptions) {
    this.#options = options;
    this.#subscription = options.subscription;
  }

  async prepare(subscription: Subscription, objection?: Objection, term: number | null = null): Promise<TargetState> {
    // Statements and counts of before do not fit what is prepared now.
    await this.#endSession();
    this.#subscription = subscription;
    const attempt = (): Promise<TargetState> =>
      this.#once("prepare", (session) => prepareTarget(session, subscription, this.#options.readers, objection));
    const state = await clearingTheWay(attempt, () => this.#endOwnSessions(term));
    this.#preparedAt = state.checkpoint.epoch;
    return state;
  }

  #endOwnSessions(term: number | null): Promise<void> {
    const { id } = this.#subscription;
    return this.#once("take over", async (session) => {
      refuseLaterTerm(id, (await readCheckpoint(session, id)).epoch, epochsOf(term).end);
      await endLeftoverSessions(session, id);
    });
  }

  async takeEpoch(term: number | null = null): Promise<TargetState> {
    await this.#endSession();
    const { id } = this.#subscription;
    const { first, end } = epochsOf(term);
    const state = await this.#once("take over", async (session) => {
      // Before the sessions of whoever owns it are ended.
      refuseLaterTerm(id, this.#preparedAt ?? 0, end);
      await endLeftoverSessions(session, id);
      // What another slice has changed since must be looked at first.
      const at = this.#subscription.slice === undefined ? null : this.#preparedAt;
      const matched = await session.execute(takeEpochSql, [first, id, at, end]);
      if (matched === 0 && at !== null) throw changedSince(id);
      if (matched === 0) refuseLaterTerm(id, (await readCheckpoint(session, id)).epoch, end);
      // A session that came in between may hold locks; what it writes can no longer be committed.
      await endLeftoverSessions(session, id);
      return readTargetState(session, this.#subscription);
    });
    this.#position = state.checkpoint.position;
    this.#nextBatch = state.checkpoint.nextBatch;
    return state;
  }

  async begin(epoch: number): Promise<TargetTransaction> {
    const writing = await this.#session(epoch);
    writing.busy = true;
    return new MysqlTargetTransaction({
      session: writing.session,
      subscription: this.#subscription,
      catalog: writing.catalog,
      held: writing.held,
      epoch,
      batchId: writing.nextBatch,
      over: (end) => this.#over(writing, end),
    });
  }

  async checkpoint(): Promise<StoredCheckpoint> {
    await this.#endSession();
    return this.#once("checkpoint", async (session) => {
      // As long as the session that sent the commit lives, its commit may still take place.
      await endLeftoverSessions(session, this.#subscription.id);
      const stored = await readCheckpoint(session, this.#subscription.id);
      this.#position = stored.position;
      this.#nextBatch = stored.nextBatch;
      return { ...stored, position: stored.position === null ? null : this.#options.positions.parse(stored.position) };
    });
  }

  async setSuspension(epoch: number, reason: string | null): Promise<void> {
    await this.#once("suspension", async (session) => {
      const matched = await session.execute(suspensionSql, [reason, reason, this.#subscription.id, epoch]);
      if (matched === 0) await this.#refuseOldEpoch(session, epoch);
    });
  }

  async quarantined(): Promise<readonly { readonly table: TableMapping; readonly key: Key }[]> {
    return this.#once("quarantine", async (session) => {
      const rows = await session.query(
        "SELECT target_table, `key` FROM dongbo.quarantine WHERE subscription = ? ORDER BY first_seen, key_digest",
        [this.#subscription.id],
      );
      return rows.flatMap((row) => {
        const table = this.#subscription.tables.find((candidate) => printTable(candidate.target) === row["target_table"]);
        const key = (JSON.parse(row["key"] ?? "[]") as string[]).map((part) => Buffer.from(part, "utf8"));
        return table === undefined ? [] : [{ table, key }];
      });
    });
  }

  async terminate(): Promise<void> {
    await this.#endSession();
    const { id } = this.#subscription;
    await this.#once("terminate", async (session) => {
      await endLeftoverSessions(session, id);
      await session.execute("UPDATE dongbo.subscription SET share_state = 'TERMINATED', epoch = epoch + 1 WHERE id = ?", [id]);
    });
  }

  /** Nothing to be done: labels belong to each column's own type here, so a mapping that gained one has another type. */
  async refreshTypes(_table: TableMapping): Promise<void> {}

  async close(): Promise<void> {
    await this.#endSession();
  }

  /** The session for writing; a new one after a loss or where it was too small, and the catalogue read again when it may have changed. */
  async #session(epoch: number): Promise<Writing> {
    // A new transaction would commit what one that nobody ended has written: it must go with its session.
    const { session, busy } = this.#writing ?? {};
    if (session !== undefined && (session.lost || session.outgrown || busy === true)) await this.#endSession();
    this.#writing ??= await this.#openSession(epoch);
    if (this.#writing.catalogStale) {
      this.#writing.catalog = await readTargetCatalog(this.#writing.session.session, this.#subscription);
      this.#writing.catalogStale = false;
    }
    return this.#writing;
  }

  async #openSession(epoch: number): Promise<Writing> {
    const { id } = this.#subscription;
    const apply = await ApplySession.open(this.#options.address, id);
    try {
      const stored = await readCheckpoint(apply.session, id);
      if (stored.epoch !== epoch) await this.#refuseOldEpoch(apply.session, epoch);
      await apply.announce(id);
      // Read again: another session of ours may have committed until it was ended.
      const { position, nextBatch } = await readCheckpoint(apply.session, id);
      this.#refuseOtherCheckpoint({ position, nextBatch });
      const held = await readHeldRows(apply.session, this.#subscription);
      return {
        session: apply,
        held,
        catalog: await readTargetCatalog(apply.session, this.#subscription),
        nextBatch,
        catalogStale: false,
        busy: false,
      };
    } catch (error) {
      await apply.close();
      throw error;
    }
  }

  #over(writing: Writing, end: TransactionEnd): void {
    writing.busy = false;
    if (end.catalogStale) writing.catalogStale = true;
    if (end.committed === null) return;
    this.#position = end.committed;
    if (end.tookBatchId) writing.nextBatch += batchStep(this.#subscription.slice);
    this.#nextBatch = writing.nextBatch;
  }

  async #refuseOldEpoch(session: MysqlSession, epoch: number): Promise<never> {
    const stored = await readCheckpoint(session, this.#subscription.id);
    const subject = this.#subscription.id;
    // Epochs only rise: an older one is of a time before this worker took its own.
    if (stored.epoch < epoch)
      throw new ReplicationError("DB-RUN-012", { subject, cause: `it is at epoch ${stored.epoch} and was at ${epoch}` });
    throw new ReplicationError("DB-RUN-010", { subject, cause: `epoch ${stored.epoch} has taken over from epoch ${epoch}` });
  }

  /** Whoever went on from what it remembers would leave out what the target has lost meanwhile. */
  #refuseOtherCheckpoint({ position, nextBatch }: { readonly position: string | null; readonly nextBatch: number }): void {
    if (position === this.#position && nextBatch === this.#nextBatch) return;
    const is = `it is at ${position ?? "its beginning"} before batch ${nextBatch}`;
    const cause = `${is}, and was left at ${this.#position ?? "its beginning"} before batch ${this.#nextBatch}`;
    throw new ReplicationError("DB-RUN-012", { subject: this.#subscription.id, cause });
  }

  async #endSession(): Promise<void> {
    const session = this.#writing?.session;
    this.#writing = null;
    await session?.close();
  }

  /** A session for one purpose, so that none of these calls meets a transaction that is open. */
  async #once<T>(role: string, work: (session: MysqlSession) => Promise<T>): Promise<T> {
    const session = await openTargetSession(this.#options.address, role);
    try {
      return await work(session);
    } finally {
      await session.end();
    }
  }
}

const takeEpochSql = `
UPDATE dongbo.subscription SET epoch = GREATEST(epoch + 1, ?) WHERE id = ? AND epoch = COALESCE(?, epoch) AND epoch < ?`;

// Supply is suspended and resumed only between loading and termination; a copy that is not whole yet goes on loading.
const suspensionSql = `
UPDATE dongbo.subscription AS s SET
  suspended_reason = ?,
  share_state = CASE
    WHEN s.share_state NOT IN ('LOADING', 'ACTIVE', 'SUSPENDED') THEN s.share_state
    WHEN ? IS NOT NULL THEN 'SUSPENDED'
    WHEN EXISTS (SELECT 1 FROM dongbo.copy AS c
                 WHERE c.subscription = s.id AND c.withdrawn_at IS NULL AND (c.\`load\` IS NOT NULL OR c.copy_state = 'NEVER_SYNCED')) THEN 'LOADING'
    ELSE 'ACTIVE' END
WHERE s.id = ? AND s.epoch = ?`;
