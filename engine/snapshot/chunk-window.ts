import { assert } from "../model/assert.ts";
import { changeBytes } from "../pipeline/lane-item.ts";
import type { ColumnValue } from "../model/row.ts";
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
    kept.push({ transactionId, change: copied(change) });
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

/** In memory of its own, and as plain data, because it may go to disk. */
function copied(change: MappedChange): MappedChange {
  switch (change.tag) {
    case "upsert": {
      const { tag, key, row, oldKey, partial } = change;
      return { tag, key: key.map(copiedValue), row: row.map(copiedValue), oldKey: oldKey?.map(copiedValue) ?? null, partial };
    }
    case "delete":
      return { tag: "delete", key: change.key.map(copiedValue) };
    case "refetch":
      return { tag: "refetch", key: change.key.map(copiedValue), oldKey: change.oldKey?.map(copiedValue) ?? null };
    default:
      return change;
  }
}

function copiedValue<V extends ColumnValue>(value: V): V {
  return value instanceof Buffer ? (Buffer.from(value) as Buffer & V) : value;
}
