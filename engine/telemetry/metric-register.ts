/** What a metric means. The page for operators is generated from these entries (deploy/reference/metrics.md). */
export interface MetricDefinition {
  readonly kind: "counter" | "gauge";
  /** Last part of the name (before `_total`). `bool` is 0 or 1. */
  readonly unit: string;
  /** Every label has a bounded set of values: configured names, codes of the register, states. */
  readonly labels: readonly (
    | "subscription"
    | "source"
    | "operation"
    | "state"
    | "health"
    | "code"
    | "version"
    | "verdict"
    | "from"
    | "kind"
    | "outcome"
  )[];
  readonly help: string;
  /** How to read it: what is normal, what to do when it is not. */
  readonly reading: string;
}

/** The register of every metric that dongbo exports: `dongbo_<area>_<what>_<unit>`, counters with `_total`. */
export const metricRegister = {
  dongbo_apply_batches_total: {
    kind: "counter",
    unit: "batches",
    labels: ["subscription"],
    help: "Batches made durable in the target",
    reading: "Also grows when the source is idle: a heartbeat is a batch without rows. Standing still means nothing is confirmed.",
  },
  dongbo_apply_transactions_total: {
    kind: "counter",
    unit: "transactions",
    labels: ["subscription"],
    help: "Source transactions made durable in the target",
    reading: "Divide by batches to see how many transactions are joined into one target commit.",
  },
  dongbo_apply_rows_total: {
    kind: "counter",
    unit: "rows",
    labels: ["subscription", "operation"],
    help: "Rows written (write), removed (delete) or loaded from a snapshot (load)",
    reading: "A sudden rise of delete deserves a look at the master.",
  },
  dongbo_apply_lag_seconds: {
    kind: "gauge",
    unit: "seconds",
    labels: ["subscription"],
    help: "From commit at the source to commit at the target, of the newest batch that held data",
    reading: "Stays at its last value while nothing is written at the source; see dongbo_copy_last_sync_age_seconds for freshness.",
  },
  dongbo_queue_memory_bytes: {
    kind: "gauge",
    unit: "bytes",
    labels: ["subscription"],
    help: "Changes waiting in memory for the target",
    reading: "Near its bound: the target is slower than the source.",
  },
  dongbo_queue_spilled_bytes: {
    kind: "gauge",
    unit: "bytes",
    labels: ["subscription"],
    help: "Changes waiting on disk for the target",
    reading: "Above zero the target is behind; at the bound the subscription is parked and re-synced later.",
  },
  dongbo_copy_last_sync_age_seconds: {
    kind: "gauge",
    unit: "seconds",
    labels: ["subscription"],
    help: "Time since the source-side instant that the copy is known to equal; +Inf when it never was",
    reading: "Normally below the heartbeat's interval plus a second. Growing means the copy is on its way to expiry.",
  },
  dongbo_copy_remaining_validity_seconds: {
    kind: "gauge",
    unit: "seconds",
    labels: ["subscription"],
    help: "Time until the copy may no longer be used; negative since it expired, 0 when it never was valid",
    reading: "Alert well before zero: after it readers are refused (DB001).",
  },
  dongbo_copy_usable_bool: {
    kind: "gauge",
    unit: "bool",
    labels: ["subscription"],
    help: "1 while readers may use every table of the copy",
    reading: "0: `dongbo explain <subscription>` says why and what to do.",
  },
  dongbo_copy_drift_rows_total: {
    kind: "counter",
    unit: "rows",
    labels: ["subscription"],
    help: "Rows of the copy that an update did not find, a delete did not find, or an insert did find",
    reading:
      "Normally 0 for ever: somebody writes into the copy. With `reconcile.every` the table is compared at once, else run `dongbo reconcile`. Not counted: copies of Debezium sources, and changes whose images do not tell whether the row was in the copy (a filter on columns outside of the replica identity).",
  },
  dongbo_reconcile_runs_total: {
    kind: "counter",
    unit: "runs",
    labels: ["subscription", "verdict"],
    help: "Comparisons of one table's copy with its master that the engine made by itself",
    reading: "different: `dongbo reconcile --subscription` says which rows. unverified: its log says why the copy could not be compared.",
  },
  dongbo_reconcile_checked_rows_total: {
    kind: "counter",
    unit: "rows",
    labels: ["subscription"],
    help: "Rows of copies that were compared with the master",
    reading: "Its rate is what comparing costs both servers; `reconcile.rows_per_second` bounds it.",
  },
  dongbo_reconcile_different_rows_total: {
    kind: "counter",
    unit: "rows",
    labels: ["subscription"],
    help: "Rows that were not as the master has them",
    reading: "Normally 0 for ever: whoever writes into copies behind the engine is found here.",
  },
  dongbo_reconcile_repaired_rows_total: {
    kind: "counter",
    unit: "rows",
    labels: ["subscription"],
    help: "Of these, rows that were made what the master has",
    reading: "Behind dongbo_reconcile_different_rows_total by what waits for a person.",
  },
  dongbo_reconcile_outside_filter_rows: {
    kind: "gauge",
    unit: "rows",
    labels: ["subscription"],
    help: "Rows that the last comparison found in the copy although they are not its consumer's",
    reading: "Alert above 0: somebody holds data that was not shared with him.",
  },
  dongbo_copy_stopped_tables: {
    kind: "gauge",
    unit: "tables",
    labels: ["subscription"],
    help: "Tables that stopped and wait for somebody",
    reading: "Normally 0. `dongbo status` names them with the code.",
  },
  dongbo_quarantine_held_rows: {
    kind: "gauge",
    unit: "rows",
    labels: ["subscription"],
    help: "Rows set aside because the target refused them",
    reading: "Normally 0. Mend the cause, then `dongbo replay`.",
  },
  dongbo_load_done_rows: {
    kind: "gauge",
    unit: "rows",
    labels: ["subscription"],
    help: "Rows loaded so far by the loads that run now; 0 when none runs",
    reading: "Compare with dongbo_load_expected_rows.",
  },
  dongbo_load_expected_rows: {
    kind: "gauge",
    unit: "rows",
    labels: ["subscription"],
    help: "Rows that the running loads will come to, as the source estimates; 0 when none runs",
    reading: "An estimate from statistics: the load may end earlier or later.",
  },
  dongbo_subscription_state_bool: {
    kind: "gauge",
    unit: "bool",
    labels: ["subscription", "state"],
    help: "1 for the state the subscription is in, 0 for the others",
    reading: "Alert on stopped and parked, and on retrying that lasts.",
  },
  dongbo_source_connected_bool: {
    kind: "gauge",
    unit: "bool",
    labels: ["source"],
    help: "1 while the change stream is open",
    reading: "0 for longer than a restart of the source takes: look at the log for the code.",
  },
  dongbo_source_reconnects_total: {
    kind: "counter",
    unit: "reconnects",
    labels: ["source"],
    help: "Times the change stream was opened again after it broke",
    reading: "A steady rise means an unstable network or server.",
  },
  dongbo_source_messages_total: {
    kind: "counter",
    unit: "messages",
    labels: ["source"],
    help: "Messages received from the source's change log",
    reading: "Standing still while the master is written to means capture is stuck.",
  },
  dongbo_source_retained_wal_bytes: {
    kind: "gauge",
    unit: "bytes",
    labels: ["source"],
    help: "Log that the source keeps on its disk only for dongbo",
    reading: "Must stay far below limits.wal_retained_max; beyond it slow subscriptions are parked.",
  },
  dongbo_source_kept_log_seconds: {
    kind: "gauge",
    unit: "seconds",
    labels: ["source"],
    help: "Age of the oldest change that a source still has which forgets by a rule of its own (MySQL, MariaDB); 0 for others",
    reading: "Must stay far above every lag and every outage that is to be survived: what is purged before it was read needs a re-sync.",
  },
  dongbo_source_slot_bool: {
    kind: "gauge",
    unit: "bool",
    labels: ["source", "health"],
    help: "1 for the health of the reservation at the source, 0 for the others",
    reading: "reserved is normal; unreserved is an emergency; lost needs a re-sync.",
  },
  dongbo_engine_retries_total: {
    kind: "counter",
    unit: "retries",
    labels: ["code"],
    help: "Failures that were tried again, by error code",
    reading: "The code's meaning and remedy are in errors.md.",
  },
  dongbo_fleet_owned_sources: {
    kind: "gauge",
    unit: "sources",
    labels: [],
    help: "Sources that this worker of a fleet owns",
    reading: "Summed over the workers it is the number of sources that are not shared; less for longer than a lease: nobody takes one up.",
  },
  dongbo_fleet_taken_sources_total: {
    kind: "counter",
    unit: "sources",
    labels: ["from"],
    help: "Sources that this worker took: free ones (nobody), and those of a worker that was silent (silent)",
    reading: "Grows by silent when a worker dies or stands still; again and again: look at that worker's machine, or lengthen fleet.lease.",
  },
  dongbo_fleet_lost_sources_total: {
    kind: "counter",
    unit: "sources",
    labels: [],
    help: "Sources that another worker took over from this one",
    reading: "Zero, unless this process stood still, or did not reach the control database, for longer than its lease.",
  },
  dongbo_fleet_failed_renewals_total: {
    kind: "counter",
    unit: "renewals",
    labels: [],
    help: "Times that the control database could not be asked for the leases",
    reading: "Grows while the control database is away: what is owned is streamed meanwhile, but nothing is taken over.",
  },
  dongbo_fleet_queue_connected_bool: {
    kind: "gauge",
    unit: "bool",
    labels: [],
    help: "Whether the Redis that hands out jobs answers, and throws nothing away",
    reading: "0: no jobs are handed out; sources are streamed all the same. The reason is in the log, in /healthz and in `dongbo status`.",
  },
  dongbo_fleet_jobs_total: {
    kind: "counter",
    unit: "jobs",
    labels: ["kind", "outcome"],
    help: "Jobs that ended at this worker: done, skipped (done already), postponed (no place, or the copy is behind), failed, lost",
    reading: "lost: its place or its lock was another's, after this process stood still or Redis was away; the job is done once more.",
  },
  dongbo_process_resident_memory_bytes: {
    kind: "gauge",
    unit: "bytes",
    labels: [],
    help: "Memory that the operating system counts for the process",
    reading: "Does not grow with rows, transaction size or the number of subscriptions.",
  },
  dongbo_process_heap_used_bytes: {
    kind: "gauge",
    unit: "bytes",
    labels: [],
    help: "JavaScript heap in use",
    reading: "Saw-toothed; its floor must not rise over hours.",
  },
  dongbo_process_build_info: {
    kind: "gauge",
    unit: "info",
    labels: ["version"],
    help: "Always 1; the label says which version runs",
    reading: "For dashboards that mark upgrades.",
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricRegister;
