import type { CanonicalForm } from "./canonical-form.ts";
import type { ReferenceReport } from "./copy-reference.ts";
import type { Key } from "./row.ts";

/** equal: all rows and compared columns are those of the master at the position · unverified: it could not be found out. */
export type Verdict = "equal" | "different" | "unverified";

/** What becomes of differences: nothing, a plan that a person approves, repair at once (RC-07). */
export type RepairPolicy = "none" | "review" | "auto";

/** How a row of the copy is not that of the master. Keys are in the source's text form. */
export type Difference =
  /** The master has it, the copy does not. */
  | { readonly class: "missing"; readonly key: Key }
  /** The copy has it, and no right to it; `outsideFilter`: the master has it, for others (over-disclosure, CP-02, RC-08). */
  | { readonly class: "extra"; readonly key: Key; readonly outsideFilter: boolean }
  /** `columns`: names in the copy; `unicodeFormOnly`: nothing differs but how the same characters are composed. */
  | { readonly class: "different"; readonly key: Key; readonly columns: readonly string[]; readonly unicodeFormOnly: boolean }
  /** The copy has the key more than once. */
  | { readonly class: "duplicate"; readonly key: Key };

export type DifferenceClass = Difference["class"];

/** Why repair waits for a person, though the policy was to repair at once. */
export type Breaker = "too many rows" | "one column explains most" | "mass delete" | "master lost rows";

/** Rows of a plan: nobody looks through more of them, and loading anew is less than repairing so many. */
export const planRowsMax = 10_000;

/** What was done about differences. */
export type ReconcileAction =
  | { readonly kind: "none" }
  /** `breaker`: null where the policy is review. */
  | { readonly kind: "plan"; readonly breaker: Breaker | null }
  | { readonly kind: "repaired"; readonly rows: number };

/** What comparing one table of one subscription came to (RC-10). Holds keys: personal values. */
export interface TableComparison {
  readonly verdict: Verdict;
  /** Why it is unverified; null: it is not. Code and cause without values. */
  readonly problem: { readonly code: string; readonly cause: string; readonly remedy: string } | null;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** Of the master's log; the newest at which a part of the copy was looked at. Null: none was. */
  readonly position: string | null;
  readonly sourceIdentity: string | null;
  readonly rowsChecked: number;
  /** Sum of the digests of the copy's rows, 128 bits, hexadecimal. */
  readonly digest: string;
  /** Of the way in which rows were hashed (canonical-form.ts): digests of other versions are not comparable. */
  readonly canonicalVersion: number;
  /** Every one that was found, in no order. */
  readonly differences: readonly Difference[];
  /** Rows that never stood still for long enough to be judged. */
  readonly unsettled: number;
  /** Differing rows that are known to be in quarantine: no differences. */
  readonly quarantined: number;
  readonly columns: readonly { readonly name: string; readonly form: CanonicalForm }[];
  readonly skipped: readonly { readonly column: string; readonly why: string }[];
  /** Bytes of digests and keys that were sent, both sides. */
  readonly bytesSent: number;
}

/** The same with what it is evidence of. */
export interface ReconcileReport extends TableComparison {
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
  readonly sourceTable: string;
  readonly agreementId: string;
  /** Of the configuration that was in force; null: none was recorded. */
  readonly configurationVersion: number | null;
  /** SHA-256 of filter and columns as they are agreed, hexadecimal. */
  readonly contractDigest: string;
  /**
   * What comparing with what was sent came to, where the master could not be asked: that the copy equals the master is never said then,
   * and `verdict` is never equal. Null: the copy was compared with the master itself.
   */
  readonly sent: Verdict | null;
  readonly policy: RepairPolicy;
  readonly action: ReconcileAction;
  /** Differences of the same run that were gone when they were looked at again after the repair. */
  readonly repaired: number;
  /** These rows (RC-05). */
  readonly repairs: readonly RowRepair[];
  /** Of each table that is registered as referring to the copy, in the order of the configuration. Says nothing of the verdict. */
  readonly references: readonly ReferenceReport[];
}

/** One row that was made what the master has: its digests in the copy, hexadecimal, null where there was, or is, no row. */
export interface RowRepair {
  readonly key: Key;
  readonly before: string | null;
  readonly after: string | null;
}
