import type { CheckpointWrite } from "../ports/change-target.ts";

/** What brought the rows of a batch: the stream, a load, or neither: then they were read of the master one by one. */
export function batchKind({ firstPosition, loads }: Pick<CheckpointWrite, "firstPosition" | "loads">): "stream" | "load" | "repair" {
  if (firstPosition !== null) return "stream";
  return loads.length > 0 ? "load" : "repair";
}
