import type { Row } from "../../engine/model/row.ts";
import type { Chunk, ChunkRequest, SnapshotSource } from "../../engine/ports/snapshot-source.ts";

/** A chunk with its rows taken apart. */
export type ReadChunk = Chunk & { readonly rows: readonly Row[] };

export async function readChunk(
  snapshot: Pick<SnapshotSource, "readChunk">,
  request: ChunkRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<ReadChunk> {
  const chunk = await snapshot.readChunk(request, signal);
  return { ...chunk, rows: [...chunk.rows] };
}
