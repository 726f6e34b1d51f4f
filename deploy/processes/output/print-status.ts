// `dongbo status` for people: one line a subscription, aligned, and below it a sentence for whatever needs somebody.
import { retryKind } from "../../../engine/fleet/retry-policy.ts";
import type { SourceStatus, StatusProblem, StatusReport, SubscriptionStatus, TableStatus } from "../status-shape.ts";
import { oneLine } from "./one-line.ts";
import { printExplanation } from "./print-finding.ts";
import { printTable, type TextColumn } from "./print-table.ts";
import { printBytes, printCount, printDuration, type TimePrinter } from "./print-time.ts";

const columns: readonly TextColumn[] = [
  { title: "SUBSCRIPTION" },
  { title: "USABLE" },
  { title: "STATE" },
  { title: "LAST SYNC" },
  { title: "LAG", align: "right" },
  { title: "VALID UNTIL" },
  { title: "ROWS", align: "right" },
  { title: "HELD", align: "right" },
];

export function printStatus(report: StatusReport, times: TimePrinter): string {
  const rows = report.subscriptions.map((subscription) => line(subscription, times));
  const parts = [
    `dongbo status, ${times.full(new Date(report.at))}\n`,
    `${engineLine(report, times)}\n`,
    ...processLines(report, times),
    ...report.sources.map((source) => `source ${source.id}: ${sourceLine(source, new Date(report.at), times)}\n`),
    "\n",
    rows.length === 0 ? "no subscriptions\n" : printTable(columns, rows),
  ];
  // What a source as a whole lacks is said once, in its own line.
  const said = new Set(report.sources.flatMap(({ problem }) => (problem === null ? [] : [sentence(problem)])));
  const notes = report.subscriptions.flatMap((subscription) => remarks(subscription, said, times));
  if (notes.length > 0) parts.push("\n", ...notes.map((note) => `${note}\n`));
  return parts.join("");
}

/** Workers of a fleet; else processes that share sources. */
function processLines({ members, workers, queue }: StatusReport, times: TimePrinter): string[] {
  if (workers.length === 0) {
    return members.map(({ pid, host, slices }) => `process ${pid} on ${host}: ${slices.length === 0 ? "stands by" : slices.join(" ")}\n`);
  }
  const lines = workers.map(({ pid, host, state, heard_at: heardAt, sources, jobs }) => {
    const slices = members.find((member) => member.pid === pid && member.host === host)?.slices.filter((name) => name.includes("#")) ?? [];
    const owned = sources.map(({ id, since }) => `${id} since ${times.short(new Date(since))}`);
    const busy = jobs.length === 0 ? [] : [`at work on a job (${jobs.join(", ")})`];
    const all = [...owned, ...slices, ...busy];
    const word = state === "live" ? "" : state === "draining" ? " (about to end)" : ` (silent since ${times.short(new Date(heardAt))})`;
    return `worker ${pid} on ${host}${word}: ${all.length === 0 ? "owns nothing" : all.join(", ")}\n`;
  });
  return queue.problem === null ? lines : [...lines, `queue: ${sentence(queue.problem)}\n`];
}

function sourceLine(source: SourceStatus, at: Date, times: TimePrinter): string {
  const { connector, problem, slot, retained_bytes: bytes, kept_since: since } = source;
  if (problem !== null) return sentence(problem);
  if (connector === "debezium") return connectorLine(source, at);
  if (slot !== null) return `${bytes === null ? "nothing reserved yet" : `keeps ${printBytes(bytes)} of log for dongbo`} (slot ${slot})`;
  if (since === null) return "keeps its log by a rule of its own";
  const from = new Date(since);
  return `has its log since ${times.short(from)} (${printDuration((at.getTime() - from.getTime()) / 1000)})`;
}

function connectorLine({ heard_at: heardAt, follows }: SourceStatus, at: Date): string {
  const age = heardAt === null ? null : printDuration(Math.max(0, at.getTime() - new Date(heardAt).getTime()) / 1000);
  const heard = age === null ? "no heartbeat of the connector yet" : `connector heard of ${age} ago`;
  return `${heard}; copies follow ${follows === "rows" ? "each row in order, not whole transactions" : "whole transactions"}`;
}

function sentence(problem: StatusProblem): string {
  return oneLine(`${problem.code}: ${problem.subject}: ${printExplanation(problem)}`);
}

function engineLine(report: StatusReport, times: TimePrinter): string {
  const { engine, control } = report;
  if (control.problem !== null) return `control: ${control.problem.code}: ${printExplanation(control.problem)}`;
  if (engine === null) return "engine: not running; nothing is synchronized until `dongbo run` starts";
  return `engine: running since ${times.short(new Date(engine.started_at))}, process ${engine.pid} on ${engine.host}`;
}

function line(subscription: SubscriptionStatus, times: TimePrinter): string[] {
  const { last_sync_at: lastSyncAt, valid_until: validUntil, lag_seconds: lag } = subscription;
  const rows = subscription.tables.flatMap((table) => table.rows ?? []);
  return [
    subscription.id,
    subscription.usable ? "yes" : "no",
    stateWord(subscription),
    lastSyncAt === null ? "never" : times.short(new Date(lastSyncAt)),
    lag === null ? "-" : printDuration(lag),
    validUntil === null ? "-" : times.short(new Date(validUntil)),
    rows.length === 0 ? "-" : printCount(rows.reduce((sum, count) => sum + count, 0)),
    printCount(subscription.rows_quarantined),
  ];
}

/** What most deserves to be seen in one word. */
function stateWord(subscription: SubscriptionStatus): string {
  const { suspended, parked, tables, reason, problem } = subscription;
  if (problem !== null && reason === "unreachable") return reason;
  if (problem !== null) return retryKind(problem.code) === "timed" ? "retrying" : "stopped";
  if (parked !== null) return "parked";
  if (suspended !== null) return "suspended";
  if (tables.some((table) => table.stopped !== null)) return "stopped";
  const loading = tables.filter((table) => table.rows_loading !== null).length;
  if (loading > 0 && reason !== "expired") return `loading ${loading}/${tables.length}`;
  return reason ?? "valid";
}

/** One sentence for each thing that somebody should know or do, unless it was `said` already. */
function remarks(subscription: SubscriptionStatus, said: ReadonlySet<string>, times: TimePrinter): string[] {
  const { id, problem, suspended, parked } = subscription;
  const notes: string[] = [];
  if (problem !== null && !said.has(sentence(problem))) notes.push(`${id}: ${sentence(problem)}`);
  if (suspended !== null) {
    notes.push(
      `${id}: suspended for ${suspended.reason} since ${times.short(new Date(suspended.since))}. \`dongbo resume ${id}\` lets it go on.`,
    );
  }
  if (parked !== null) {
    notes.push(
      `${id}: parked since ${times.short(new Date(parked.since))}: ${parked.why}. It re-syncs by itself once its target keeps up.`,
    );
  }
  for (const table of subscription.tables) {
    if (table.stopped !== null) notes.push(oneLine(`${id} ${table.target}: stopped by ${table.stopped.code}: ${table.stopped.message}`));
    if (table.rows_quarantined > 0) {
      notes.push(
        `${id} ${table.target}: ${printCount(table.rows_quarantined)} rows in quarantine. Mend the cause, then \`dongbo replay ${id}\`.`,
      );
    }
    if (table.rows_loading !== null) notes.push(`${id} ${table.target}: loading, ${printCount(table.rows_loading)} rows so far.`);
    notes.push(...comparison(subscription, table, times));
  }
  for (const order of subscription.pending_orders)
    notes.push(`${id}: ${order.kind} of ${order.table ?? "all tables"} is ordered and waits.`);
  if (!subscription.usable && notes.length === 0 && problem === null)
    notes.push(`${id}: not usable (${subscription.reason ?? "unknown"}). \`dongbo explain ${id}\` says why.`);
  return notes;
}

/** What is to be said of a copy that is not known to equal the master, or may not be read because it did not. */
function comparison({ id, compared_with: other }: SubscriptionStatus, table: TableStatus, times: TimePrinter): string[] {
  const { target, verdict, copy_state: state, last_reconciled_at: at } = table;
  const when = at === null ? "" : ` ${verdict === "unverified" ? "since" : "at"} ${times.short(new Date(at))}`;
  const from = other === "master" ? "the master" : "what was sent";
  if (state === "QUARANTINED") {
    const found =
      verdict === "equal" ? `was found different from ${from} before it was found equal${when}` : `found different from ${from}${when}`;
    return [`${id} ${target}: ${found}. Nobody may read it until \`dongbo resync ${id} --table ${target}\` has loaded it anew.`];
  }
  if (verdict === "unverified") return [`${id} ${target}: could not be compared with the master${when}. \`dongbo reconcile\` says why.`];
  if (verdict !== "different") return [];
  const remedy =
    other === "master"
      ? "`dongbo reconcile --repair review` finds the rows and proposes the repair."
      : `\`dongbo resync ${id} --table ${target}\` loads it anew.`;
  return [`${id} ${target}: found different from ${from}${when}. ${remedy}`];
}
