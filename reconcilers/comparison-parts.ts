import type { ComparedCopy } from "../engine/model/canonical-form.ts";
import type { PositionOrder } from "../engine/model/position.ts";
import type { Clock } from "../engine/ports/clock.ts";
import type { CopyTable, KeyRange, MasterTable } from "../engine/ports/compared-table.ts";
import type { SearchProgress } from "./search-progress.ts";

/** What a comparison works with. */
export interface ComparisonParts {
  readonly compared: ComparedCopy;
  readonly master: MasterTable;
  readonly copy: CopyTable;
  /** How the copy's positions compare. */
  readonly positions: Pick<PositionOrder, "covers">;
  readonly clock: Clock;
  /** What the copy's rows must obey to be comparable. */
  readonly contract: string;
  readonly limits: ComparisonLimits;
  /** Resolves when the next part may be read: at once, or when lag and load have gone down. */
  readonly mayRead: (signal: AbortSignal) => Promise<void>;
  /** Asks for the copy to be brought forward soon: it is being waited for. */
  readonly hurry: () => void;
  /** The rows that are compared: all, or those of a part that others go on from. */
  readonly range: KeyRange;
  /** Where an earlier run had come to when it was cut off; null: begin at the beginning. */
  readonly resume: SearchProgress | null;
  /** Told after each range. */
  readonly progressed: (progress: SearchProgress) => Promise<void>;
}

export interface ComparisonLimits {
  /** How long the copy may stand still behind the master before the comparison is given up, in milliseconds. */
  readonly patienceMs: number;
  /** How long rows that go on changing are looked at again, in milliseconds. */
  readonly settleMs: number;
  /** Null: as fast as both servers answer. */
  readonly rowsPerSecondMax: number | null;
  /** Part of the time in which each server is read while it is not busy, see Pace; 1: all of it, whatever others do. */
  readonly share: number;
}

/** Half of the time each server is left alone. */
export const defaultLimits: ComparisonLimits = { patienceMs: 90_000, settleMs: 60_000, rowsPerSecondMax: null, share: 0.5 };
