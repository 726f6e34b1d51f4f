// The only importer of prom-client: turns what the engine reports into the metrics of the register.
import { Counter, Gauge, Registry } from "prom-client";
import type { Micros } from "../model/change-message.ts";
import type { ErrorCode } from "../model/error-codes.ts";
import type { Verdict } from "../model/reconcile-report.ts";
import type { Clock } from "../ports/clock.ts";
import { laneStates, slotHealths } from "../ports/engine.ts";
import type { FleetMetrics, JobKind, JobOutcome, Metrics, ReconcileOutcome, SourceMetrics, SubscriptionMetrics } from "../ports/metrics.ts";
import { metricRegister, type MetricDefinition, type MetricName } from "./metric-register.ts";

type Labels = Readonly<Record<string, string>>;
type Report = (value: number) => void;

export interface MetricsOptions {
  readonly clock: Clock;
  readonly version: string;
  /** Codes whose retry counters exist from the start. */
  readonly retriedCodes: readonly ErrorCode[];
}

/** What is counted of the comparisons of one subscription's copies. */
interface Comparisons {
  readonly group: SeriesGroup;
  readonly report: (outcome: ReconcileOutcome) => void;
}

/** Metrics in Prometheus' text format, from a register of this process's own. */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #metrics = new Map<MetricName, Counter | Gauge>();
  readonly #clock: Clock;
  readonly #subscriptions = new Map<string, SubscriptionMetrics>();
  readonly #sources = new Map<string, SourceMetrics>();
  readonly #retries = new Map<ErrorCode, Report>();
  readonly #process: SeriesGroup;
  readonly #comparisons = new Map<string, Comparisons>();
  #fleet: FleetMetrics | null = null;
  /** Work out the numbers that change by themselves. */
  readonly #refreshers = new Set<() => void>();

  constructor(options: MetricsOptions) {
    this.#clock = options.clock;
    for (const [name, definition] of Object.entries(metricRegister) as [MetricName, MetricDefinition][]) {
      const settings = { name, help: definition.help, labelNames: [...definition.labels], registers: [this.#registry] };
      this.#metrics.set(name, definition.kind === "counter" ? new Counter(settings) : new Gauge(settings));
    }
    this.#process = new SeriesGroup(this.#metrics, {});
    this.#process.series("dongbo_process_build_info", { version: options.version })(1);
    for (const code of options.retriedCodes) this.#retries.set(code, this.#process.series("dongbo_engine_retries_total", { code }));
    const resident = this.#process.series("dongbo_process_resident_memory_bytes");
    const heap = this.#process.series("dongbo_process_heap_used_bytes");
    this.#refreshers.add(() => {
      const { rss, heapUsed } = process.memoryUsage();
      resident(rss);
      heap(heapUsed);
    });
  }

  /** Content type of `text()`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics as they are now. */
  async text(): Promise<string> {
    for (const refresh of this.#refreshers) refresh();
    return this.#registry.metrics();
  }

  subscription(id: string): SubscriptionMetrics {
    const known = this.#subscriptions.get(id) ?? this.#newSubscription(id);
    this.#subscriptions.set(id, known);
    return known;
  }

  source(name: string): SourceMetrics {
    const known = this.#sources.get(name) ?? this.#newSource(name);
    this.#sources.set(name, known);
    return known;
  }

  retried(code: ErrorCode): void {
    const count = this.#retries.get(code) ?? this.#process.series("dongbo_engine_retries_total", { code });
    this.#retries.set(code, count);
    count(1);
  }

  fleet(): FleetMetrics {
    this.#fleet ??= this.#newFleet();
    return this.#fleet;
  }

  #newFleet(): FleetMetrics {
    const free = this.#process.series("dongbo_fleet_taken_sources_total", { from: "nobody" });
    const silent = this.#process.series("dongbo_fleet_taken_sources_total", { from: "silent" });
    const lost = this.#process.series("dongbo_fleet_lost_sources_total");
    const failed = this.#process.series("dongbo_fleet_failed_renewals_total");
    const queue = this.#process.series("dongbo_fleet_queue_connected_bool");
    for (const kind of jobKinds) for (const outcome of jobOutcomes) this.#process.series("dongbo_fleet_jobs_total", { kind, outcome });
    return {
      owned: this.#process.series("dongbo_fleet_owned_sources"),
      taken: (over) => {
        (over ? silent : free)(1);
      },
      lost: () => {
        lost(1);
      },
      renewalFailed: () => {
        failed(1);
      },
      queueConnected: (connected) => {
        queue(connected ? 1 : 0);
      },
      job: (kind, outcome) => {
        this.#process.series("dongbo_fleet_jobs_total", { kind, outcome })(1);
      },
    };
  }

  #newSubscription(subscription: string): SubscriptionMetrics {
    const group = new SeriesGroup(this.#metrics, { subscription });
    const clock = this.#copyClock(group);
    const batches = group.series("dongbo_apply_batches_total");
    const transactions = group.series("dongbo_apply_transactions_total");
    const written = group.series("dongbo_apply_rows_total", { operation: "write" });
    const deleted = group.series("dongbo_apply_rows_total", { operation: "delete" });
    const lag = group.series("dongbo_apply_lag_seconds");
    const done = group.series("dongbo_load_done_rows");
    const expected = group.series("dongbo_load_expected_rows");
    const inMemory = group.series("dongbo_queue_memory_bytes");
    const onDisk = group.series("dongbo_queue_spilled_bytes");
    this.#comparisonsOf(subscription);
    const state = group.oneOf("dongbo_subscription_state_bool", "state", laneStates);
    state("starting");
    return {
      ...clock.reports,
      applied: (batch) => {
        batches(1);
        transactions(batch.transactions);
        written(batch.rowsWritten);
        deleted(batch.rowsDeleted);
        if (batch.transactions > 0) lag(Math.max(0, this.#clock.now() - batch.committedAt) / 1e6);
      },
      loaded: group.series("dongbo_apply_rows_total", { operation: "load" }),
      loading: (rows, rowsExpected) => {
        done(rows);
        expected(rowsExpected);
      },
      state,
      queued: (memoryBytes, spilledBytes) => {
        inMemory(memoryBytes);
        onDisk(spilledBytes);
      },
      quarantined: group.series("dongbo_quarantine_held_rows"),
      stoppedTables: group.series("dongbo_copy_stopped_tables"),
      drifted: group.series("dongbo_copy_drift_rows_total"),
      forget: () => {
        clock.end();
        this.#comparisons.get(subscription)?.group.remove();
        this.#comparisons.delete(subscription);
        this.#subscriptions.delete(subscription);
        group.remove();
      },
    };
  }

  compared(subscription: string, outcome: ReconcileOutcome): void {
    this.#comparisonsOf(subscription).report(outcome);
  }

  /** Apart from the subscription's other numbers: a worker of a fleet compares copies that another one writes. */
  #comparisonsOf(subscription: string): Comparisons {
    const known = this.#comparisons.get(subscription);
    if (known !== undefined) return known;
    const group = new SeriesGroup(this.#metrics, { subscription });
    const made = { group, report: this.#comparisonReport(group) };
    this.#comparisons.set(subscription, made);
    return made;
  }

  #comparisonReport(group: SeriesGroup): Comparisons["report"] {
    const runs = new Map(verdicts.map((verdict) => [verdict, group.series("dongbo_reconcile_runs_total", { verdict })]));
    const rows = group.series("dongbo_reconcile_checked_rows_total");
    const found = group.series("dongbo_reconcile_different_rows_total");
    const mended = group.series("dongbo_reconcile_repaired_rows_total");
    const outside = group.series("dongbo_reconcile_outside_filter_rows");
    return ({ verdict, rowsChecked, differences, repaired, outsideFilter }) => {
      runs.get(verdict)?.(1);
      rows(rowsChecked);
      found(differences);
      mended(repaired);
      outside(outsideFilter);
    };
  }

  #copyClock(group: SeriesGroup): { reports: Pick<SubscriptionMetrics, "clock" | "usable">; end: () => void } {
    const state: { lastSyncAt: Micros | null; validUntil: Micros | null; usable: boolean } = {
      lastSyncAt: null,
      validUntil: null,
      usable: false,
    };
    const age = group.series("dongbo_copy_last_sync_age_seconds");
    const remaining = group.series("dongbo_copy_remaining_validity_seconds");
    const usable = group.series("dongbo_copy_usable_bool");
    const refresh = (): void => {
      const now = this.#clock.now();
      const left = state.validUntil === null ? 0 : (state.validUntil - now) / 1e6;
      age(state.lastSyncAt === null ? Number.POSITIVE_INFINITY : Math.max(0, now - state.lastSyncAt) / 1e6);
      remaining(left);
      usable(state.usable && left > 0 ? 1 : 0);
    };
    this.#refreshers.add(refresh);
    return {
      reports: {
        clock: (lastSyncAt, validUntil) => {
          Object.assign(state, { lastSyncAt, validUntil });
        },
        usable: (now) => {
          state.usable = now;
        },
      },
      end: () => this.#refreshers.delete(refresh),
    };
  }

  #newSource(source: string): SourceMetrics {
    const group = new SeriesGroup(this.#metrics, { source });
    const connected = group.series("dongbo_source_connected_bool");
    const reconnects = group.series("dongbo_source_reconnects_total");
    const slot = group.oneOf("dongbo_source_slot_bool", "health", slotHealths);
    const retained = group.series("dongbo_source_retained_wal_bytes");
    const keptAge = group.series("dongbo_source_kept_log_seconds");
    slot("unknown");
    return {
      connected: (now) => {
        connected(now ? 1 : 0);
      },
      reconnected: () => {
        reconnects(1);
      },
      received: group.series("dongbo_source_messages_total"),
      retained: (bytes, keptSince) => {
        retained(bytes);
        keptAge(keptSince === null ? 0 : Math.max(0, this.#clock.now() - keptSince) / 1_000_000);
      },
      slot,
      forget: () => {
        this.#sources.delete(source);
        group.remove();
      },
    };
  }
}

const jobKinds: readonly JobKind[] = ["compare", "part"];
const jobOutcomes: readonly JobOutcome[] = ["done", "skipped", "postponed", "failed", "lost"];
const verdicts: readonly Verdict[] = ["equal", "different", "unverified"];

/** The series that share some labels: each exists, as zero, from the moment it is asked for, and all go together. */
class SeriesGroup {
  readonly #metrics: ReadonlyMap<MetricName, Counter | Gauge>;
  readonly #labels: Labels;
  readonly #made: { readonly metric: Counter | Gauge; readonly labels: Labels }[] = [];

  constructor(metrics: ReadonlyMap<MetricName, Counter | Gauge>, labels: Labels) {
    this.#metrics = metrics;
    this.#labels = labels;
  }

  /** A counter's series is added to, a gauge's is set. */
  series(name: MetricName, more: Labels = {}): Report {
    const metric = this.#metrics.get(name);
    if (metric === undefined) throw new TypeError(`no metric ${name}`);
    const labels = { ...this.#labels, ...more };
    this.#made.push({ metric, labels });
    const report: Report =
      metric instanceof Counter
        ? (amount) => {
            metric.inc(labels, amount);
          }
        : (value) => {
            metric.set(labels, value);
          };
    report(0);
    return report;
  }

  /** One series a value; the current one is 1, the others are 0. */
  oneOf<Value extends string>(name: MetricName, label: string, values: readonly Value[]): (current: Value) => void {
    const reports = values.map((value) => ({ value, report: this.series(name, { [label]: value }) }));
    return (current) => {
      for (const { value, report } of reports) report(value === current ? 1 : 0);
    };
  }

  remove(): void {
    for (const { metric, labels } of this.#made) metric.remove(labels);
  }
}
