import type { TableName } from "./table.ts";

/** A table of the consumer's own, in the target's database, whose rows refer to a copy's (RC-02). */
export interface CopyReference {
  readonly table: TableName;
  readonly columns: readonly string[];
  /** Columns of the copy by their names there, one for each of `columns`. */
  readonly to: readonly string[];
}

/**
 * Why the copy has no row that something refers to: the master has none, or none any more under this key · it has the row for others ·
 * it has it for this copy, which lacks it · the same, and the row is set aside · it was not asked, since the reference is not to the key.
 */
export type DanglingCause =
  | "not in the master"
  | "outside the share's filter"
  | "missing in the copy"
  | "in quarantine"
  | "no row of the copy has it";

/** What one registered table refers to and the copy does not have. Holds values: personal ones perhaps. */
export interface ReferenceReport {
  /** As it is registered: `schema.table`. */
  readonly table: string;
  readonly columns: readonly string[];
  /** Distinct values that no row of the copy has, and the rows that hold them. */
  readonly valuesCount: number;
  readonly rowsCount: number;
  /** Those that most rows hold; at most `danglingListedMax`. */
  readonly dangling: readonly DanglingReference[];
  /** Why that could not be found out, or not all of it; null: it was. Code and cause without values. */
  readonly problem: { readonly code: string; readonly cause: string; readonly remedy: string } | null;
}

export interface DanglingReference {
  /** One for each of `columns`, as text. */
  readonly values: readonly string[];
  /** That hold them. */
  readonly rows: number;
  readonly cause: DanglingCause;
}

export const danglingListedMax = 1_000;
