// The master comes first: who makes it keep more of its log than agreed, or fills our disk, is let go (invariant 9).
import type { Position, PositionOrder } from "../model/position.ts";
import type { LaneState } from "../ports/engine.ts";
import type { SourceLimits } from "./source-parts.ts";

/** What the source keeps for us, seen at one moment. */
export interface Retention {
  /** Everything after it is kept. */
  readonly from: Position;
  /** Where the log ends. */
  readonly end: Position;
  /** All that is kept, in bytes, where positions do not tell. */
  readonly bytes: number;
  /** The stream is at the end of the log, or a moment away: whoever is behind is so by itself. */
  readonly streamIsCurrent: boolean;
}

/** What is known of one subscription. */
export interface Follower {
  /** Durable there; null: it was not reached yet. */
  readonly position: Position | null;
  readonly state: LaneState;
  readonly failing: boolean;
  readonly drained: boolean;
  readonly spilledBytes: number;
}

/**
 * Why this subscription shall be parked; null: it need not be. One whose target is away, or that is suspended, is let go at
 * the bound. One at work is let go only if it is slower than the stream: after the engine was down for long, all are far
 * behind, and catching up is what they are doing.
 */
export function reasonToPark(
  follower: Follower,
  kept: Retention,
  limits: Pick<SourceLimits, "walRetainedMaxBytes" | "spoolMaxBytes">,
  positions: PositionOrder,
): string | null {
  const { position, state, failing, drained, spilledBytes } = follower;
  if (spilledBytes > limits.spoolMaxBytes) return `${megabytes(spilledBytes)} wait on disk for its target`;
  const bytes = positions.bytesBetween(position ?? kept.from, kept.end) ?? (position === kept.from ? kept.bytes : 0);
  if (bytes <= limits.walRetainedMaxBytes) return null;
  const isAtWork = state === "streaming" || state === "loading";
  const isAway = !isAtWork && (failing || state === "suspended");
  const isSlow = isAtWork && !drained && kept.streamIsCurrent;
  return isAway || isSlow ? `the source keeps ${megabytes(bytes)} of its log for it` : null;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
