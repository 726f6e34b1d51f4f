// The copies of a subscription compared with their master, what is done about it, and the records of both (RC-01, RC-05, RC-10).
import { createHash } from "node:crypto";
import type { Configuration } from "../../../engine/config/configuration.ts";
import type { ReferenceReport } from "../../../engine/model/copy-reference.ts";
import type { ReconcileAction, ReconcileReport, RepairPolicy, RowRepair } from "../../../engine/model/reconcile-report.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Key, keyText } from "../../../engine/model/row.ts";
import type { StoppedTable, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { Actor } from "../../../engine/ports/actor.ts";
import type { ControlCommands } from "../../../engine/ports/control-commands.ts";
import type { RecordedRun } from "../../../engine/ports/reconcile-records.ts";
import type { ComparisonLimits, ComparisonParts } from "../../../reconcilers/comparison-parts.ts";
import { type Compared, compareTable, lookAgain, notCompared } from "../../../reconcilers/compare-table.ts";
import { findDangling, notLookedFor } from "../../../reconcilers/find-dangling.ts";
import { wholeTable } from "../../../reconcilers/key-ranges.ts";
import { contractText } from "../copy-contract.ts";
import type { NamedSubscription } from "../read-configuration.ts";
import { noteOutcome } from "./note-outcome.ts";
import { openComparison, type OpenComparison } from "./open-comparison.ts";
import { carriedOut, decide, repair, repairsOf } from "./repair-copy.ts";
import { endProgress, joinedParts, loadProgress, saveNowAndThen } from "./run-progress.ts";
import { copiesOf, type CopyServers } from "./subscribed-copies.ts";

export interface ReconcileParts {
  /** As applied. */
  readonly configuration: Configuration;
  /** Its number. */
  readonly version: number;
  readonly control: ControlCommands;
  readonly clock: Clock;
  readonly actor: Actor;
  readonly limits: ComparisonLimits;
  readonly mayRead: ComparisonParts["mayRead"];
  /** Jobs that may read the same copy at the same time, and share the rate that its share allows. */
  readonly atOnce: number;
  /** Told after each part of a copy that was compared. */
  readonly showProgress: (progress: CopyProgress) => void;
}

/** How far the comparison of one copy has come. */
export interface CopyProgress {
  /** `<subscription> <table>`. */
  readonly label: string;
  readonly rows: number;
  /** The master's estimate, where the copy is of the whole table; null: nobody knows. */
  readonly rowsExpected: number | null;
}

export interface ReconcileOrder {
  readonly named: NamedSubscription;
  /** As readers name it; null: all. */
  readonly table: string | null;
  readonly policy: RepairPolicy;
  /** Not recorded when a newer run than this one has compared the same table meanwhile, unless rows were repaired; null: recorded anyhow. */
  readonly after: number | null;
  /** A run whose plan a person has approved: of its rows those are repaired that are still wrong, and no others. */
  readonly approved?: { readonly run: number; readonly keys: readonly Key[] };
}

export interface ReconciledCopy {
  readonly report: ReconcileReport;
  readonly run: RecordedRun;
}

/** One after the other, each recorded before the next begins. Rejects when the signal aborts, or the control database is away. */
export async function reconcileSubscription(parts: ReconcileParts, order: ReconcileOrder, signal: AbortSignal): Promise<ReconciledCopy[]> {
  const { servers, copies } = await copiesOf(parts, order.named);
  const done: ReconciledCopy[] = [];
  let held = await heldBack(parts, order.named);
  for (const copy of copies) {
    if (order.table !== null && printTable(copy.target) !== order.table) continue;
    const reconciled = await reconcileCopy(parts, { ...order, ...servers, copy, held }, signal);
    if (reconciled === null) continue;
    // All tables of a subscription stand at one position: what one of them waited for in vain, the others need not wait for.
    if (reconciled.report.problem?.code === "DB-REC-001") held ??= reconciled.report.problem.cause;
    done.push(reconciled);
  }
  return done;
}

/** Why nothing will bring the subscription's copies forward; null: nothing is known. */
async function heldBack({ control, clock }: ReconcileParts, { share, subscription }: NamedSubscription): Promise<string | null> {
  const { from, to } = share.agreement;
  const now = clock.now() / 1_000;
  if (now < from.getTime() || (to !== null && now >= to.getTime())) return "the agreement is not in force";
  const { suspended, parked } = await control.lifecycle(subscription.id);
  if (suspended !== null) return `supply is suspended (${suspended.reason})`;
  return parked === null ? null : `it is parked (${parked.why})`;
}

interface CopyOrder extends ReconcileOrder, CopyServers {
  readonly copy: TableMapping | StoppedTable;
  /** Why the copy is known not to come forward; null: it is not known. */
  readonly held: string | null;
}

/** Null: another has compared it meanwhile, and that is on record. */
async function reconcileCopy(parts: ReconcileParts, order: CopyOrder, signal: AbortSignal): Promise<ReconciledCopy | null> {
  const subscription = order.named.subscription.id;
  const table = printTable(order.copy.target);
  const result = await compareAndRepair(parts, order, signal);
  const report = toReport(parts, order, result);
  // What was done to rows is always on record.
  const run = await parts.control.reconcile.recordReconcile(report, parts.actor, report.repaired > 0 ? null : order.after);
  if (run === null) return null;
  await endProgress(parts.control, { subscription, table });
  await noteOutcome(parts, { share: order.named.share, target: order.target }, report, run);
  return { report, run };
}

interface Outcome {
  readonly compared: Compared;
  readonly sent: ReconcileReport["sent"];
  readonly action: ReconcileAction;
  readonly repairs: readonly RowRepair[];
  readonly references: readonly ReferenceReport[];
}

/** And tells, of the copy as it is then, what refers to rows that it does not have. */
async function compareAndRepair(parts: ReconcileParts, order: CopyOrder, signal: AbortSignal): Promise<Outcome> {
  const { copy, source, target, positions, named } = order;
  const subscription = named.subscription.id;
  const table = printTable(copy.target);
  const { clock, control } = parts;
  const referring = named.share.tables.find((shared) => tableKey(shared.target) === tableKey(copy.target))?.referencedBy ?? [];
  try {
    if (order.held !== null) throw new ReplicationError("DB-REC-001", { subject: table, cause: order.held });
    if ("reason" in copy) throw new ReplicationError("DB-REC-003", { subject: table, cause: copy.reason.message });
    const contract = contractText(copy);
    const resume =
      (await joinedParts(control, { subscription, table }, contract)) ?? (await loadProgress(control, { subscription, table }, contract));
    const rowsExpected = copy.filter === null && copy.catalog.estimatedRows >= 0 ? copy.catalog.estimatedRows : null;
    const save = saveNowAndThen(clock, (search) => control.reconcile.recordProgress(subscription, table, { contract, search }));
    const progressed: typeof save = async (progress) => {
      parts.showProgress({ label: `${subscription} ${table}`, rows: progress.copyRows, rowsExpected });
      await save(progress);
    };
    const around = { ...aroundOf(parts, named), range: wholeTable, resume, progressed };
    await using comparison = await openComparison({ source, target, subscription, table: copy, positions }, around, signal);
    const compared = await compareTable(comparison.parts, signal);
    const outcome = await repairAsOrdered(parts, order, { comparison, compared, masterEstimate: rowsExpected, signal });
    const { problem } = compared;
    if (problem !== null && standingStill.has(problem.code)) return { ...outcome, references: notLookedFor(referring, problem) };
    return { ...outcome, references: await findDangling(comparison.parts, referring, signal) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ReplicationError) || !error.code.startsWith("DB-REC-")) throw error;
    const compared = notCompared(error, clock);
    return { compared, sent: null, action: { kind: "none" }, repairs: [], references: notLookedFor(referring, compared.problem) };
  }
}

/** The copy does not come forward, or is not whole: what it lacks now says nothing. */
const standingStill: ReadonlySet<string> = new Set(["DB-REC-001", "DB-REC-002", "DB-REC-003", "DB-REC-004"]);

interface Found {
  readonly comparison: OpenComparison;
  readonly compared: Compared;
  /** Null: there is none for a part of a table. */
  readonly masterEstimate: number | null;
  readonly signal: AbortSignal;
}

type Repaired = Omit<Outcome, "references">;

async function repairAsOrdered(parts: ReconcileParts, order: CopyOrder, found: Found): Promise<Repaired> {
  const { copy, named, policy, approved } = order;
  const { comparison, compared, masterEstimate, signal } = found;
  const { control, actor } = parts;
  if (approved !== undefined) return repairApproved(parts, { ...order, approved }, found);
  if (comparison.against === "sent") return ofWhatWasSent(compared, printTable(copy.target));
  const action = decide(policy, compared, masterEstimate);
  if (action !== "repair") return { compared, sent: null, action, repairs: [] };
  const name = { subscription: named.subscription.id, table: printTable(copy.target) };
  const repairs = await repair({ parts: comparison.parts, control, actor, signal }, name, compared.found);
  return { compared, sent: null, action: { kind: "repaired", rows: repairs.length }, repairs };
}

/** Of the master nothing is said, and nothing is repaired: rows are read nowhere else. */
function ofWhatWasSent(compared: Compared, subject: string): Repaired {
  const cause = "the source has no `master:`; the copy was compared with what its topic says was sent";
  const { code, explanation, remedy } = new ReplicationError("DB-REC-007", { subject, cause });
  const verdict = compared.verdict === "equal" ? "unverified" : compared.verdict;
  const problem = compared.problem ?? { code, cause: explanation, remedy };
  return { compared: { ...compared, verdict, problem }, sent: compared.verdict, action: { kind: "none" }, repairs: [] };
}

async function repairApproved(
  { control, actor, clock, limits }: ReconcileParts,
  { approved }: CopyOrder & Required<Pick<ReconcileOrder, "approved">>,
  { comparison, compared, signal }: Found,
): Promise<Repaired> {
  const keys = new Set(approved.keys.map(keyText));
  const planned = compared.found.filter(({ difference }) => keys.has(keyText(difference.key)));
  const order = await control.reconcile.approvePlan(approved.run, actor);
  await carriedOut({ control, clock, patienceMs: limits.patienceMs, signal }, order);
  const repairs = planned.length === 0 ? [] : repairsOf(planned, await lookAgain(comparison.parts, planned, signal));
  return { compared, sent: null, action: { kind: "repaired", rows: repairs.length }, repairs };
}

/** What every comparison of the subscription's copies, or of a part of one, has around it. */
export function aroundOf(
  parts: ReconcileParts,
  { share }: NamedSubscription,
): Pick<ComparisonParts, "clock" | "limits" | "mayRead" | "hurry"> {
  const { clock, mayRead, atOnce, limits } = parts;
  const { rowsPerSecondMax: rate } = share.reconcile;
  const rowsPerSecondMax = limits.share < 1 && rate !== null ? rate / atOnce : limits.rowsPerSecondMax;
  return { clock, mayRead, limits: { ...limits, rowsPerSecondMax }, hurry: hurryOf(parts) };
}

/** The engine, in this process or another, is told by way of the control database. */
function hurryOf({ clock, control }: ReconcileParts): ComparisonParts["hurry"] {
  let toldAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.monotonicMs() - toldAt < hurryMs) return;
    toldAt = clock.monotonicMs();
    // Without it the copy comes forward with the next heartbeat.
    control.nudge().catch(() => {});
  };
}

const hurryMs = 50;

function toReport(
  { version }: ReconcileParts,
  { named, copy, policy }: CopyOrder,
  { compared, sent, action, repairs, references }: Outcome,
): ReconcileReport {
  const { masterRows: _, found: __, ...comparison } = compared;
  const contract = "reason" in copy ? "" : contractText(copy);
  return {
    ...comparison,
    subscription: named.subscription.id,
    table: printTable(copy.target),
    sourceTable: printTable(copy.source),
    agreementId: named.share.agreement.id,
    configurationVersion: version,
    contractDigest: createHash("sha256").update(contract).digest("hex"),
    sent,
    policy,
    action,
    repaired: repairs.length,
    repairs,
    references,
  };
}
