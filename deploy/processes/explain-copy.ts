// Why a copy may be used or not: every condition of use, each judged alone, with what to do where it fails. Pure.
import type { ShareConfiguration } from "../../engine/config/configuration.ts";
import { type RefusalReason, refusalTexts } from "../../engine/validity/refusal.ts";
import { printDuration, type TimePrinter } from "./output/print-time.ts";
import type { StatusReport, SubscriptionStatus, TableStatus } from "./status-shape.ts";

/** One condition, in one line. */
export interface Check {
  readonly check: string;
  /** Null: cannot be judged. */
  readonly ok: boolean | null;
  readonly detail: string;
  /** What to do; null where nothing is needed. */
  readonly remedy: string | null;
}

/** In the order in which they matter: terms, orders, engine, source, target, tables. */
export function explainCopy(report: StatusReport, share: ShareConfiguration, id: string, times: TimePrinter): Check[] {
  const subscription = report.subscriptions.find((candidate) => candidate.id === id);
  if (subscription === undefined) return [];
  return [
    agreementCheck(share, new Date(report.at), times),
    suspensionCheck(subscription, times),
    streamCheck(subscription, times),
    engineCheck(report, times),
    sourceCheck(report, share.source, times),
    ...orderCheck(report, share.source),
    targetCheck(subscription),
    ...subscription.tables.map((table) => tableCheck(table, times)),
    ...subscription.tables.flatMap((table) => quarantineCheck(subscription.id, table)),
    ...subscription.pending_orders.map((order) => ({
      check: "order",
      ok: null,
      detail: `${order.kind} of ${order.table ?? "all tables"} is ordered and waits`,
      remedy: report.engine === null ? "Start `dongbo run`: it carries the order out" : null,
    })),
  ];
}

function agreementCheck({ agreement }: ShareConfiguration, now: Date, times: TimePrinter): Check {
  const { id, from, to } = agreement;
  const began = from <= now;
  const ended = to !== null && to <= now;
  const term = `${id}, from ${times.full(from)} to ${to === null ? "an open end" : times.full(to)}`;
  const remedy = ended ? refusalTexts.agreement_ended.hint : refusalTexts.agreement_not_begun.hint;
  return { check: "agreement", ok: began && !ended, detail: term, remedy: began && !ended ? null : remedy };
}

function suspensionCheck({ id, suspended }: SubscriptionStatus, times: TimePrinter): Check {
  if (suspended === null) return { check: "supply", ok: true, detail: "not suspended", remedy: null };
  const detail = `suspended for ${suspended.reason} since ${times.full(new Date(suspended.since))}; the validity period goes on`;
  return { check: "supply", ok: false, detail, remedy: `\`dongbo resume ${id}\` when the reason has ended` };
}

function streamCheck({ parked, problem, reason }: SubscriptionStatus, times: TimePrinter): Check {
  if (problem !== null && reason !== "unreachable")
    return { check: "stream", ok: false, detail: `${problem.code}: ${problem.subject}: ${problem.cause}`, remedy: problem.remedy };
  if (parked === null) return { check: "stream", ok: true, detail: "attached to the source", remedy: null };
  const detail = `parked since ${times.full(new Date(parked.since))}: ${parked.why}`;
  return { check: "stream", ok: false, detail, remedy: "Bring the target back: the copy is then re-synced by itself" };
}

function engineCheck({ engine, control }: StatusReport, times: TimePrinter): Check {
  if (control.problem !== null) {
    return { check: "engine", ok: null, detail: `${control.problem.code}: ${control.problem.cause}`, remedy: control.problem.remedy };
  }
  if (engine === null) return { check: "engine", ok: false, detail: "no engine is running", remedy: "Start `dongbo run`" };
  const detail = `running since ${times.full(new Date(engine.started_at))}, process ${engine.pid} on ${engine.host}`;
  return { check: "engine", ok: true, detail, remedy: null };
}

function sourceCheck(report: StatusReport, id: string, times: TimePrinter): Check {
  const source = report.sources.find((candidate) => candidate.id === id);
  if (source === undefined) return { check: "source", ok: null, detail: `${id} is not configured`, remedy: "Add it to `sources:`" };
  const { problem, slot } = source;
  if (problem !== null)
    return { check: "source", ok: false, detail: `${problem.code}: ${problem.subject}: ${problem.cause}`, remedy: problem.remedy };
  if (source.retained_bytes === null) {
    return { check: "source", ok: null, detail: `${id} reserves nothing for dongbo yet`, remedy: "`dongbo run` makes the reservation" };
  }
  if (source.connector === "debezium") {
    const heard = source.heard_at === null ? "no heartbeat yet" : `its newest heartbeat is of ${times.full(new Date(source.heard_at))}`;
    return { check: "source", ok: true, detail: `${id} answers; ${heard}`, remedy: null };
  }
  const where = slot === null ? "still has its log" : `keeps its log in slot ${slot}`;
  return { check: "source", ok: true, detail: `${id} answers and ${where}`, remedy: null };
}

/** What the copy can be relied on for, where that is less than usual. */
function orderCheck(report: StatusReport, id: string): Check[] {
  if (report.sources.find((source) => source.id === id)?.follows !== "rows") return [];
  const detail = "each row follows its changes in their order; what changed together may be seen apart (no `topics.transactions`)";
  return [{ check: "order", ok: true, detail, remedy: null }];
}

function targetCheck({ target, problem, reason, tables, share_state: state, position }: SubscriptionStatus): Check {
  if (problem !== null && reason === "unreachable")
    return { check: "target", ok: false, detail: `${problem.code}: ${problem.subject}: ${problem.cause}`, remedy: problem.remedy };
  if (tables.length === 0) {
    return { check: "target", ok: false, detail: `${target} holds nothing of it yet`, remedy: "`dongbo run` makes and loads the copy" };
  }
  return {
    check: "target",
    ok: true,
    detail: `${target} answers; share ${state ?? "unknown"}, position ${position === null ? "none" : shortened(position)}`,
    remedy: null,
  };
}

/** Of a place in many partitions the first ones tell enough; `status --json` has all. */
function shortened(position: string): string {
  const parts = position.split(" ");
  return parts.length <= 4 ? position : `${parts.slice(0, 4).join(" ")} … and ${parts.length - 4} more`;
}

function tableCheck(table: TableStatus, times: TimePrinter): Check {
  const check = `table ${table.target}`;
  if (table.stopped !== null) {
    const { code, message } = table.stopped;
    return { check, ok: false, detail: `stopped by ${code}: ${message}`, remedy: "Remove the cause, then `dongbo resync` for this table" };
  }
  if (table.usable) {
    const until = table.valid_until === null ? "" : `, valid until ${times.full(new Date(table.valid_until))}`;
    return { check, ok: true, detail: `${table.copy_state}, last sync ${syncText(table, times)}${until}`, remedy: null };
  }
  const reason = table.reason ?? "unknown";
  const until = reason === "expired" && table.valid_until !== null ? ` at ${times.full(new Date(table.valid_until))}` : "";
  return { check, ok: false, detail: `${reason}${until}, last sync ${syncText(table, times)}`, remedy: hintFor(reason) };
}

function hintFor(reason: string): string | null {
  return Object.hasOwn(refusalTexts, reason) ? refusalTexts[reason as RefusalReason].hint : null;
}

function syncText(table: TableStatus, times: TimePrinter): string {
  return table.last_sync_at === null ? "never" : times.full(new Date(table.last_sync_at));
}

function quarantineCheck(id: string, table: TableStatus): Check[] {
  if (table.rows_quarantined === 0) return [];
  const detail = `${table.rows_quarantined} rows were refused by the target and are missing from the copy`;
  return [{ check: `quarantine ${table.target}`, ok: false, detail, remedy: `Mend the cause, then \`dongbo replay ${id}\`` }];
}

/** `lag 0.4 s`, for the head of the explanation. */
export function lagText(subscription: SubscriptionStatus): string {
  return subscription.lag_seconds === null ? "never synced" : `last sync ${printDuration(subscription.lag_seconds)} ago`;
}
