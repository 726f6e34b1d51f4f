// One database transaction: begun with its first statement, and able to step back from a statement that fails.
import type { RowList } from "../../../engine/model/packed-rows.ts";
import { failpoint } from "../../../engine/concurrency/failpoint.ts";
import { BinaryRows } from "../binary-rows.ts";
import { isDataError, sqlState } from "../postgres-errors.ts";
import { listedColumn, TextArray } from "./array-parameter.ts";
import { copyLines } from "./copy-lines.ts";
import { type Statement, StatementFailure, type StatementResult } from "./statement-batch.ts";
import { batchColumn, batchColumnType, copySql, countTypesSql, lockSql } from "./table-sql.ts";
import type { TableShape } from "./target-catalog.ts";
import type { ApplySession } from "./apply-session.ts";

export const plain = (sql: string): Statement => ({ sql, parameters: [] });

/** Rolling back to a savepoint keeps it: left open, the next would lie inside of it, and each holds a lock of the server's. */
const stepBack = [plain("ROLLBACK TO SAVEPOINT dongbo"), plain("RELEASE SAVEPOINT dongbo")];

export class OpenTransaction {
  readonly session: ApplySession;
  readonly #opening: readonly Statement[];
  #begun = false;

  /** `settings`: statements that each transaction starts with. */
  constructor(session: ApplySession, settings: readonly Statement[]) {
    this.session = session;
    this.#opening = [plain("BEGIN"), ...settings];
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Runs statements in one round trip. A failure leaves the transaction broken. Throws StatementFailure. */
  async run(statements: readonly Statement[], sent?: () => void): Promise<readonly StatementResult[]> {
    if (this.#begun) return this.session.run(statements, sent);
    failpoint("target-before-begin");
    const opening = this.#opening;
    try {
      const results = await this.session.run([...opening, ...statements], sent);
      this.#begun = true;
      return results.slice(opening.length);
    } catch (error) {
      this.#begun = true;
      throw error instanceof StatementFailure ? new StatementFailure(error.index - opening.length, error.cause) : error;
    }
  }

  /** As run, but a failure that the server answered undoes these statements only. */
  async attempt(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    if (!this.#begun) {
      // Nothing is written yet, so the transaction itself can be given up: no savepoint, which costs a transaction id.
      return this.#undone(this.run(statements), [plain("ROLLBACK")], false);
    }
    const enclosed = [plain("SAVEPOINT dongbo"), ...statements, plain("RELEASE SAVEPOINT dongbo")];
    const results = await this.#undone(this.session.run(enclosed), stepBack, true);
    return results.slice(1, -1);
  }

  /** COPY of rows into a table; a failure that the server answered undoes the COPY only. Gives the number of rows. */
  async attemptCopy(shape: TableShape, rows: RowList, batchId: number): Promise<number> {
    const first = !this.#begun;
    const asking = rows instanceof BinaryRows ? askForTypes(shape, rows) : [];
    const answers = await this.run([...(first ? [] : [plain("SAVEPOINT dongbo")]), ...asking]);
    const undo = first ? [plain("ROLLBACK")] : stepBack;
    const copied = await this.#undone(this.#copy(shape, rows, { batchId, alike: Number(answers.at(-1)?.rows[0]?.[0]) }), undo, !first);
    if (!first) await this.run([plain("RELEASE SAVEPOINT dongbo")]);
    return copied;
  }

  /** `alike`: columns of the types that binary rows need; where one of them is not, the server has to read the rows' text. */
  #copy(shape: TableShape, rows: RowList, { batchId, alike }: { readonly batchId: number; readonly alike: number }): Promise<number> {
    if (rows instanceof BinaryRows && alike === rows.types.length + 1)
      return this.session.copyIn(copySql(shape, "binary"), rows.withColumn(batchId));
    return this.session.copyIn(copySql(shape, "text"), copyLines(rows, String(batchId)));
  }

  /** Gives everything up. A connection that is gone has done so already. */
  async rollback(): Promise<void> {
    if (!this.#begun || this.session.lost) return;
    this.#begun = false;
    await this.session.run([plain("ROLLBACK")]);
  }

  /** COMMIT was answered, or the server has ended the transaction by itself. */
  ended(): void {
    this.#begun = false;
  }

  async #undone<T>(work: Promise<T>, undo: readonly Statement[], begunAfter: boolean): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (this.session.lost || !(error instanceof StatementFailure) || sqlState(error.cause) === null) throw error;
      await this.session.run(undo);
      this.#begun = begunAfter;
      throw error;
    }
  }
}

/**
 * In COPY's binary format a server takes 8 bytes for a time, a number or an amount as its column is, and nobody would notice: so the types
 * are asked for in the same transaction, and under a lock that keeps them as they are until its end.
 */
function askForTypes(shape: TableShape, { types }: BinaryRows): Statement[] {
  const columns = [...shape.mapping.columns.map(({ target }) => target), batchColumn];
  const parameters = [shape.physical, listed(columns), listed([...types, batchColumnType])];
  return [plain(lockSql(shape)), { sql: countTypesSql, parameters }];
}

function listed(texts: readonly string[]): TextArray {
  return new TextArray(listedColumn(texts.map((text) => Buffer.from(text, "utf8"))));
}

/**
 * The target refused these rows as they are: other rows may pass, the same ones will not. Beside what every caller calls a
 * data error: a type that does not match, two rows of one statement with the same key, a trigger's own error.
 */
export function refusesRows(error: unknown): error is StatementFailure {
  if (!(error instanceof StatementFailure)) return false;
  const state = sqlState(error.cause) ?? "";
  return isDataError(error.cause) || state === "42804" || state === "21000" || state.startsWith("P0");
}

/** The rows may pass once other rows of the same source transaction have been written. */
export function mayPassLater(error: StatementFailure): boolean {
  return ["23505", "23P01", "23503"].includes(sqlState(error.cause) ?? "");
}

/** An enum type of the target lacks a label. `routine` is the server function that says so; the state alone says less. */
export function lacksEnumLabel(error: unknown): boolean {
  if (!(error instanceof StatementFailure)) return false;
  const { code, routine } = error.cause as { code?: unknown; routine?: unknown };
  return code === "22P02" && routine === "enum_in";
}
