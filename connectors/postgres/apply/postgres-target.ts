// A subscription's copy in a PostgreSQL database: preparing it, owning it, writing it.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { changedSince } from "../../../engine/target/changed-since.ts";
import { clearingTheWay, epochsOf, refuseLaterTerm } from "../../../engine/target/terms.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { PositionOrder } from "../../../engine/model/position.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { ColumnMapping, Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { ChangeTarget, Objection, StoredCheckpoint, TargetState, TargetTransaction } from "../../../engine/ports/change-target.ts";
import { connectPostgres, printAddress } from "../postgres-client.ts";
import { toReplicationError } from "../postgres-errors.ts";
import type pg from "pg";
import { ApplySession, endLeftoverSessions, ownSettings } from "./apply-session.ts";
import { makeDeferrable } from "./deferred-constraints.ts";
import { DirectCopy } from "./direct-copy.ts";
import { prepareTarget, refreshTypes } from "./prepare-target.ts";
import { readCheckpoint, readTargetState } from "./target-records.ts";
import { batchStep } from "../../../engine/target/batch-ids.ts";
import type { HeldRows } from "../../../engine/target/quarantine-book.ts";
import { readTargetCatalog, type TargetCatalog } from "./target-catalog.ts";
import { PostgresTargetTransaction, type TransactionEnd } from "./target-transaction.ts";

export interface PostgresTargetOptions {
  readonly address: ServerAddress;
  readonly subscription: Subscription;
  /** Roles that may read the copy. */
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
}

export class PostgresTarget implements ChangeTarget {
  readonly #options: PostgresTargetOptions;
  readonly #directCopy = new DirectCopy();
  #subscription: Subscription;
  #writing: Writing | null = null;
  /** The checkpoint's position as this worker last read or wrote it. */
  #position: string | null = null;
  /** And its next batch: while a copy is being loaded the position may stand. */
  #nextBatch = 0;
  /** The epoch at which it was prepared here; null: it was not. */
  #preparedAt: number | null = null;
  #typesRefreshed = false;
  /** A session that is free, for whatever comes next: a connection costs the server more than the few statements of each step. */
  #free: pg.Client | null = null;

  constructor(options: PostgresTargetOptions) {
    this.#options = options;
    this.#subscription = options.subscription;
  }

  async prepare(subscription: Subscription, objection?: Objection, term: number | null = null): Promise<TargetState> {
    // Statements and counts of before do not fit what is prepared now.
    await this.#endSession();
    this.#subscription = subscription;
    const attempt = (): Promise<TargetState> =>
      this.#once("prepare", async (client) => {
        const prepared = await prepareTarget(client, subscription, this.#options.readers, { objection });
        this.#free = client;
        return prepared;
      });
    const state = await clearingTheWay(attempt, () => this.#endOwnSessions(term));
    this.#preparedAt = state.checkpoint.epoch;
    return state;
  }

  #endOwnSessions(term: number | null): Promise<void> {
    const { id } = this.#subscription;
    return this.#once("take over", async (client) => {
      refuseLaterTerm(id, (await readCheckpoint(client, id)).epoch, epochsOf(term).end);
      await endLeftoverSessions(client, id);
    });
  }

  async takeEpoch(term: number | null = null): Promise<TargetState> {
    await this.#endSession();
    const { id } = this.#subscription;
    const { first, end } = epochsOf(term);
    const state = await this.#once("take over", async (client) => {
      // Before the sessions of whoever owns it are ended.
      refuseLaterTerm(id, this.#preparedAt ?? 0, end);
      await endLeftoverSessions(client, id);
      // What another slice has changed since must be looked at first.
      const at = this.#subscription.slice === undefined ? null : this.#preparedAt;
      const { rowCount } = await client.query(takeEpochSql, [id, at === null ? null : String(at), String(first), String(end)]);
      if (rowCount === 0 && at !== null) throw changedSince(id);
      if (rowCount === 0) refuseLaterTerm(id, (await readCheckpoint(client, id)).epoch, end);
      // A session that came in between may hold locks; what it writes can no longer be committed.
      await endLeftoverSessions(client, id);
      const taken = await readTargetState(client, this.#subscription);
      this.#free = client;
      return taken;
    });
    this.#position = state.checkpoint.position;
    this.#nextBatch = state.checkpoint.nextBatch;
    return state;
  }

  async begin(epoch: number): Promise<TargetTransaction> {
    const writing = await this.#session(epoch);
    return new PostgresTargetTransaction({
      session: writing.session,
      subscription: this.#subscription,
      catalog: writing.catalog,
      held: writing.held,
      directCopy: this.#directCopy,
      epoch,
      batchId: writing.nextBatch,
      typesRefreshed: this.#typesRefreshed,
      over: (end) => this.#over(writing, end),
    });
  }

  async checkpoint(): Promise<StoredCheckpoint> {
    await this.#endSession();
    return this.#once("checkpoint", async (client) => {
      // As long as the session that sent the commit lives, its commit may still take place.
      await endLeftoverSessions(client, this.#subscription.id);
      const stored = await readCheckpoint(client, this.#subscription.id);
      this.#position = stored.position;
      this.#nextBatch = stored.nextBatch;
      return { ...stored, position: stored.position === null ? null : this.#options.positions.parse(stored.position) };
    });
  }

  async setSuspension(epoch: number, reason: string | null): Promise<void> {
    await this.#once("suspension", async (client) => {
      const { rowCount } = await client.query(suspensionSql, [this.#subscription.id, String(epoch), reason]);
      if (rowCount === 0) await this.#refuseOldEpoch(client, epoch);
    });
  }

  /** Where a type was chosen, or stands for one of another family, the target has to judge the values' text. */
  takesNativeForm(table: TableMapping): boolean {
    return table.columns.every(hasOwnType) && this.#directCopy.expected(table);
  }

  async quarantined(): Promise<readonly { readonly table: TableMapping; readonly key: Key }[]> {
    return this.#once("quarantine", async (client) => {
      const { rows } = await client.query<{ target_table: string; key: string }>(
        "SELECT target_table, to_json(key) AS key FROM dongbo.quarantine WHERE subscription = $1 ORDER BY first_seen, key_digest",
        [this.#subscription.id],
      );
      return rows.flatMap((row) => {
        const table = this.#subscription.tables.find((candidate) => printTable(candidate.target) === row.target_table);
        const key = (JSON.parse(row.key) as string[]).map((part) => Buffer.from(part, "utf8"));
        return table === undefined ? [] : [{ table, key }];
      });
    });
  }

  async terminate(): Promise<void> {
    await this.#endSession();
    await this.#once("terminate", async (client) => {
      await endLeftoverSessions(client, this.#subscription.id);
      await client.query("UPDATE dongbo.subscription SET share_state = 'TERMINATED', epoch = epoch + 1 WHERE id = $1", [
        this.#subscription.id,
      ]);
    });
  }

  async refreshTypes(table: TableMapping): Promise<void> {
    await this.#once("types", (client) => refreshTypes(client, this.#subscription, table));
    this.#typesRefreshed = true;
  }

  async close(): Promise<void> {
    await this.#endSession();
    await this.#takeFree()
      ?.end()
      .catch(() => {});
  }

  /** The session for writing; a new one after a loss, and the catalogue read again when it may have changed. */
  async #session(epoch: number): Promise<Writing> {
    if (this.#writing !== null && this.#writing.session.lost) await this.#endSession();
    this.#writing ??= await this.#openSession(epoch);
    if (this.#writing.catalogStale) {
      this.#writing.catalog = await this.#catalog(this.#writing.session);
      this.#writing.catalogStale = false;
    }
    return this.#writing;
  }

  async #openSession(epoch: number): Promise<Writing> {
    const { id } = this.#subscription;
    const session = await ApplySession.open(this.#options.address, id, this.#takeFree());
    try {
      const stored = await readCheckpoint(session.client, id);
      if (stored.epoch !== epoch) await this.#refuseOldEpoch(session.client, epoch);
      // What an earlier one has sent would set back what this one writes.
      await endLeftoverSessions(session.client, id);
      // Read again: another session of ours may have committed until it was ended.
      const { position, nextBatch } = await readCheckpoint(session.client, id);
      this.#refuseOtherCheckpoint({ position, nextBatch });
      const held = await this.#heldRows(session.client);
      return { session, held, catalog: await this.#catalog(session), nextBatch, catalogStale: false };
    } catch (error) {
      await session.close();
      throw session.translate(error);
    }
  }

  async #catalog(session: ApplySession): Promise<TargetCatalog> {
    try {
      const catalog = await readTargetCatalog(session.client, this.#subscription);
      return (await makeDeferrable(session, catalog)) ? await readTargetCatalog(session.client, this.#subscription) : catalog;
    } catch (error) {
      throw session.translate(error);
    }
  }

  async #heldRows(client: pg.Client): Promise<HeldRows> {
    const { rows } = await client.query<{ target_table: string; key_digest: string }>(
      "SELECT target_table, key_digest FROM dongbo.quarantine WHERE subscription = $1",
      [this.#subscription.id],
    );
    const held: HeldRows = new Map();
    for (const table of this.#subscription.tables) {
      const digests = rows.filter((row) => row.target_table === printTable(table.target)).map((row) => row.key_digest);
      if (digests.length > 0) held.set(tableKey(table.target), new Set(digests));
    }
    return held;
  }

  #over(writing: Writing, end: TransactionEnd): void {
    if (end.catalogStale) writing.catalogStale = true;
    if (end.committed === null) return;
    this.#position = end.committed;
    if (end.tookBatchId) writing.nextBatch += batchStep(this.#subscription.slice);
    this.#nextBatch = writing.nextBatch;
    this.#typesRefreshed = false;
  }

  async #refuseOldEpoch(client: pg.Client, epoch: number): Promise<never> {
    const stored = await readCheckpoint(client, this.#subscription.id);
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

  #takeFree(): pg.Client | null {
    const client = this.#free;
    this.#free = null;
    return client;
  }

  /** A session for one purpose, so that none of these calls meets a transaction that is open. */
  async #once<T>(role: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = this.#takeFree() ?? (await connectPostgres(this.#options.address, { role, settings: ownSettings }));
    try {
      return await work(client);
    } catch (error) {
      throw toReplicationError(error, printAddress(this.#options.address));
    } finally {
      if (this.#free !== client) await client.end().catch(() => {});
    }
  }
}

function hasOwnType({ sourceType, targetType }: ColumnMapping): boolean {
  return sourceType.family === "postgres" && targetType === null;
}

const takeEpochSql = `
UPDATE dongbo.subscription SET epoch = greatest(epoch + 1, $3::bigint)
WHERE id = $1 AND epoch = coalesce($2::bigint, epoch) AND epoch < $4::bigint`;

// Supply is suspended and resumed only between loading and termination; a copy that is not whole yet goes on loading.
const suspensionSql = `
UPDATE dongbo.subscription AS s SET
  suspended_reason = $3,
  share_state = CASE
    WHEN s.share_state NOT IN ('LOADING', 'ACTIVE', 'SUSPENDED') THEN s.share_state
    WHEN $3::text IS NOT NULL THEN 'SUSPENDED'
    WHEN EXISTS (SELECT FROM dongbo.copy AS c
                 WHERE c.subscription = s.id AND c.withdrawn_at IS NULL AND (c.load IS NOT NULL OR c.copy_state = 'NEVER_SYNCED')) THEN 'LOADING'
    ELSE 'ACTIVE' END
WHERE s.id = $1 AND s.epoch = $2::bigint`;
