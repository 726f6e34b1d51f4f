// The answer of `dongbo status --json`, whose names scripts rely on.
import type { SourceConfiguration } from "../../engine/config/configuration.ts";
import type { Verdict } from "../../engine/model/reconcile-report.ts";
import type { CopyState, ShareState } from "../../engine/model/share.ts";

/** The shape of `status --json`. Instants are ISO 8601 in UTC. */
export interface StatusReport {
  readonly at: string;
  readonly engine: ProcessStatus | null;
  /** Processes that share sources, the engine among them, and what each works on; empty where one process does everything. */
  readonly members: readonly (ProcessStatus & { readonly slices: readonly string[] })[];
  /** Workers of a fleet, those that fell silent lately too; empty where there is none. */
  readonly workers: readonly WorkerStatus[];
  /** What hands out the fleet's jobs, and why it does not, as the workers see it. */
  readonly queue: { readonly problem: StatusProblem | null };
  readonly control: { readonly problem: StatusProblem | null };
  readonly sources: readonly SourceStatus[];
  readonly subscriptions: readonly SubscriptionStatus[];
}

export interface ProcessStatus {
  readonly pid: number;
  readonly host: string;
  readonly version: string;
  readonly started_at: string;
}

export interface WorkerStatus extends ProcessStatus {
  readonly id: string;
  /** draining: it is about to end · silent: not heard of for longer than its lease. */
  readonly state: "live" | "draining" | "silent";
  readonly heard_at: string;
  /** What it owns, and since when; of a silent one, what nobody has taken over yet. */
  readonly sources: readonly { readonly id: string; readonly since: string }[];
  /** Places for jobs that it has, `source population 1`. */
  readonly jobs: readonly string[];
}

export interface SourceStatus {
  readonly id: string;
  readonly connector: SourceConfiguration["connector"];
  /**
   * What a copy equals: the master as of one of its transactions, or each row as of some moment, in the order of its changes, where
   * the source does not tell which changes belong together.
   */
  readonly follows: "transactions" | "rows";
  /** The connector's clock in its newest heartbeat; null: the source is asked itself, or there is none. */
  readonly heard_at: string | null;
  /** Name of the replication slot; null: the source has no such thing. */
  readonly slot: string | null;
  /** Log that the source keeps only for dongbo; null: no slot, or not known. */
  readonly retained_bytes: number | null;
  /** When the oldest change was made that a source which forgets by a rule of its own still has; null: it keeps for dongbo, or not known. */
  readonly kept_since: string | null;
  readonly problem: StatusProblem | null;
}

export interface SubscriptionStatus {
  readonly id: string;
  readonly share: string;
  readonly target: string;
  /** Null while the target cannot be reached. */
  readonly share_state: ShareState | null;
  /** The worst of its tables; null while the target cannot be reached. */
  readonly copy_state: CopyState | null;
  /** Every table may be read. */
  readonly usable: boolean;
  /** Why not: a stable word (see dongbo.status), or `unreachable`. */
  readonly reason: string | null;
  readonly last_sync_at: string | null;
  readonly valid_until: string | null;
  /** Null as well where each slice has its own. */
  readonly position: string | null;
  /** Slices that it is written in; empty: it is written whole. */
  readonly slices: readonly SliceStatus[];
  readonly lag_seconds: number | null;
  readonly rows_quarantined: number;
  readonly last_reconciled_at: string | null;
  /** With what `reconcile` compares its copies. sent: the source has no `master:`, and none of them is said to equal the master. */
  readonly compared_with: "master" | "sent";
  readonly tables: readonly TableStatus[];
  readonly suspended: { readonly reason: string; readonly since: string } | null;
  readonly parked: { readonly why: string; readonly since: string } | null;
  readonly pending_orders: readonly { readonly kind: string; readonly table: string | null }[];
  /** Why its target could not be read (the reason is `unreachable` then), or why it is not supplied. */
  readonly problem: StatusProblem | null;
}

/** As the slice's first table has it. */
export interface SliceStatus {
  readonly id: string;
  readonly position: string | null;
  readonly last_sync_at: string | null;
  readonly reason: string | null;
}

export interface TableStatus {
  readonly target: string;
  /** Null: the target is a log, which holds no rows. */
  readonly rows: number | null;
  readonly last_sync_at: string | null;
  readonly valid_until: string | null;
  readonly copy_state: CopyState;
  readonly usable: boolean;
  readonly reason: string | null;
  readonly rows_quarantined: number;
  readonly last_reconciled_at: string | null;
  /** What the newest comparison came to; null: its rows were never compared. */
  readonly verdict: Verdict | null;
  /** Rows loaded so far; null when no load is under way. */
  readonly rows_loading: number | null;
  readonly stopped: { readonly code: string; readonly message: string } | null;
}

export interface StatusProblem {
  readonly code: string;
  readonly subject: string;
  readonly cause: string;
  readonly remedy: string;
}
