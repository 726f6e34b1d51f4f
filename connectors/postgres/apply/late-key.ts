// The primary key of a table that is loaded from nothing. Kept up row by row it is a quarter of what the target does for a load;
// made at the end from the rows that are there it is a tenth. So an empty table goes without until a statement needs the key, or
// the copy opens; one that lacks it otherwise is not as dongbo left it.
import { sqlState } from "../postgres-errors.ts";
import { type OpenTransaction, plain } from "./open-transaction.ts";
import { StatementFailure } from "./statement-batch.ts";
import { addKeySql } from "./table-sql.ts";
import type { TableShape, TargetCatalog } from "./target-catalog.ts";

/** Somebody uses the table (lock not available), or something hangs on the key. */
const keepsKey: ReadonlySet<string> = new Set(["55P03", "2BP01"]);

/** The keys of one transaction's tables. */
export class LateKeys {
  readonly #transaction: OpenTransaction;
  readonly #catalog: TargetCatalog;
  /** What this transaction did: true made, false taken away. */
  readonly #done = new Map<TableShape, boolean>();

  constructor(transaction: OpenTransaction, catalog: TargetCatalog) {
    this.#transaction = transaction;
    this.#catalog = catalog;
  }

  /** The catalogue as it was read does not hold any more. */
  get changed(): boolean {
    return this.#done.size > 0;
  }

  /** Before rows are copied. `first`: no earlier chunk of the load has been. Throws StatementFailure. */
  async beforeCopy(shape: TableShape, first: boolean): Promise<void> {
    // What waits for the end of the transaction would forbid to make the key before.
    const { foreignKeys, deferrableConstraints } = this.#catalog;
    if (foreignKeys.length > 0 || deferrableConstraints || shape.own !== null) await this.make(shape);
    else if (first && shape.shortKey) await this.#takeAway(shape);
  }

  /** Before anything that finds rows by their key, and before the copy opens. Throws StatementFailure. */
  async make(shape: TableShape): Promise<void> {
    if (this.#done.get(shape) ?? shape.primaryKey !== null) return;
    await this.#transaction.attempt([plain(addKeySql(shape))]);
    this.#done.set(shape, true);
  }

  async #takeAway(shape: TableShape): Promise<void> {
    if (shape.primaryKey === null) return;
    try {
      const lock = plain(`LOCK TABLE ${shape.physical} IN ACCESS EXCLUSIVE MODE NOWAIT`);
      const [, empty] = await this.#transaction.attempt([lock, plain(`SELECT NOT EXISTS (SELECT FROM ${shape.physical})`)]);
      if (empty?.rows[0]?.[0] !== "t") return;
      await this.#transaction.attempt([plain(`ALTER TABLE ${shape.physical} DROP CONSTRAINT ${shape.primaryKey}`)]);
      this.#done.set(shape, false);
    } catch (error) {
      if (!(error instanceof StatementFailure) || !keepsKey.has(sqlState(error.cause) ?? "")) throw error;
    }
  }
}
