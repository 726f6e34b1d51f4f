import { assert } from "../model/assert.ts";
import { changeBytes } from "../pipeline/lane-item.ts";
import type { MappedChange } from "../ports/change-mapper.ts";
import type { SnapshotVisibility } from "../ports/snapshot-source.ts";

/** Changes kept for one chunk; a chunk that sees more traffic is read again, smaller. */
const windowBytesMax = 8 * 1024 * 1024;

interface Kept {
  readonly transactionId: string;
  readonly change: MappedChange;
}

/**
 * The changes that streamed by while a chunk was being read, for each copy that takes part. The chunk is older than those
 * it did not see, so they are applied once more on top of its rows (after DBLog's watermark window, Andreakis and
 * Papapanagiotou 2020, with transaction ids in the place of watermarks, so that nothing is written to the source).
 */
export class ChunkWindow<T> {
  readonly #kept = new Map<T, Kept[]>();
  #bytes = 0;

  constructor(members: readonly T[]) {
    for (const member of members) this.#kept.set(member, []);
  }

  observe(member: T, transactionId: string, change: MappedChange): void {
    const kept = this.#kept.get(member);
    if (kept === undefined || this.overflown) return;
    kept.push({ transactionId, change: asPlainData(change) });
    this.#bytes += changeBytes(change);
  }

  get overflown(): boolean {
    return this.#bytes > windowBytesMax;
  }

  /** What a read with this visibility missed, in stream order. Not to be asked of a window that has overflown: it forgets. */
  missedBy(member: T, visibility: SnapshotVisibility): MappedChange[] {
    assert(!this.overflown, "a window that has overflown does not know what a chunk missed");
    return (this.#kept.get(member) ?? []).filter((kept) => !visibility.sees(kept.transactionId)).map((kept) => kept.change);
  }
}

/** It may go to disk. */
function asPlainData(change: MappedChange): MappedChange {
  if (change.tag !== "upsert" || change.packed === undefined) return change;
  const { tag, key, row, oldKey, partial } = change;
  return { tag, key, row, oldKey, partial };
}
