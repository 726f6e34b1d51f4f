// A copy compared with its master while both go on changing: what differs at the end differs for certain (judge-row.ts).
import { ReplicationError } from "../engine/model/replication-error.ts";
import { keyText } from "../engine/model/row.ts";
import type { Difference, TableComparison, Verdict } from "../engine/model/reconcile-report.ts";
import { printTable } from "../engine/model/table.ts";
import type { Clock } from "../engine/ports/clock.ts";
import type { CanonicalKey, KeyRange } from "../engine/ports/compared-table.ts";
import { canonicalVersions, type ComparedCopy } from "../engine/model/canonical-form.ts";
import { asReplicationError, retryKind } from "../engine/fleet/retry-policy.ts";
import { classify, type FoundDifference } from "./classify.ts";
import type { ComparisonParts } from "./comparison-parts.ts";
import { CopyWatch } from "./copy-watch.ts";
import { orderAlike, type Suspects, SuspectSearch } from "./find-suspects.ts";
import { wholeTable } from "./key-ranges.ts";
import type { SearchProgress } from "./search-progress.ts";
import { settle } from "./settle.ts";

const retryMs = 500;
/** Parts of one table. */
const partsMax = 64;

/** What a comparison came to, with what only the decision about a repair needs. */
export interface Compared extends TableComparison {
  /** Rows that the master has for the copy. */
  readonly masterRows: number;
  /** The differences once more, with what it takes to look at their rows again. */
  readonly found: readonly FoundDifference[];
}

/** Never rejects but when the signal aborts: what keeps the copy from being compared is in `problem`. */
export async function compareTable(parts: ComparisonParts, signal: AbortSignal): Promise<Compared> {
  const subject = printTable(parts.compared.table.target);
  const watch = new CopyWatch(parts, subject, signal);
  const started = { startedAt: new Date(parts.clock.now() / 1000), watch };
  try {
    refuseSkippedKey(parts.compared);
    const hash = await patiently(parts, signal, () => agreeOnHash(parts));
    const search = new SuspectSearch(parts, { watch, hash }, signal);
    const suspects = await patiently(parts, signal, () => search.run());
    const rows = await patiently(parts, signal, () => judgeRows(parts, watch, suspects.keys, signal));
    const tooMany = suspects.cut ? new ReplicationError("DB-REC-015", { subject }) : null;
    return compared(parts, started, { ...rows, suspects, problem: tooMany ?? unsettledProblem(subject, rows.unsettled) });
  } catch (error) {
    signal.throwIfAborted();
    return compared(parts, started, { ...nothing, suspects: null, problem: asReplicationError(error, subject) });
  }
}

/** The search for rows that may differ, in one part of the table. Rejects with what keeps it from being compared, and when the signal aborts. */
export async function comparePart(parts: ComparisonParts, signal: AbortSignal): Promise<SearchProgress> {
  const watch = new CopyWatch(parts, printTable(parts.compared.table.target), signal);
  const hash = await patiently(parts, signal, () => agreeOnHash(parts));
  const search = new SuspectSearch(parts, { watch, hash }, signal);
  return patiently(parts, signal, () => search.scan());
}

/**
 * Cuts a table into parts of about so many rows; one part, the whole, where it is not larger, or cannot be cut. Throws what keeps the copy
 * from being compared as it is.
 */
export async function cutTable(parts: ComparisonParts, rowsMax: number, signal: AbortSignal): Promise<readonly KeyRange[]> {
  const { compared: copy, master } = parts;
  refuseSkippedKey(copy);
  const watch = new CopyWatch(parts, printTable(copy.table.target), signal);
  await watch.verify();
  if (master.estimatedRows < 2 * rowsMax || !(await orderAlike(parts))) return [wholeTable];
  const rows = Math.max(rowsMax, Math.ceil(master.estimatedRows / partsMax));
  const ranges: KeyRange[] = [];
  let after: CanonicalKey | null = null;
  do {
    signal.throwIfAborted();
    // The last one takes what is left, however wrong the estimate was.
    const until: CanonicalKey | null = ranges.length < partsMax - 1 ? await master.border({ after, until: null }, rows) : null;
    ranges.push({ after, until });
    after = until;
  } while (after !== null);
  return ranges;
}

/** Goes on after a failure that passes by itself, as a server that starts again does; not for longer than a copy may stand still. */
async function patiently<T>({ clock, limits }: ComparisonParts, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const startedAt = clock.monotonicMs();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const over = clock.monotonicMs() - startedAt > limits.patienceMs;
      if (over || !(error instanceof ReplicationError) || error.code.startsWith("DB-REC-") || retryKind(error) !== "timed") throw error;
      await clock.sleep(retryMs, signal);
    }
  }
}

/** Gives the word of the hash that both servers have and MD5 is not needed for; null: MD5. */
async function agreeOnHash({ master, copy }: ComparisonParts): Promise<string | null> {
  const [theirs, ours] = [await master.quickHash?.word(), await copy.quickHash?.word()];
  if (theirs === undefined || theirs === null || theirs !== ours) return null;
  master.quickHash?.use();
  copy.quickHash?.use();
  return theirs;
}

interface JudgedRows {
  readonly found: readonly FoundDifference[];
  /** Differing rows in quarantine. */
  readonly quarantined: number;
  readonly unsettled: number;
}

const nothing: JudgedRows = { found: [], quarantined: 0, unsettled: 0 };

/** What is wrong with these rows, for certain. */
async function judgeRows(
  parts: ComparisonParts,
  watch: CopyWatch,
  keys: readonly CanonicalKey[],
  signal: AbortSignal,
): Promise<JudgedRows> {
  if (keys.length === 0) return nothing;
  const settled = await settle(parts, watch, keys, signal);
  const all = await classify(parts, settled, signal);
  const setAside = new Set((await parts.copy.quarantined()).map(keyText));
  const found = all.filter(({ difference }) => !setAside.has(keyText(difference.key)));
  return { found, quarantined: all.length - found.length, unsettled: settled.unsettled };
}

/**
 * Looks once more at rows that differed, after something was done about it: only at what the copy shows behind everything that the
 * master had logged by now. Gives those that still differ.
 */
export async function lookAgain(
  parts: ComparisonParts,
  found: readonly FoundDifference[],
  signal: AbortSignal,
): Promise<readonly FoundDifference[]> {
  const watch = new CopyWatch(parts, printTable(parts.compared.table.target), signal);
  const keys = found.map(({ canonical }) => canonical);
  const { position } = await parts.master.find(keys.slice(0, 1));
  await watch.readAt(position, () => parts.copy.find(keys.slice(0, 1)));
  return (await judgeRows(parts, watch, keys, signal)).found;
}

/** Without its key no row can be told from another: throws DB-REC-005. */
export function refuseSkippedKey({ table, skipped }: ComparedCopy): void {
  const lacking = skipped.filter(({ column }) => table.key.includes(column));
  const [first] = lacking;
  if (first === undefined) return;
  const cause = lacking.map(({ column, why }) => `"${column}": ${why}`).join("; ");
  throw new ReplicationError("DB-REC-005", { subject: printTable(table.target), cause });
}

function unsettledProblem(subject: string, unsettled: number): ReplicationError | null {
  return unsettled === 0 ? null : new ReplicationError("DB-REC-006", { subject, cause: `${unsettled} rows went on changing` });
}

/** For a copy of which nothing could be looked at. */
export function notCompared(problem: ReplicationError, clock: Clock): Compared {
  const now = new Date(clock.now() / 1000);
  return {
    verdict: "unverified",
    problem: { code: problem.code, cause: problem.explanation, remedy: problem.remedy },
    startedAt: now,
    endedAt: now,
    position: null,
    sourceIdentity: null,
    rowsChecked: 0,
    digest: "",
    canonicalVersion: canonicalVersions.md5,
    differences: [],
    unsettled: 0,
    quarantined: 0,
    columns: [],
    skipped: [],
    bytesSent: 0,
    masterRows: 0,
    found: [],
  };
}

interface Found extends JudgedRows {
  readonly suspects: Suspects | null;
  readonly problem: ReplicationError | null;
}

function compared(
  { compared: copy, clock }: ComparisonParts,
  { startedAt, watch }: { startedAt: Date; watch: CopyWatch },
  { found, quarantined, unsettled, suspects, problem }: Found,
): Compared {
  const differences = found.map(({ difference }) => difference);
  return {
    verdict: verdictOf(differences, problem),
    problem: problem === null ? null : { code: problem.code, cause: problem.explanation, remedy: problem.remedy },
    startedAt: suspects?.startedAt ?? startedAt,
    endedAt: new Date(clock.now() / 1000),
    position: watch.stand?.position ?? null,
    sourceIdentity: watch.stand?.sourceIdentity ?? null,
    rowsChecked: suspects?.sum.rows ?? 0,
    digest: suspects?.sum.toString() ?? "",
    canonicalVersion: canonicalVersions[(suspects?.hash ?? null) === null ? "md5" : "lookup3"],
    differences,
    unsettled,
    quarantined,
    columns: copy.columns.map(({ target, form }) => ({ name: target, form })),
    skipped: copy.skipped,
    bytesSent: suspects?.bytesSent ?? 0,
    masterRows: suspects?.masterRows ?? 0,
    found,
  };
}

function verdictOf(differences: readonly Difference[], problem: ReplicationError | null): Verdict {
  if (differences.length > 0) return "different";
  return problem === null ? "equal" : "unverified";
}
