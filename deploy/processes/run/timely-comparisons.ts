// Copies that their share wants compared from time to time: which ones are due, and how one is compared at a low rate, only while it keeps
// up with its master.
import type { Configuration } from "../../../engine/config/configuration.ts";
import type { Micros } from "../../../engine/model/change-message.ts";
import type { Verdict } from "../../../engine/model/reconcile-report.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { ControlCommands } from "../../../engine/ports/control-commands.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { Metrics } from "../../../engine/ports/metrics.ts";
import type { RecordedRun } from "../../../engine/ports/reconcile-records.ts";
import { printTable } from "../../../engine/model/table.ts";
import { defaultLimits } from "../../../reconcilers/comparison-parts.ts";
import type { NamedSubscription } from "../read-configuration.ts";
import { type ReconciledCopy, type ReconcileParts, reconcileSubscription } from "../reconcile/reconcile-copies.ts";

/** A copy that is further behind is left alone. */
export const lagMsMax = 10_000;
/** Between two looks at one that is. */
const waitMs = 1_000;
/** Records that are looked through: single tables may have been compared in between. */
const runsPerTable = 5;

export interface ComparisonJobs {
  readonly store: ControlCommands;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** As applied, with its number. */
  readonly current: () => { readonly configuration: Configuration; readonly version: number };
  /** See ReconcileParts. */
  readonly atOnce: () => number;
  /** Whether the subscription's copies are at most `lagMsMax` behind. */
  readonly keepsUp: (subscription: string) => boolean | Promise<boolean>;
}

/** One table of a subscription. */
export interface DueComparison {
  readonly named: NamedSubscription;
  /** As readers name it. */
  readonly table: string;
  /** Number of its newest run; 0: there is none, as far as is looked. */
  readonly lastRun: number;
  readonly overdueMs: number;
}

/** Those that their share wants compared from time to time. */
export function scheduledCopies({ shares }: Configuration): NamedSubscription[] {
  const wanted = shares.filter(({ reconcile }) => reconcile.everySeconds !== null);
  return wanted.flatMap((share) => share.subscriptions.map((subscription) => ({ share, subscription })));
}

/** Copies whose time has come, the most overdue first. */
export async function dueComparisons({
  store,
  clock,
  current,
}: Pick<ComparisonJobs, "store" | "clock" | "current">): Promise<DueComparison[]> {
  const now = clock.now() / 1_000;
  const due: DueComparison[] = [];
  for (const named of scheduledCopies(current().configuration)) {
    const everyMs = (named.share.reconcile.everySeconds ?? 0) * 1_000;
    const runs = await recentRuns(store, named);
    for (const { target } of named.share.tables) {
      const table = printTable(target);
      const newest = runs.find(({ record }) => record.table === table);
      const overdueMs = newest === undefined ? Number.POSITIVE_INFINITY : now - Date.parse(newest.record.ended_at) - everyMs;
      if (overdueMs >= 0) due.push({ named, table, lastRun: newest?.id ?? 0, overdueMs });
    }
  }
  return due.toSorted((a, b) => (a.overdueMs === b.overdueMs ? 0 : b.overdueMs - a.overdueMs));
}

/** The subscription's, newest first. */
export function recentRuns(store: ComparisonJobs["store"], { share, subscription }: NamedSubscription): Promise<readonly RecordedRun[]> {
  return store.reconcile.reconcileRuns(subscription.id, share.tables.length * runsPerTable);
}

/** A run that began later has found out what there is to find out about the table. The clocks of two workers may differ by a little. */
export function isLookedInto(runs: readonly RecordedRun[], table: string, noticedAt: Micros): boolean {
  return runs.some(
    ({ record }) =>
      record.table === table && Date.parse(record.started_at) * 1_000 > noticedAt && isConclusive(record.verdict, record.sent),
  );
}

/** What is to be compared; `table`: as readers name it, null: all. */
export interface WantedComparison {
  readonly named: NamedSubscription;
  readonly table: string | null;
  /** See ReconcileOrder. */
  readonly after: number | null;
}

/**
 * Compares the subscription's copies, mends what the share lets be mended, and tells of it. `patienceMs`: how long it may wait for copies
 * that are behind; then it throws DB-REC-001, and what was compared is not compared again.
 */
export async function compareInTime(
  jobs: ComparisonJobs,
  { named, table, after }: WantedComparison,
  { signal, patienceMs }: { readonly signal: AbortSignal; readonly patienceMs: number },
): Promise<readonly ReconciledCopy[]> {
  const order = { named, table, after, policy: named.share.reconcile.repair };
  const copies = await reconcileSubscription(partsInTime(jobs, named, patienceMs), order, signal);
  for (const copy of copies) tell(jobs, copy);
  return copies;
}

/** What compares the subscription's copies beside the streams. */
export function partsInTime(jobs: ComparisonJobs, { subscription }: NamedSubscription, patienceMs: number): ReconcileParts {
  const { store: control, clock, current, atOnce } = jobs;
  const mayRead = whileItKeepsUp(jobs, subscription.id, patienceMs);
  return { ...current(), control, clock, actor: "engine", limits: defaultLimits, mayRead, atOnce: atOnce(), showProgress: () => {} };
}

/** It was found out what there is to find out. */
export function isJudged({ report }: ReconciledCopy): boolean {
  return isConclusive(report.verdict, report.sent ?? undefined);
}

function isConclusive(verdict: Verdict, sent: Verdict | undefined): boolean {
  return verdict !== "unverified" || sent === "equal";
}

/** Nothing is read while the copy is behind. */
function whileItKeepsUp(
  { clock, keepsUp }: ComparisonJobs,
  subscription: string,
  patienceMs: number,
): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    const begun = clock.monotonicMs();
    while (!signal.aborted && !(await keepsUp(subscription))) {
      if (clock.monotonicMs() - begun > patienceMs) throw new ReplicationError("DB-REC-001", { subject: subscription });
      await clock.sleep(waitMs, signal);
    }
  };
}

function tell({ logger, metrics }: ComparisonJobs, { report, run }: ReconciledCopy): void {
  const { subscription, table, verdict, sent, differences, rowsChecked, repaired, unsettled, problem } = report;
  const outside = differences.filter((difference) => difference.class === "extra" && difference.outsideFilter).length;
  metrics.compared(subscription, { verdict, rowsChecked, differences: differences.length, repaired, outsideFilter: outside });
  const facts = { subscription, table, run: run.id, verdict, rows: rowsChecked, differences: differences.length, repaired, unsettled };
  if (verdict === "equal") logger.info("copy equals its master", facts);
  else if (sent === "equal") logger.info("copy holds what was sent; its master cannot be asked", facts);
  else if (verdict === "unverified") logger.warn("copy could not be compared", { ...facts, code: problem?.code, problem: problem?.cause });
  else logger.error(`copy differs from ${sent === null ? "its master" : "what was sent"}`, facts);
  if (outside > 0) logger.error("copy holds rows that are not its consumer's", { subscription, table, run: run.id, rows: outside });
}
