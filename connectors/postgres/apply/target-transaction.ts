// One batch on its way into the target: data, quarantine, checkpoint and clock in one transaction (invariant 2).
import { assert } from "../../../engine/model/assert.ts";
import { failpoint, isArmed } from "../../../engine/concurrency/failpoint.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { RowList } from "../../../engine/model/packed-rows.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { CheckpointWrite, CommitOutcome, TableChange, TargetTransaction, WriteOutcome } from "../../../engine/ports/change-target.ts";
import { sqlState } from "../postgres-errors.ts";
import type { ApplySession } from "./apply-session.ts";
import {
  type CheckpointFacts,
  batchStatements,
  checkpointStatement,
  countStatements,
  quarantineStatements,
  takesBatchId,
} from "./checkpoint-sql.ts";
import { constraintSettings, selfActing, settleConstraints } from "./deferred-constraints.ts";
import type { DirectCopy } from "./direct-copy.ts";
import { OpenTransaction, plain, refusesRows } from "./open-transaction.ts";
import { type HeldRows, QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import { RowTally } from "../../../engine/target/row-tally.ts";
import { growthIn } from "../../../engine/target/told-growth.ts";
import { refusalOf } from "./refusal.ts";
import { type MissingRows, RowWriter } from "./row-writer.ts";
import { type Statement, StatementFailure, type StatementResult } from "./statement-batch.ts";
import { sweepSql } from "./table-sql.ts";
import type { ForeignKey, TableShape, TargetCatalog } from "./target-catalog.ts";

/** What outlives a transaction and is changed by it. */
export interface TransactionParts {
  readonly session: ApplySession;
  readonly subscription: Subscription;
  readonly catalog: TargetCatalog;
  readonly held: HeldRows;
  readonly directCopy: DirectCopy;
  readonly epoch: number;
  readonly batchId: number;
  readonly typesRefreshed: boolean;
  /** Called once when the transaction is over: how it ended, and what must be known for the next. */
  readonly over: (end: TransactionEnd) => void;
}

export interface TransactionEnd {
  /** The position written with it; null when it did not take place. */
  readonly committed: Position | null;
  /** The batch id was used up. */
  readonly tookBatchId: boolean;
  /** Something did not go as the catalogue, when it was read, let expect. */
  readonly catalogStale: boolean;
}

export class PostgresTargetTransaction implements TargetTransaction {
  readonly batchId: number;
  readonly #parts: TransactionParts;
  readonly #transaction: OpenTransaction;
  readonly #tally = new RowTally();
  readonly #book: QuarantineBook;
  readonly #writer: RowWriter;
  #open = true;

  constructor(parts: TransactionParts) {
    const { session, subscription, catalog, batchId } = parts;
    this.#parts = parts;
    this.batchId = batchId;
    this.#transaction = new OpenTransaction(session, constraintSettings(catalog));
    this.#book = new QuarantineBook(subscription, parts.held, refusalOf);
    this.#writer = new RowWriter({
      transaction: this.#transaction,
      catalog,
      book: this.#book,
      tally: this.#tally,
      batchId,
      typesRefreshed: parts.typesRefreshed,
    });
  }

  get rowsWritten(): number {
    return this.#tally.written;
  }

  get rowsDeleted(): number {
    return this.#tally.deleted;
  }

  async write(changes: readonly TableChange[]): Promise<WriteOutcome> {
    return this.#working(async () => {
      this.#refuseSelfActing(changes.map((change) => change.table));
      return this.#outcome(await this.#writer.write(changes));
    });
  }

  async load(table: TableMapping, rows: RowList): Promise<WriteOutcome> {
    return this.#working(async () => {
      this.#refuseSelfActing([table]);
      const copied = await this.#copied(table, rows);
      if (copied) return this.#outcome([]);
      return this.#outcome(await this.#writer.write([{ table, truncate: false, deletes: [], upserts: rows, updates: [] }]));
    });
  }

  async commit(checkpoint: CheckpointWrite): Promise<CommitOutcome> {
    return this.#working(async () => {
      await this.#writer.finish();
      for (const { table, progress, complete } of checkpoint.loads) {
        // Rows set aside before the load are read anew by it.
        if (progress.sweepBefore === this.batchId) this.#book.forgetHeld(table);
        if (complete && progress.sweepBefore !== null) await this.#sweep(this.#shape(table), progress.sweepBefore);
      }
      await settleConstraints({
        transaction: this.#transaction,
        catalog: this.#parts.catalog,
        book: this.#book,
        tally: this.#tally,
        quarantineMax: this.#parts.subscription.quarantineMax,
      });
      failpoint("target-after-rows");
      return this.#commit(checkpoint);
    });
  }

  async rollback(): Promise<void> {
    if (!this.#open) return;
    this.#end({ committed: null, tookBatchId: false, catalogStale: this.#writer.tookCare });
    try {
      await this.#transaction.rollback();
    } catch (error) {
      throw this.#parts.session.translate(error);
    }
  }

  /** Snapshot rows are new as a rule: straight into the table, and through the slow door only when they are not. */
  async #copied(table: TableMapping, rows: RowList): Promise<boolean> {
    const shape = this.#shape(table);
    const { directCopy } = this.#parts;
    if (rows.length === 0 || this.#book.isStopped(table)) return true;
    // COPY would store what another type makes of a value, whatever that is.
    if (shape.columns.some((column) => column.checked !== null) || !directCopy.worthTrying(table)) return false;
    try {
      const copied = await this.#transaction.attemptCopy(shape, rows, this.batchId);
      this.#tally.addWritten(table, copied, copied);
      this.#writer.written(shape, rows);
      directCopy.succeeded(table);
      return true;
    } catch (error) {
      if (!refusesRows(error)) throw error;
      if (sqlState(error.cause) === "23505") directCopy.collided(table);
      return false;
    }
  }

  /** Rows that the finished load has not seen are no longer at the source. */
  async #sweep(shape: TableShape, before: number): Promise<void> {
    try {
      const [result] = await this.#transaction.attempt([{ sql: sweepSql(shape), parameters: [String(before)] }]);
      this.#tally.addDeleted(shape.mapping, result?.count ?? 0);
    } catch (error) {
      if (!refusesRows(error)) throw error;
      this.#book.stop(shape.mapping, "DB-ROW-009", "a foreign key or a trigger of the target keeps it");
    }
  }

  async #commit(checkpoint: CheckpointWrite): Promise<CommitOutcome> {
    const { subscription, epoch } = this.#parts;
    const facts: CheckpointFacts = { subscription, epoch, batchId: this.batchId, checkpoint, tally: this.#tally, book: this.#book };
    const beside = [...countStatements(facts), ...quarantineStatements(facts), ...batchStatements(facts)];
    const results = await this.#send([checkpointStatement(facts), ...beside]);
    failpoint("target-after-commit");
    const stops = this.#book.news().stops;
    this.#book.settle();
    this.#end({ committed: checkpoint.position, tookBatchId: takesBatchId(facts), catalogStale: this.#writer.tookCare });
    return { expired: this.#tables(results), stops, quarantined: this.#book.total, grownBy: growthIn(this.#tally, this.#book) };
  }

  /** One round trip, the checkpoint statement first. A heartbeat needs no transaction block: its only statement is a transaction by itself. */
  async #send(statements: readonly Statement[]): Promise<StatementResult> {
    const alone = !this.#transaction.begun && statements.length === 1;
    try {
      if (alone) return first(await this.#parts.session.run(statements, sent));
      if (isArmed("target-after-checkpoint")) {
        const results = await this.#transaction.run(statements);
        failpoint("target-after-checkpoint");
        await this.#parts.session.run([plain("COMMIT")], sent);
        return first(results);
      }
      return first(await this.#transaction.run([...statements, plain("COMMIT")], sent));
    } catch (error) {
      throw await this.#commitFailure(error, alone ? statements.length - 1 : statements.length);
    }
  }

  /** `decisive`: the statement whose answer tells that the commit took place. */
  async #commitFailure(error: unknown, decisive: number): Promise<unknown> {
    const { session, subscription } = this.#parts;
    if (!(error instanceof StatementFailure)) return error;
    const state = sqlState(error.cause);
    const fatal = (error.cause as { severity?: unknown }).severity !== "ERROR";
    if (state === null || (fatal && error.index >= decisive))
      return new ReplicationError("DB-RUN-011", { subject: subscription.id }, { cause: session.translate(error) });
    if (state === "22012" && error.index === 0) return this.#whyRefused();
    // A constraint that waits for the commit and is not in the catalogue as we read it.
    if (state.startsWith("23") && error.index >= decisive) {
      this.#catalogStale = true;
      return new ReplicationError("DB-TGT-017", { subject: subscription.id }, { cause: session.translate(error) });
    }
    return error;
  }

  #catalogStale = false;

  /** The checkpoint statement found no row of ours to write. */
  async #whyRefused(): Promise<ReplicationError> {
    const { session, subscription, epoch } = this.#parts;
    await this.#transaction.rollback();
    const [result] = await session.run([{ sql: "SELECT epoch FROM dongbo.subscription WHERE id = $1", parameters: [subscription.id] }]);
    const stored = result?.rows[0]?.[0];
    if (stored === undefined || Number(stored) === epoch) return new ReplicationError("DB-TGT-004", { subject: subscription.id });
    return new ReplicationError("DB-RUN-010", { subject: subscription.id, cause: `epoch ${stored} has taken over from epoch ${epoch}` });
  }

  /** Copies that the checkpoint statement found expired. */
  #tables(result: StatementResult): TableMapping[] {
    const names = new Set(JSON.parse(result.rows[0]?.[1] ?? "[]") as string[]);
    return this.#parts.subscription.tables.filter((table) => names.has(printTable(table.target)));
  }

  #refuseSelfActing(tables: readonly TableMapping[]): void {
    const { subscription, catalog } = this.#parts;
    const isConcerned = ({ child }: ForeignKey): boolean => tables.some((table) => tableKey(table.target) === tableKey(child.target));
    for (const { key, cause } of selfActing(catalog)) if (isConcerned(key)) this.#book.stop(key.child, "DB-TGT-016", cause);
    if (subscription.slice === undefined) return;
    for (const key of catalog.foreignKeys)
      if (isConcerned(key)) this.#book.stop(key.child, "DB-KAF-040", `${key.name} on ${printTable(key.child.physical)}`);
  }

  #outcome(missing: MissingRows): WriteOutcome {
    return { missing, ...this.#book.news() };
  }

  #shape(table: TableMapping): TableShape {
    const shape = this.#parts.catalog.shapes.get(tableKey(table.target));
    assert(shape !== undefined, "every table of the subscription was read from the target's catalogue");
    return shape;
  }

  #end(end: TransactionEnd): void {
    this.#open = false;
    this.#parts.over({ ...end, catalogStale: end.catalogStale || this.#catalogStale });
  }

  async #working<T>(work: () => Promise<T>): Promise<T> {
    assert(this.#open, "a target transaction is used until it is committed or rolled back");
    try {
      return await work();
    } catch (error) {
      if (error instanceof ReplicationError || !(error instanceof StatementFailure)) throw error;
      // Perhaps the owner has dropped a constraint that we still name: the next transaction looks again.
      this.#catalogStale = true;
      throw this.#parts.session.translate(error);
    }
  }
}

/** The checkpoint statement's answer. */
function first(results: readonly StatementResult[]): StatementResult {
  return results[0] ?? { rows: [], count: 0 };
}

/** The commit is on its way and may or may not be answered. */
function sent(): void {
  failpoint("target-commit-sent");
}
