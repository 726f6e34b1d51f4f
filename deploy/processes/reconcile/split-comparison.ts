// A comparison of a large copy in parts, so that several workers may read it at once and each job is bounded. What a part came to is kept in
// the control database; whoever compares the table next goes on from all of them, and leaves one record (RC-10).
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { ComparisonPart } from "../../../engine/ports/reconcile-records.ts";
import { comparePart, cutTable } from "../../../reconcilers/compare-table.ts";
import { orderAlike } from "../../../reconcilers/find-suspects.ts";
import { wholeTable } from "../../../reconcilers/key-ranges.ts";
import { contractText } from "../copy-contract.ts";
import type { NamedSubscription } from "../read-configuration.ts";
import { openComparison } from "./open-comparison.ts";
import { aroundOf, type ReconcileParts } from "./reconcile-copies.ts";
import { type KeptPart, progressOf, saveNowAndThen } from "./run-progress.ts";
import { copiesOf } from "./subscribed-copies.ts";

/** Has the table compared in parts of about so many rows; false: it is not so large, or must be compared as a whole. */
export async function splitComparison(
  parts: ReconcileParts,
  { named, table }: { readonly named: NamedSubscription; readonly table: string },
  rowsMax: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { servers, copies } = await copiesOf(parts, named);
  const copy = copies.find(({ target }) => printTable(target) === table);
  if (copy === undefined || "reason" in copy || copy.catalog.estimatedRows < 2 * rowsMax) return false;
  const subscription = named.subscription.id;
  const contract = contractText(copy);
  const around = { ...aroundOf(parts, named), range: wholeTable, resume: null, progressed: () => Promise.resolve() };
  try {
    await using comparison = await openComparison({ ...servers, subscription, table: copy }, around, signal);
    const ranges = await cutTable(comparison.parts, rowsMax, signal);
    if (ranges.length < 2) return false;
    const made = ranges.map((range) => ({ contract, range, search: null }) satisfies KeptPart);
    await parts.control.reconcile.splitComparison(subscription, table, made);
    return true;
  } catch (error) {
    // The record of the whole says why it could not be compared.
    if (isOfTheCopy(error)) return false;
    throw error;
  }
}

/** Compares one part, and keeps what it came to; what cannot be done in parts is done as a whole. */
export async function compareKeptPart(
  parts: ReconcileParts,
  named: NamedSubscription,
  part: Omit<ComparisonPart, "state">,
  signal: AbortSignal,
): Promise<void> {
  const { reconcile } = parts.control;
  const { subscription, table } = part;
  const kept = (await reconcile.partsProgress(subscription, table)).find((own) => own.part === part.part && own.split === part.split);
  if (kept === undefined || kept.state !== "open") return;
  const { contract, range, search: resume } = progressOf(kept.progress);
  const { servers, copies } = await copiesOf(parts, named);
  const copy = copies.find((each): each is TableMapping => printTable(each.target) === table && !("reason" in each));
  const failed = (): Promise<void> => reconcile.recordPart(part, "failed", kept.progress);
  if (copy === undefined || contractText(copy) !== contract) return failed();
  const keep = (state: ComparisonPart["state"], search: KeptPart["search"]): Promise<void> =>
    reconcile.recordPart(part, state, { contract, range, search });
  const progressed = saveNowAndThen(parts.clock, (search) => keep("open", search));
  try {
    const around = { ...aroundOf(parts, named), range, resume, progressed };
    await using comparison = await openComparison({ ...servers, subscription, table: copy }, around, signal);
    if (await orderAlike(comparison.parts)) await keep("done", await comparePart(comparison.parts, signal));
    else await failed();
  } catch (error) {
    signal.throwIfAborted();
    if (!isOfTheCopy(error)) throw error;
    await failed();
  }
}

/** Not the copy's being behind for a while. */
function isOfTheCopy(error: unknown): boolean {
  return error instanceof ReplicationError && error.code.startsWith("DB-REC-") && error.code !== "DB-REC-001";
}
