import type { DanglingCause, ReferenceReport } from "../model/copy-reference.ts";
import type {
  Breaker,
  DifferenceClass,
  ReconcileAction,
  ReconcileReport,
  RepairPolicy,
  TableComparison,
  Verdict,
} from "../model/reconcile-report.ts";
import type { Key } from "../model/row.ts";
import type { Actor } from "./actor.ts";

/**
 * What the control database keeps of comparisons of copies with their master: evidence, which names no row, and, until they are
 * carried out, what is to be repaired. Every method is one short transaction. Throws ReplicationError with a DB-CTL code, and
 * DB-REC-008 where there is no such thing.
 */
export interface ReconcileRecords {
  /**
   * Writes a run down for ever, behind the one before it. `after`: only if no run of the same copy's table is newer than this one; else
   * null, and nothing is written. Null: whatever others have recorded.
   */
  recordReconcile(report: ReconcileReport, by: Actor, after?: null): Promise<RecordedRun>;
  recordReconcile(report: ReconcileReport, by: Actor, after: number | null): Promise<RecordedRun | null>;
  /** Newest first, at most `limit`; null: of all subscriptions. */
  reconcileRuns(subscription: string | null, limit: number): Promise<readonly RecordedRun[]>;
  reconcileRun(id: number): Promise<RecordedRun>;
  /** The first run that is not as it was written down, or is missing; null: all are there, as they were, in their order. */
  verifyReconcileChain(): Promise<number | null>;
  /** What is to be repaired once a person has approved it. One plan a run. */
  recordPlan(plan: PlanRequest, by: Actor): Promise<void>;
  /** Null: the run left no plan. */
  plan(run: number): Promise<RepairPlan | null>;
  /** Orders the repair, and gives the order's id; of a plan that was approved already, that of its order. Throws DB-REC-009. */
  approvePlan(run: number, by: Actor): Promise<number>;
  /** It is not carried out, and its keys are forgotten. Throws DB-REC-009. */
  dropPlan(run: number, by: Actor): Promise<void>;
  /** Asks for rows to be made what they are at the master. The same order, still pending, is not given twice: its id is returned again. */
  orderRepair(order: RepairRequest, by: Actor): Promise<number>;
  /** Tells the provider of what may be its mistake (D47 52.2c). Gives the notice's id. */
  noteError(notice: ErrorNoticeRequest, by: Actor): Promise<number>;
  /** Newest first; null: of all shares. */
  errorNotices(share: string | null): Promise<readonly ErrorNotice[]>;
  /** The provider's answer, which closes the notice; a later one takes its place. */
  answerError(id: number, answer: string, by: Actor): Promise<void>;
  /** How far a run has come that has not ended, as it was last recorded; null: none has begun. May hold keys. */
  reconcileProgress(subscription: string, table: string): Promise<ReconcileProgress | null>;
  /** Null: the run has ended; its parts, where it had some, are forgotten too. */
  recordProgress(subscription: string, table: string, progress: ReconcileProgress | null): Promise<void>;
  /** Has a table compared in parts; where it is in parts already, nothing happens. */
  splitComparison(subscription: string, table: string, parts: readonly ReconcileProgress[]): Promise<void>;
  /** Of all comparisons that are in parts. */
  comparisonParts(): Promise<readonly ComparisonPart[]>;
  /** How far those of one table have come, in their order. May hold keys. */
  partsProgress(subscription: string, table: string): Promise<readonly PartProgress[]>;
  /** Does nothing where there is no such part any more, or it is not open. */
  recordPart(part: Omit<ComparisonPart, "state">, state: ComparisonPart["state"], progress: ReconcileProgress): Promise<void>;
}

/** One part of a comparison that was split. */
export interface ComparisonPart {
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
  /** From 1. */
  readonly part: number;
  /** Names the splitting: another one of the same table has another name. */
  readonly split: string;
  /** failed: it cannot be compared by itself. */
  readonly state: "open" | "done" | "failed";
}

export interface PartProgress extends ComparisonPart {
  readonly progress: ReconcileProgress;
}

/** Plain data; what it holds is the business of whoever compares. */
export type ReconcileProgress = Readonly<Record<string, unknown>>;

/** One run as it is in the chain (RC-10). */
export interface RecordedRun {
  /** Counts up from 1 without gaps. */
  readonly id: number;
  readonly record: RunRecord;
  /** SHA-256, hexadecimal, of `previousHash` and the record as text. */
  readonly hash: string;
  /** Of the run before it; of the first one 64 zeros. */
  readonly previousHash: string;
}

/** The shape in which runs are kept for ever: JSON, keys in this order, instants in ISO 8601. Names no row. */
export interface RunRecord {
  /** Counts up when the shape changes. */
  readonly format: 1;
  readonly id: number;
  /** By the control database's clock. */
  readonly recorded_at: string;
  readonly by: Actor;
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
  readonly source_table: string;
  readonly agreement: string;
  readonly configuration_version: number | null;
  readonly contract_digest: string;
  readonly canonical_version: number;
  readonly verdict: Verdict;
  /** ReconcileReport.sent; not there: null. */
  readonly sent?: Verdict;
  readonly problem: TableComparison["problem"];
  readonly started_at: string;
  readonly ended_at: string;
  readonly position: string | null;
  readonly source_identity: string | null;
  readonly rows_checked: number;
  readonly digest: string;
  readonly differences: Readonly<Record<DifferenceClass, ClassRecord>>;
  /** Of the extra rows those that the master has for others. */
  readonly outside_filter_count: number;
  /** Of the differing rows those in which nothing differs but how the same characters are composed. */
  readonly unicode_form_only_count: number;
  /** Names of columns in the copy and in how many rows each differs, by name. */
  readonly different_columns: Readonly<Record<string, number>>;
  readonly unsettled: number;
  readonly quarantined: number;
  readonly columns: TableComparison["columns"];
  readonly skipped: TableComparison["skipped"];
  /** What refers to the copy (RC-02). */
  readonly references: readonly ReferenceRecord[];
  readonly bytes_sent: number;
  readonly policy: RepairPolicy;
  readonly action: ReconcileAction;
  readonly repaired: number;
  /** Each row that was repaired, named by its fingerprint (see keyFingerprint), with its digests before and after (RC-05). */
  readonly repairs: readonly { readonly row: string; readonly before: string | null; readonly after: string | null }[];
}

/** Counts of a ReferenceReport. */
export interface ReferenceRecord {
  readonly table: string;
  readonly columns: readonly string[];
  readonly values_count: number;
  readonly rows_count: number;
  /** Of the values that were listed, by cause. */
  readonly causes: Readonly<Partial<Record<DanglingCause, number>>>;
  readonly problem: ReferenceReport["problem"];
}

export interface ClassRecord {
  readonly count: number;
  /** SHA-256 of the keys, which names none of them; null: there are none. */
  readonly keys_digest: string | null;
}

export interface PlanRequest {
  /** Id of the run. */
  readonly run: number;
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
  /** Of the rows to be repaired, in the source's text form; at most `planRowsMax`. */
  readonly keys: readonly Key[];
  /** Why it waits for a person, though the policy was to repair at once; null: the policy says so. */
  readonly breaker: Breaker | null;
}

export interface RepairPlan extends Omit<PlanRequest, "keys"> {
  /** open: waits for a person · approved: the repair is ordered; open again should that fail. */
  readonly state: "open" | "approved" | "carried out" | "dropped";
  readonly rows: number;
  /** Of a plan that is carried out or dropped: none. */
  readonly keys: readonly Key[];
  readonly at: Date;
  /** Who approved or dropped it last; null: nobody did. */
  readonly decidedBy: Actor | null;
}

export interface RepairRequest {
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
  readonly keys: readonly Key[];
  /** Id of the run that found them; null: none. */
  readonly run: number | null;
}

export interface ErrorNoticeRequest {
  /** Id of the run. */
  readonly run: number;
  readonly subscription: string;
  readonly sourceTable: string;
  readonly class: DifferenceClass;
  readonly count: number;
  /** Why the master itself may be wrong, in words. */
  readonly cause: string;
  /** See keyFingerprint. No more than `noticedKeysMax` are kept. */
  readonly keyDigests: readonly string[];
}

export const noticedKeysMax = 1_000;

export interface ErrorNotice extends ErrorNoticeRequest {
  readonly id: number;
  readonly at: Date;
  readonly by: Actor;
  /** Null: open. */
  readonly answer: { readonly text: string; readonly at: Date; readonly by: Actor } | null;
}
