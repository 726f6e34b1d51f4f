// Which of the transactions that came through the topics the master has surely shown by now, without asking it.
import type { SnapshotVisibility } from "../../../engine/ports/snapshot-source.ts";

/** Longer than any commit that is in the log and not shown yet. */
const shownAfterMs = 60_000;
/** Transactions that are remembered; the oldest are let go first. */
const idsMax = 65_536;

/**
 * A transaction counts as shown a while after it was first asked for. Whoever reads the master before that has to find out by what
 * it read: a commit is in the log, and perhaps in the topics, before it is shown.
 */
export class ShownLater {
  /** When each was first asked for, the oldest first. */
  readonly #asked = new Map<string, number>();

  /** `nowMs`: by a clock that never goes back. To be asked for the oldest transactions first. */
  at(nowMs: number): SnapshotVisibility {
    for (const [id, sinceMs] of this.#asked) {
      if (nowMs - sinceMs < 2 * shownAfterMs) break;
      // Nobody asks for it any more.
      this.#asked.delete(id);
    }
    let excess = this.#asked.size - idsMax;
    return {
      sees: (id) => {
        const sinceMs = this.#asked.get(id);
        if (sinceMs === undefined) {
          // Rows of snapshots come without one.
          if (id !== "") this.#asked.set(id, nowMs);
          return id === "";
        }
        if (nowMs - sinceMs < shownAfterMs && excess-- <= 0) return false;
        this.#asked.delete(id);
        return true;
      },
    };
  }
}
