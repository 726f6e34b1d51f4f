// When a repair that nobody was asked about must not be made: what looks like drift of the copy may be a mistake of the master, of its
// grants, or of the comparison itself (LD 34.3, RC-07). Pure.
import type { Breaker, Difference } from "../engine/model/reconcile-report.ts";

/** Rows that may be repaired at once whatever the size of the copy, and the share of its rows from there on. */
const rowsMax = 1_000;
const rowsShareMax = 0.001;
/** From so many rows on, one column in so large a share of them says that the column, not the rows, is the trouble. */
const columnRowsMin = 100;
const columnShareMax = 0.9;
/** Share of the copy's rows that a repair may remove, from so many on. */
const deletedRowsMin = 100;
const deletedShareMax = 0.01;
/** Of what the master itself estimates to have, from so many on. */
const estimatedRowsMin = 1_000;
const lostShareMax = 0.5;

export interface BreakerFacts {
  readonly differences: readonly Difference[];
  readonly copyRows: number;
  readonly masterRows: number;
  /** The master's own estimate of the rows that the copy is owed; null: there is none for a part of a table. */
  readonly masterEstimate: number | null;
}

/** Why a person must decide; null: repair. */
export function brokenBy({ differences, copyRows, masterRows, masterEstimate }: BreakerFacts): Breaker | null {
  if (masterEstimate !== null && masterEstimate >= estimatedRowsMin && masterRows < masterEstimate * (1 - lostShareMax)) {
    return "master lost rows";
  }
  const deletes = differences.filter((difference) => difference.class === "extra").length;
  if (deletes >= deletedRowsMin && deletes > copyRows * deletedShareMax) return "mass delete";
  if (oneColumnExplains(differences)) return "one column explains most";
  return differences.length > Math.max(rowsMax, copyRows * rowsShareMax) ? "too many rows" : null;
}

/** In most of the rows that differ, nothing but this one column does. */
function oneColumnExplains(differences: readonly Difference[]): boolean {
  const changed = differences.filter((difference) => difference.class === "different");
  if (changed.length < columnRowsMin) return false;
  const counts = new Map<string, number>();
  for (const { columns } of changed) {
    const [only, ...others] = columns;
    if (only !== undefined && others.length === 0) counts.set(only, (counts.get(only) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values()) > changed.length * columnShareMax;
}
