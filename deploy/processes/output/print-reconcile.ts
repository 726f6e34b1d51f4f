// What a comparison with the master came to, for people and for machines. Keys are shown as the share's configuration allows.
import type { ReconcileConfiguration } from "../../../engine/config/configuration.ts";
import { keyFingerprint } from "../../../engine/model/key-fingerprint.ts";
import {
  type Difference,
  type DifferenceClass,
  planRowsMax,
  type ReconcileReport,
  type Verdict,
} from "../../../engine/model/reconcile-report.ts";
import { type Key, keyText } from "../../../engine/model/row.ts";
import { exitCode, type ExitCode } from "../terminal.ts";
import { printExplanation } from "./print-finding.ts";
import { printReference, referenceJson } from "./print-references.ts";
import { oneLine, printTable, type TextColumn } from "./print-table.ts";
import { printCount } from "./print-time.ts";

/** One table of one subscription. */
export interface ReconciledTable {
  readonly report: ReconcileReport;
  /** Id of its record; null: it was not recorded. */
  readonly run: number | null;
  readonly keys: ReconcileConfiguration["keys"];
}

/** Keys of one class that are shown to people, and that machines get. */
const keysShown = 20;
const keysListed = 1_000;

const classes: readonly DifferenceClass[] = ["missing", "extra", "different", "duplicate"];

const columns: readonly TextColumn[] = [
  { title: "SUBSCRIPTION" },
  { title: "TABLE" },
  { title: "VERDICT" },
  { title: "CHECKED", align: "right" },
  { title: "MISSING", align: "right" },
  { title: "EXTRA", align: "right" },
  { title: "DIFFERENT", align: "right" },
  { title: "REPAIRED", align: "right" },
  { title: "POSITION" },
];

/** Of several tables: different as soon as one is, equal only when all are. */
export function overallVerdict(tables: readonly ReconciledTable[]): Verdict {
  const verdicts = new Set(tables.map(({ report }) => report.verdict));
  if (verdicts.has("different")) return "different";
  return verdicts.has("unverified") || tables.length === 0 ? "unverified" : "equal";
}

const exitCodes: Readonly<Record<Verdict, ExitCode>> = {
  equal: exitCode.ok,
  different: exitCode.different,
  unverified: exitCode.unverified,
};

export function exitCodeOf(verdict: Verdict): ExitCode {
  return exitCodes[verdict];
}

/** One line a copy, and below it what was found and what to do. */
export function printReconcile(tables: readonly ReconciledTable[]): string {
  const rows = tables.map((table) => line(table));
  const notes = tables.flatMap((table) => remarks(table));
  const below = notes.length === 0 ? [] : ["\n", ...notes.map((note) => `${note}\n`)];
  return [printTable(columns, rows), ...below].join("");
}

/** The shape of `reconcile --json`. */
export function reconcileJson(tables: readonly ReconciledTable[]): object {
  return { verdict: overallVerdict(tables), tables: tables.map(tableJson) };
}

function line({ report }: ReconciledTable): string[] {
  return [
    report.subscription,
    report.table,
    verdictText(report),
    printCount(report.rowsChecked),
    ...(["missing", "extra", "different"] as const).map((kind) => printCount(ofClass(report, kind).length)),
    printCount(report.repaired),
    report.position ?? "-",
  ];
}

/** What was compared with what was sent is not said to be compared with the master. */
function verdictText({ verdict, sent }: ReconcileReport): string {
  if (sent === null || sent === "unverified") return verdict;
  return sent === "equal" ? "unverified (as sent)" : "different (from what was sent)";
}

function remarks(table: ReconciledTable): string[] {
  const { report } = table;
  const { problem, unsettled, quarantined, skipped } = report;
  const notes = [
    ...(problem === null ? [] : [`${problem.code}: ${printExplanation(problem)}`]),
    ...classes.flatMap((kind) => classRemarks(table, kind)),
    ...(unsettled === 0 ? [] : [`${rowsText(unsettled)} never stood still for long enough to be judged; compare again at a quieter hour.`]),
    ...(quarantined === 0
      ? []
      : [`${rowsText(quarantined)} in quarantine, no difference. Mend the cause, then \`dongbo replay ${report.subscription}\`.`]),
    ...(skipped.length === 0 ? [] : [`not compared: ${skipped.map(({ column, why }) => `${column} (${why})`).join(", ")}.`]),
    ...actionRemarks(table),
    ...report.references.map((reference) => printReference(reference, { subscription: report.subscription, keys: table.keys })),
  ];
  return notes.map((note) => `${report.subscription} ${report.table}: ${oneLine(note)}`);
}

function classRemarks(table: ReconciledTable, kind: DifferenceClass): string[] {
  const found = ofClass(table.report, kind);
  if (found.length === 0) return [];
  const shown = sorted(found).slice(0, keysShown);
  const more = found.length > shown.length ? [`and ${printCount(found.length - shown.length)} more`] : [];
  const list = [...shown.map((difference) => differenceText(table, difference)), ...more].join(", ");
  return [`${kind}: ${list}.`, ...classWarnings(table.report, kind)];
}

/** What makes some of these rows another matter than the rest. */
function classWarnings(report: ReconcileReport, kind: DifferenceClass): string[] {
  const outside = kind === "extra" ? outsideFilter(report) : 0;
  const unicode = kind === "different" ? unicodeFormOnly(report) : 0;
  return [
    ...(outside === 0
      ? []
      : [
          `${rowsText(outside)} outside the share's filter: the master has them, this consumer has no right to them. Repair takes them away.`,
        ]),
    ...(unicode === 0 ? [] : [`of ${rowsText(unicode)} nothing differs but how the same characters are composed (Unicode NFC or NFD).`]),
  ];
}

function actionRemarks({ report, run }: ReconciledTable): string[] {
  const { action, policy, verdict, subscription, table } = report;
  switch (action.kind) {
    case "repaired":
      return [`${rowsText(action.rows)} made what they are at the master.`];
    case "plan": {
      const why = action.breaker === null ? "" : `, because of this: ${action.breaker}`;
      const approve = run === null ? "" : ` Look at the rows, then \`dongbo reconcile --approve ${run}\`.`;
      const plan = `a plan for the repair waits for somebody to approve it${why}.${approve}`;
      const planned = report.differences.length;
      if (planned <= planRowsMax) return [plan];
      const resync = `\`dongbo resync ${subscription} --table ${table}\` loads all of it anew`;
      return [plan, `the plan holds ${printCount(planRowsMax)} of the ${rowsText(planned)}; ${resync}.`];
    }
    case "none": {
      if (verdict !== "different") return [];
      if (report.sent !== null)
        return [`nothing was repaired; \`dongbo resync ${subscription} --table ${table}\` loads it anew from its topic.`];
      const lead = policy === "none" ? "nothing was repaired" : "not all was repaired";
      return [`${lead}; \`dongbo reconcile --subscription ${subscription} --table ${table} --repair review\` proposes a repair.`];
    }
  }
}

function tableJson(table: ReconciledTable): object {
  const { report, run } = table;
  const lists = { missing: ofClass(report, "missing"), extra: ofClass(report, "extra"), duplicate: ofClass(report, "duplicate") };
  const different = sorted(ofClass(report, "different"));
  const keysOf = (differences: readonly Difference[]): unknown[] =>
    sorted(differences)
      .slice(0, keysListed)
      .map((difference) => keyJson(table, difference.key));
  return {
    subscription: report.subscription,
    table: report.table,
    verdict: report.verdict,
    compared_with: report.sent === null ? "master" : "sent",
    sent: report.sent,
    problem: report.problem,
    rows_checked: report.rowsChecked,
    missing: keysOf(lists.missing),
    missing_count: lists.missing.length,
    extra: keysOf(lists.extra),
    extra_count: lists.extra.length,
    outside_filter_count: outsideFilter(report),
    different: different.slice(0, keysListed).map((difference) => ({
      key: keyJson(table, difference.key),
      columns: difference.columns,
      unicode_form_only: difference.unicodeFormOnly,
    })),
    different_count: different.length,
    duplicate: keysOf(lists.duplicate),
    duplicate_count: lists.duplicate.length,
    unsettled: report.unsettled,
    quarantined: report.quarantined,
    repaired: report.repaired,
    position: report.position,
    digest: report.digest,
    skipped: report.skipped,
    bytes_sent: report.bytesSent,
    references: report.references.map((reference) => referenceJson(reference, { subscription: report.subscription, keys: table.keys })),
    action: report.action,
    run,
  };
}

type OfClass<Kind extends DifferenceClass> = Extract<Difference, { readonly class: Kind }>;

function ofClass<Kind extends DifferenceClass>({ differences }: ReconcileReport, kind: Kind): OfClass<Kind>[] {
  return differences.filter((difference): difference is OfClass<Kind> => difference.class === kind);
}

function outsideFilter(report: ReconcileReport): number {
  return ofClass(report, "extra").filter((difference) => difference.outsideFilter).length;
}

function unicodeFormOnly(report: ReconcileReport): number {
  return ofClass(report, "different").filter((difference) => difference.unicodeFormOnly).length;
}

/** By key, so that the same differences are always told in the same way. */
function sorted<Found extends Difference>(differences: readonly Found[]): Found[] {
  const texts = new Map(differences.map((difference) => [difference, keyText(difference.key)]));
  return differences.toSorted((a, b) => ((texts.get(a) ?? "") < (texts.get(b) ?? "") ? -1 : 1));
}

function differenceText(table: ReconciledTable, difference: Difference): string {
  const key = printKey(table, difference.key);
  return difference.class === "different" ? `${key} (${difference.columns.join(", ")})` : key;
}

function printKey(table: ReconciledTable, key: Key): string {
  const shown = keyJson(table, key);
  if (typeof shown === "string") return shown;
  return shown.length === 1 ? (shown[0] ?? "") : `[${shown.join(", ")}]`;
}

/** The text of the key's parts, or one digest where they are not to be shown. */
function keyJson({ report, keys }: ReconciledTable, key: Key): string[] | string {
  return keys === "digests" ? keyFingerprint(report.subscription, report.table, key) : key.map((part) => part.toString("utf8"));
}

function rowsText(rows: number): string {
  return `${printCount(rows)} ${rows === 1 ? "row" : "rows"}`;
}
