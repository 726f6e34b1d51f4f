// How far the load of a table has come: pure arithmetic on the record that is stored beside the data.
import type { Position, PositionOrder } from "../model/position.ts";
import type { Predicate } from "../model/predicate.ts";
import type { Key } from "../model/row.ts";
import type { LoadProgress, LoadRange } from "../ports/change-target.ts";
import type { ChunkAdvance } from "../pipeline/lane-item.ts";

/** A load that has not read anything yet. `cuts` are keys between ranges, ascending in the source's order. */
export function newLoad(contract: string, filter: Predicate | null, cuts: readonly Key[]): LoadProgress {
  const ends = [...cuts.map(encodeKey), null];
  const ranges = ends.map((until, index): LoadRange => ({ after: index === 0 ? null : (ends[index - 1] ?? null), until, done: false }));
  return { contract, filter, sweepBefore: null, ranges, fence: null, rows: 0 };
}

/** The record after one more chunk. */
export function advanceLoad(progress: LoadProgress, advance: ChunkAdvance, rows: number, positions: PositionOrder): LoadProgress {
  const ranges = progress.ranges.map((range, index) => (index === advance.range ? advancedRange(range, advance) : range));
  const fence =
    progress.fence === null || advance.position === null
      ? (advance.position ?? progress.fence)
      : positions.join(progress.fence, advance.position);
  return { ...progress, ranges, fence, rows: progress.rows + rows };
}

export function advancedRange({ until, after }: LoadRange, { after: to, done, position }: Omit<ChunkAdvance, "range">): LoadRange {
  const range = { after: to ?? after, until, done };
  return done && position === null ? { ...range, unfenced: true } : range;
}

/** Nothing is left to be read or asked of it. */
export function rangeComplete({ done, unfenced }: LoadRange): boolean {
  return done && unfenced !== true;
}

/** Every range was read, and the stream has passed all that the chunks have seen: the copy is one committed state. */
export function loadComplete(progress: LoadProgress, reached: Position, positions: PositionOrder): boolean {
  // A load without ranges reads nothing: it only writes down what the rows obey.
  return progress.ranges.every(rangeComplete) && (progress.fence === null || positions.covers(reached, progress.fence));
}

/** Key parts as they are stored: base64, because a key may hold any bytes. */
export function encodeKey(key: Key): string[] {
  return key.map((part) => part.toString("base64"));
}

export function decodeKey(parts: readonly string[]): Key {
  return parts.map((part) => Buffer.from(part, "base64"));
}
