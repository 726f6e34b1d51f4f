// One batch on its way into the target: data, quarantine, checkpoint and clock in one transaction (invariant 2).
import { assert } from "../../../engine/model/assert.ts";
import { failpoint } from "../../../engine/concurrency/failpoint.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { RowList } from "../../../engine/model/packed-rows.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { CheckpointWrite, CommitOutcome, TableChange, TargetTransaction, WriteOutcome } from "../../../engine/ports/change-target.ts";
import { type HeldRows, QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import { RowTally } from "../../../engine/target/row-tally.ts";
import { growthIn } from "../../../engine/target/told-growth.ts";
import { quoteIdentifier } from "../quote.ts";
import type { ApplySession } from "./apply-session.ts";
import { type CheckpointFacts, takesBatchId, writeCheckpoint } from "./checkpoint-write.ts";
import { OpenTransaction } from "./open-transaction.ts";
import { refusalOf, RowsRefused } from "./refusal.ts";
import { type MissingRows, RowWriter } from "./row-writer.ts";
import { TableWriter } from "./table-writer.ts";
import type { TargetCatalog } from "./target-catalog.ts";

/** What outlives a transaction and is changed by it. */
export interface TransactionParts {
  readonly session: ApplySession;
  readonly subscription: Subscription;
  readonly catalog: TargetCatalog;
  readonly held: HeldRows;
  readonly epoch: number;
  readonly batchId: number;
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

export class MysqlTargetTransaction implements TargetTransaction {
  readonly batchId: number;
  readonly #parts: TransactionParts;
  readonly #transaction: OpenTransaction;
  readonly #tally = new RowTally();
  readonly #book: QuarantineBook;
  readonly #writer: RowWriter;
  #open = true;
  #catalogStale = false;

  constructor(parts: TransactionParts) {
    const { session, subscription, catalog, batchId } = parts;
    this.#parts = parts;
    this.batchId = batchId;
    this.#transaction = new OpenTransaction(session);
    this.#book = new QuarantineBook(subscription, parts.held, refusalOf);
    const table = new TableWriter(this.#transaction, this.#tally, batchId);
    this.#writer = new RowWriter(table, catalog, this.#book);
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
    return this.write([{ table, truncate: false, deletes: [], upserts: rows, updates: [] }]);
  }

  async commit(checkpoint: CheckpointWrite): Promise<CommitOutcome> {
    return this.#working(async () => {
      await this.#writer.finish();
      for (const { table, progress, complete } of checkpoint.loads) {
        // Rows set aside before the load are read anew by it.
        if (progress.sweepBefore === this.batchId) this.#book.forgetHeld(table);
        if (complete && progress.sweepBefore !== null) await this.#writer.sweep(table, progress.sweepBefore);
      }
      failpoint("target-after-rows");
      return this.#commit(checkpoint);
    });
  }

  async rollback(): Promise<void> {
    if (!this.#open) return;
    this.#end({ committed: null, tookBatchId: false, catalogStale: this.#writer.tookCare });
    await this.#transaction.rollback();
  }

  async #commit(checkpoint: CheckpointWrite): Promise<CommitOutcome> {
    const { subscription, epoch } = this.#parts;
    const facts: CheckpointFacts = { subscription, epoch, batchId: this.batchId, checkpoint, tally: this.#tally, book: this.#book };
    const expired = await writeCheckpoint(this.#transaction, facts);
    failpoint("target-after-checkpoint");
    try {
      await this.#transaction.commit(() => failpoint("target-commit-sent"));
    } catch (error) {
      // Whatever it says: a session may have been ended before, or after, the commit had taken place.
      throw new ReplicationError("DB-RUN-011", { subject: subscription.id }, { cause: error });
    }
    failpoint("target-after-commit");
    const { stops } = this.#book.news();
    this.#book.settle();
    this.#end({ committed: checkpoint.position, tookBatchId: takesBatchId(facts), catalogStale: this.#writer.tookCare });
    return { expired, stops, quarantined: this.#book.total, grownBy: growthIn(this.#tally, this.#book) };
  }

  /** Tables whose foreign keys would delete or change rows on their own: nobody could say then what the copy holds. */
  #refuseSelfActing(tables: readonly TableMapping[]): void {
    const { subscription, catalog } = this.#parts;
    for (const { name, child, parent, actsByItself } of catalog.foreignKeys) {
      if (!tables.some((table) => tableKey(table.target) === tableKey(child.target))) continue;
      const cause = `${quoteIdentifier(name)} on ${printTable(child.physical)}`;
      if (actsByItself && parent !== null) this.#book.stop(child, "DB-TGT-016", cause);
      if (subscription.slice !== undefined) this.#book.stop(child, "DB-KAF-040", cause);
    }
  }

  #outcome(missing: MissingRows): WriteOutcome {
    return { missing, ...this.#book.news() };
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
      // Perhaps the owner has dropped or changed something that we still name: the next transaction looks again.
      this.#catalogStale = true;
      if (error instanceof RowsRefused) throw new ReplicationError("DB-MY-019", { subject: this.#parts.subscription.id }, { cause: error });
      throw error;
    }
  }
}
