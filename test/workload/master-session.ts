// One writer's session on the master: transactions, and statements that tell exactly what they did. A dialect each.
import type { Effect } from "../checker/master-model.ts";
import type { GeneratedTable, Values } from "./population-tables.ts";

export interface MasterSession {
  begin(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Takes statements since a savepoint back, or keeps them. */
  savepoint(): Promise<void>;
  endSavepoint(kept: boolean): Promise<void>;
  /** Gives the transaction the next number. The ledger's row is the lock that puts commits in the order of their numbers. */
  number(writer: number): Promise<number>;
  /** Whether the transaction of that number took place and was this writer's. */
  holds(sequence: number, writer: number): Promise<boolean>;
  /** Inserts rows; one whose key is there already is left out. */
  insert(table: GeneratedTable, rows: readonly Values[]): Promise<Effect[]>;
  /** Updates rows by key; all updates set the same columns. Keys that are gone are passed over. */
  update(table: GeneratedTable, updates: readonly Update[]): Promise<Effect[]>;
  /** Deletes rows by key. */
  remove(table: GeneratedTable, keys: readonly string[]): Promise<Effect[]>;
  /** Empties a table. */
  clear(table: GeneratedTable): Promise<Effect[]>;
  /** An error that only says that two transactions crossed: the loser's never was. */
  crossed(error: unknown): boolean;
  end(): Promise<void>;
}

/** One row to update: its key as the pool knows it, and the new values, which may include a new key. */
export interface Update {
  readonly key: string;
  readonly values: Values;
}

/** A pool's key as values by column. */
export function keyValues(table: GeneratedTable, key: string): Values {
  const parts = JSON.parse(key) as string[];
  return Object.fromEntries(table.primaryKey.map((column, index) => [column, parts[index] ?? null]));
}

/** Values by column as the pool's key. */
export function keyOf(table: GeneratedTable, values: Values): string {
  return `[${table.primaryKey.map((column) => JSON.stringify(String(values[column]))).join(", ")}]`;
}
