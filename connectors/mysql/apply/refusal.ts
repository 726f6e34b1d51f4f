// What the server's error, or its warning, says of rows that it refuses or would change.
import type { ErrorCode } from "../../../engine/model/error-codes.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Refusal } from "../../../engine/target/quarantine-book.ts";
import { errorNumber, isDataError, sqlState } from "../mysql-errors.ts";

/** The server refused a statement for the rows in it, or carried it out and changed a value: other rows may pass. */
export class RowsRefused extends Error {
  readonly refusal: Refusal;
  /** The server's error number (MySQL "Server Error Message Reference", MariaDB "Error Codes"). */
  readonly number: number;

  constructor(refusal: Refusal, number: number) {
    super(`rows were refused with ${refusal.code}, error ${number}`);
    this.name = "RowsRefused";
    this.refusal = refusal;
    this.number = number;
  }

  /** The rows may pass once other rows of the same source transaction have been written. */
  get mayPassLater(): boolean {
    return duplicate.has(this.number) || foreignKey.has(this.number);
  }
}

/** Tells refusals from failures, and remembers whether there was any. */
export class RefusalWatch {
  #seen = false;

  get seen(): boolean {
    return this.#seen;
  }

  /** False when the target refuses the rows; every other failure is thrown. */
  async passed(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#asRefusal(error);
      return false;
    }
  }

  /** Halves what fails until single items are found: about k·log n statements for k bad items among n. */
  async divide<T>(
    items: readonly T[],
    work: (some: readonly T[]) => Promise<void>,
    refused: (item: T, refusal: RowsRefused) => Promise<void>,
  ): Promise<void> {
    const [first] = items;
    if (first === undefined) return;
    try {
      await work(items);
    } catch (error) {
      const refusal = this.#asRefusal(error);
      if (items.length === 1) return refused(first, refusal);
      const middle = items.length >> 1;
      await this.divide(items.slice(0, middle), work, refused);
      await this.divide(items.slice(middle), work, refused);
    }
  }

  #asRefusal(error: unknown): RowsRefused {
    if (!(error instanceof RowsRefused)) throw error;
    this.#seen = true;
    return error;
  }
}

const duplicate: ReadonlySet<number> = new Set([1022, 1062, 1169, 1586, 1761, 1762]);
const foreignKey: ReadonlySet<number> = new Set([1216, 1217, 1451, 1452]);
const empty: ReadonlySet<number> = new Set([1048, 1263, 1364]);
const check: ReadonlySet<number> = new Set([3819, 4025]);
const tooLarge: ReadonlySet<number> = new Set([139, 1118]);
/** SIGNAL in a trigger. */
const signal = 1644;

/** An error of the driver's as a refusal; null when it is no fault of the rows. */
export function rowsRefused(error: unknown): RowsRefused | null {
  const number = errorNumber(error);
  const state = sqlState(error);
  if (number === null) return null;
  // A trigger may signal any SQLSTATE; all but those of class 45 the server may also raise for reasons of its own.
  if (!isDataError(error) && state?.startsWith("45") !== true) return null;
  return new RowsRefused({ code: codeOf(number), sqlstate: state, detail: namedObject(messageOf(error)) }, number);
}

/** What the server says beside its answer. */
export interface Warning {
  readonly number: number;
  readonly message: string;
}

/** The first of these that tells of a changed value in another column than these; null: there is none. */
export function changedValue(warnings: readonly Warning[], accepted: readonly string[]): RowsRefused | null {
  for (const { number, message } of warnings) {
    const detail = namedObject(message);
    if (!accepted.some((column) => detail === `column ${column}`))
      return new RowsRefused({ code: "DB-ROW-001", sqlstate: null, detail }, number);
  }
  return null;
}

/** A row refers to one that had to go. */
export function dangling(constraint: string): RowsRefused {
  return new RowsRefused({ code: "DB-ROW-004", sqlstate: "23000", detail: `constraint ${constraint}` }, 1452);
}

/** For the book of what is set aside. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof RowsRefused) return error.refusal;
  if (error instanceof ReplicationError) return { code: error.code, sqlstate: null, detail: null };
  return { code: "DB-ROW-006", sqlstate: null, detail: null };
}

function codeOf(number: number): ErrorCode {
  if (empty.has(number)) return "DB-ROW-002";
  if (duplicate.has(number)) return "DB-ROW-003";
  if (foreignKey.has(number)) return "DB-ROW-004";
  if (check.has(number)) return "DB-ROW-005";
  if (tooLarge.has(number)) return "DB-ROW-007";
  return number === signal ? "DB-ROW-006" : "DB-ROW-001";
}

/**
 * The column or constraint that the server names at the end of its sentence, where no value of a row can stand; MySQL puts
 * the table before an index. Null in another language than English.
 */
function namedObject(message: string): string | null {
  const column =
    /for column [^'`]*(?:[`'][^`']*[`']\.)*[`']([^`']+)[`'] at row \d+$/.exec(message) ?? /^Column '([^']+)' cannot be null$/.exec(message);
  if (column !== null) return `column ${column[1] ?? ""}`;
  const constraint =
    /for key '(?:[^'.]+\.)?([^']+)'$/.exec(message) ??
    /, CONSTRAINT `([^`]+)` FOREIGN KEY \([^']*$/.exec(message) ??
    /^CONSTRAINT [`']([^`']+)[`'] failed/.exec(message) ??
    /^Check constraint '([^']+)' is violated/.exec(message);
  return constraint === null ? null : `constraint ${constraint[1] ?? ""}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}
