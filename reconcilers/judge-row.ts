// One row, looked at on both sides in turn: is it the same, is it not, or must it be looked at again? Pure.
//
// The copy was read at position C1, then the master, then the copy once more at C2, when it had applied everything that the master
// had logged by then, and the master once more. By the prefix invariant the copy shows the master as of C1 and as of C2.
//
// A row of the copy that nobody wrote between C1 and C2 is the copy's answer for every position between them, that of the master's
// reading included: if the two differ, they differ for certain. A row of the master that nobody wrote between its two readings is
// the master's answer for C2: if the copy does not have it then, it is missing for certain. Whatever moved is looked at again.
//
// A transaction is in the log before others can see it. So a reading of the master is certain only when it shows all that the log held
// when the copy had been read, or when its row bears no mark of a transaction that is changing it.
import type { FoundRow, MasterRow } from "../engine/ports/compared-table.ts";

export interface Observation {
  /** Null: it has no such row. More than one: the copy has the key several times. */
  readonly copyBefore: readonly FoundRow[];
  readonly master: MasterRow | null;
  readonly copyAfter: readonly FoundRow[];
  readonly masterAfter: MasterRow | null;
  /** The first reading of the master showed all that the log held when the copy had been read first. */
  readonly masterShowsBefore: boolean;
  /** The second reading of the master showed all that the log held when the copy had been read again. */
  readonly masterShowsAfter: boolean;
  /** The master tells every write of a row apart. */
  readonly versioned: boolean;
}

/** `probably missing`: the master cannot tell whether the row was away for a moment. */
export type RowJudgement = "same" | "different" | "extra" | "outside filter" | "missing" | "probably missing" | "duplicate" | "again";

export function judgeRow(observation: Observation): RowJudgement {
  const { copyBefore, copyAfter, master, masterAfter } = observation;
  if (copyAfter.length > 1) return copyBefore.length > 1 ? "duplicate" : "again";
  const before = copyBefore.length === 1 ? (copyBefore[0] ?? null) : null;
  const after = copyAfter[0] ?? null;
  const owed = owedRow(master);
  const owedAfter = owedRow(masterAfter);
  if (after?.digest === owedAfter?.digest) return "same";
  if (after === null) return judgeMissing(observation, owed, owedAfter);
  if (before === null || before.version !== after.version || before.digest !== after.digest) return "again";
  if (!observation.masterShowsBefore && master?.untouched !== true) return "again";
  if (owed === null) return master === null ? "extra" : "outside filter";
  return owed.digest === after.digest ? "again" : "different";
}

function judgeMissing(observation: Observation, owed: MasterRow | null, owedAfter: MasterRow | null): RowJudgement {
  if (owed === null || owedAfter === null || owed.digest !== owedAfter.digest || owed.version !== owedAfter.version) return "again";
  if (!observation.masterShowsAfter && !owedAfter.untouched) return "again";
  if (observation.versioned) return "missing";
  return observation.copyBefore.length === 0 && observation.masterShowsBefore ? "probably missing" : "again";
}

/** The row that the copy should have. */
export function owedRow(row: MasterRow | null): MasterRow | null {
  return row !== null && row.passes ? row : null;
}
