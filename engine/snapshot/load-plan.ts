// What a copy owes when its subscription starts: nothing, the rest of a load, the rows of a wider filter, or everything.
import type { Predicate } from "../model/predicate.ts";
import type { LoadProgress, StoredCopy } from "../ports/change-target.ts";

export type LoadPlan =
  | { readonly kind: "none" }
  | { readonly kind: "continue"; readonly progress: LoadProgress }
  /** Columns were withdrawn and nothing else changed: the rows are as they shall be. */
  | { readonly kind: "relabel" }
  /** `sweep`: rows that the load does not meet are removed at its end. */
  | { readonly kind: "begin"; readonly filter: Predicate | null; readonly sweep: boolean };

/** Reads a stored contract back: see contractText. */
export type ContractReader = (contract: string) => { readonly columns: readonly string[]; readonly filter: Predicate | null };

/**
 * `wanted` is the contract that the copy shall obey, `filter` its filter. A copy that obeys another one is loaded again,
 * whole; only when the filter merely grew is the difference loaded alone.
 */
export function planLoad(stored: StoredCopy, wanted: string, filter: Predicate | null, read: ContractReader): LoadPlan {
  const current = stored.load?.contract ?? stored.contract;
  if (current === wanted && (stored.stopped !== null || !stored.awaitsLoad))
    return stored.load === null || stored.stopped !== null ? { kind: "none" } : { kind: "continue", progress: stored.load };
  // A stopped copy has missed changes, as one that awaits its load may have; an expired one under the policy `resync` owes it.
  const isWhole = stored.load === null && stored.stopped === null && !stored.expired && !stored.awaitsLoad;
  if (isWhole && stored.contract !== null) {
    const old = read(stored.contract);
    const now = read(wanted);
    const kept = now.columns.every((column) => old.columns.includes(column));
    if (kept && JSON.stringify(old.filter) === JSON.stringify(now.filter)) return { kind: "relabel" };
    const added = kept ? addedRows(old.filter, now.filter) : null;
    if (added !== null) return { kind: "begin", filter: added, sweep: false };
  }
  return { kind: "begin", filter, sweep: !stored.empty };
}

/**
 * The filter of the rows that `now` has and `before` had not, when it is plain that `before` had no others: an `in` list
 * that grew, alone or inside an `all`. Null when that cannot be told from the filters alone.
 */
export function addedRows(before: Predicate | null, now: Predicate | null): Predicate | null {
  if (before === null || now === null) return null;
  if (before.op === "eq" && now.op === "in") return addedRows({ op: "in", column: before.column, values: [before.value] }, now);
  if (before.op === "in" && now.op === "in" && before.column === now.column) {
    const kept = before.values.every((value) => now.values.includes(value));
    return kept ? { ...now, values: now.values.filter((value) => !before.values.includes(value)) } : null;
  }
  if (before.op === "all" && now.op === "all" && before.of.length === now.of.length) {
    const changed = now.of.findIndex((part, index) => JSON.stringify(part) !== JSON.stringify(before.of[index]));
    const rest = now.of.filter((_, index) => index !== changed);
    const others = before.of.filter((_, index) => index !== changed);
    if (changed < 0 || JSON.stringify(rest) !== JSON.stringify(others)) return null;
    const added = addedRows(before.of[changed] as Predicate, now.of[changed] as Predicate);
    return added === null ? null : { op: "all", of: [...rest, added] };
  }
  return null;
}
