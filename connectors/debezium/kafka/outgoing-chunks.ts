// Records → requests that a broker takes: what a topic allows holds for a batch of records, not for each.
import type { OutgoingRecord } from "./kafka-client.ts";

/** Half of what topics allow by default (max.message.bytes), since keys, headers and counts take room as well. */
const chunkBytes = 512 * 1024;

/** Consecutive runs of records, each of a size that every topic takes; a record that is larger by itself is alone. */
export function* outgoingChunks(records: readonly OutgoingRecord[]): Generator<readonly OutgoingRecord[]> {
  let chunk: OutgoingRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = sizeOf(record);
    if (chunk.length > 0 && bytes + size > chunkBytes) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(record);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

function sizeOf({ key, value, headers = {} }: OutgoingRecord): number {
  const named = Object.entries(headers).reduce((sum, [name, content]) => sum + name.length + content.length, 0);
  return (key?.length ?? 0) + (value?.length ?? 0) + named;
}
