import type { Position } from "../../engine/model/position.ts";
import type { Chunk } from "../../engine/ports/snapshot-source.ts";

/** The position of a chunk that has one of its own. */
export function positionOf({ position }: Chunk): Position {
  if (position === null) throw new Error("the chunk has no position of its own");
  return position;
}
