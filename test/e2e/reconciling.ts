// `dongbo reconcile` as its users see it: the exit code, and what `--json` says of each table that was compared.
import type { DongboHome } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";

/** The texts of a key's parts, in key order. */
export type KeyTexts = readonly string[];

export interface DifferentRow {
  readonly key: KeyTexts;
  readonly columns: readonly string[];
  readonly unicode_form_only: boolean;
}

/** One table of one subscription in `reconcile --json`. Lists hold at most 1,000 keys, counts are exact. */
export interface ReconciledTable {
  readonly subscription: string;
  readonly table: string;
  readonly verdict: string;
  readonly compared_with: "master" | "sent";
  readonly sent: string | null;
  readonly rows_checked: number;
  readonly missing: readonly KeyTexts[];
  readonly extra: readonly KeyTexts[];
  readonly different: readonly DifferentRow[];
  readonly duplicate: readonly KeyTexts[];
  readonly missing_count: number;
  readonly extra_count: number;
  /** Of the extra ones, those that the master holds for others. */
  readonly outside_filter_count: number;
  readonly different_count: number;
  readonly duplicate_count: number;
  readonly unsettled: number;
  readonly quarantined: number;
  readonly repaired: number;
  readonly position: string | null;
  readonly digest: string;
  readonly skipped: readonly { readonly column: string; readonly why: string }[];
  readonly problem: { readonly code: string; readonly cause: string; readonly remedy: string } | null;
  readonly references: readonly FoundReference[];
  readonly action: unknown;
  readonly run: string | number | null;
  /** Digests and keys, of both sides together. */
  readonly bytes_sent: number;
}

/** What a table of the consumer's refers to and the copy does not have. At most 1,000 values are listed, counts are exact. */
export interface FoundReference {
  readonly table: string;
  readonly columns: readonly string[];
  readonly values_count: number;
  readonly rows_count: number;
  readonly dangling: readonly { readonly values: readonly string[]; readonly rows: number; readonly cause: string }[];
  readonly problem: ReconciledTable["problem"];
}

export interface Reconciliation {
  /** 0 equal, 3 different, 4 unverified. */
  readonly code: number;
  readonly verdict: string;
  readonly tables: readonly ReconciledTable[];
  readonly stderr: string;
}

/** Listed keys per class and table. */
const listedMax = 1_000;

const verdicts: Readonly<Record<number, string>> = { 0: "equal", 3: "different", 4: "unverified" };

/** Runs the command to its end. Throws, with its output, when it leaves otherwise than with a verdict, or with another one than it says. */
export function reconcile(home: DongboHome, options: readonly string[] = [], deadlineMs = 100_000): Promise<Reconciliation> {
  return reconciled(home.start(["reconcile", ...options, "--json"]), deadlineMs);
}

/** The same of a command that was started. */
export async function reconciled(running: DongboProcess, deadlineMs = 100_000): Promise<Reconciliation> {
  const { code } = await running.waitForExit(deadlineMs);
  const verdict = code === null ? undefined : verdicts[code];
  if (code === null || verdict === undefined) throw new Error(running.describe());
  const report = JSON.parse(running.stdout) as Pick<Reconciliation, "verdict" | "tables">;
  if (report.verdict !== verdict) throw new Error(`left with ${code} and says ${report.verdict}\n${running.describe()}`);
  for (const table of report.tables) refuseMiscount(table);
  return { code, ...report, stderr: running.stderr };
}

/** Lists must be what the counts say they are. */
function refuseMiscount(table: ReconciledTable): void {
  const pairs = [
    ["missing", table.missing.length, table.missing_count],
    ["extra", table.extra.length, table.extra_count],
    ["different", table.different.length, table.different_count],
    ["duplicate", table.duplicate.length, table.duplicate_count],
  ] as const;
  for (const [name, listed, count] of pairs)
    if (listed !== Math.min(count, listedMax)) throw new Error(`${table.table}: ${listed} ${name} keys are listed of ${count}`);
  if (table.outside_filter_count > table.extra_count) throw new Error(`${table.table}: more rows outside of the filter than extra ones`);
}

/** Values, rows that hold them and cause of each, by the referring table: `["001", 2, "not in the master"]`. Throws where one has a problem. */
export function dangling({ references }: ReconciledTable): Record<string, (string | number)[][]> {
  for (const { table, problem } of references) if (problem !== null) throw new Error(`${table}: ${JSON.stringify(problem)}`);
  return Object.fromEntries(
    references.map((found) => [found.table, found.dangling.map(({ values, rows, cause }) => [...values, rows, cause])]),
  );
}

/** The one table that was compared; throws when there is not exactly one. */
export function onlyTable({ tables }: Reconciliation): ReconciledTable {
  const [table] = tables;
  if (table === undefined || tables.length > 1) throw new Error(`${tables.length} tables were compared: ${JSON.stringify(tables)}`);
  return table;
}

/** What was found of one table, in an order of its own: what a test expects whole. */
export interface Found {
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  readonly outsideFilter: number;
  /** `key (columns)`, with a `~` behind where only the form of characters differs. */
  readonly different: readonly string[];
  readonly duplicate: readonly string[];
}

export const nothing: Found = { missing: [], extra: [], outsideFilter: 0, different: [], duplicate: [] };

/** Differences of one table; a key is its parts joined by a slash. */
export function found(table: ReconciledTable): Found {
  return {
    missing: table.missing.map(printKey).toSorted(),
    extra: table.extra.map(printKey).toSorted(),
    outsideFilter: table.outside_filter_count,
    different: table.different.map(printDifferent).toSorted(),
    duplicate: table.duplicate.map(printKey).toSorted(),
  };
}

function printKey(key: KeyTexts): string {
  return key.join("/");
}

function printDifferent({ key, columns, unicode_form_only: formOnly }: DifferentRow): string {
  return `${printKey(key)} (${columns.join(", ")})${formOnly ? " ~" : ""}`;
}
