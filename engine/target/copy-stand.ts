// What is on record of the parts of a copy, put together to how the whole stands: with what its rows are compared.
import type { Micros } from "../model/change-message.ts";
import type { PositionOrder } from "../model/position.ts";
import type { CopyState, ShareState, StopReason } from "../model/share.ts";
import type { CopyStand } from "../ports/compared-table.ts";

/** One slice of a subscription, or the whole, and its record of one copy. */
export interface PartStand {
  /** Into how many slices the subscription is cut; 1: it is written whole. */
  readonly of: number;
  readonly shareState: ShareState;
  readonly position: string | null;
  readonly sourceTime: Micros | null;
  readonly epoch: number;
  readonly sourceIdentity: string | null;
  /** Null: it has no record of the copy. */
  readonly copyState: CopyState | null;
  readonly contract: string | null;
  readonly loading: boolean;
  readonly stopped: StopReason | null;
}

/** Parts that were retired write no more; but that they were is a change of who writes. */
export function standOf(parts: readonly PartStand[], positions: Pick<PositionOrder, "parse" | "join">): CopyStand {
  const alive = parts.filter(({ shareState }) => shareState !== "TERMINATED");
  const complete = alive.length > 0 && alive.length === alive[0]?.of;
  const reached = alive.flatMap(({ position }) => (position === null ? [] : [positions.parse(position)]));
  return {
    position: complete && reached.length === alive.length ? reached.reduce(positions.join) : null,
    sourceTime: complete ? oldest(alive.map(({ sourceTime }) => sourceTime)) : null,
    epoch: parts.reduce((sum, { epoch }) => sum + epoch, 0),
    sourceIdentity: common(alive.map(({ sourceIdentity }) => sourceIdentity)),
    contract: complete ? common(alive.map(({ contract }) => contract)) : null,
    loading: alive.some(isLoading),
    stopped: alive.find(({ stopped }) => stopped !== null)?.stopped ?? null,
  };
}

/** A copy that waits for a load has rows, but not as its contract says. */
function isLoading({ loading, copyState }: PartStand): boolean {
  return loading || copyState === "RESYNCING" || copyState === "NEVER_SYNCED";
}

/** Null where one of them is not known. */
function oldest(times: readonly (Micros | null)[]): Micros | null {
  const known = times.filter((time) => time !== null);
  return known.length === times.length ? Math.min(...known) : null;
}

/** What all say; null where they do not say the same. */
function common(words: readonly (string | null)[]): string | null {
  const [first = null] = words;
  return words.every((word) => word === first) ? first : null;
}
