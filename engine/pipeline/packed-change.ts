// Changes of rows as bytes while they wait in a subscription's queue.
import { assert } from "../model/assert.ts";
import { behindValues, onlyValue, packedBytes, type PackedRow, packValues, unpackValues } from "../model/packed-rows.ts";
import { type Key, keyText } from "../model/row.ts";
import type { MappedChange } from "../ports/change-mapper.ts";

/** A change of one row of a table, whose index in Subscription.tables it is. Plain data. */
export interface PackedChange {
  readonly tag: "packed";
  readonly table: number;
  readonly bytes: Buffer;
}

type RowChange = Extract<MappedChange, { tag: "upsert" | "delete" | "refetch" }>;

/** First byte. */
const kinds = { upsert: 1, partialUpsert: 2, delete: 3, refetch: 4 } as const;
const kindBytes = 1;
/** Changes that wait beside each other share memory, since an allocation for each costs more than packing it. */
const slabBytes = 64 * 1024;

/** Packs changes one after the other: kind, key, old key, row. */
export class ChangePacker {
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #used = 0;

  /** The bytes are never written again. */
  pack(change: RowChange): Buffer {
    if (change.tag === "upsert" && change.packed !== undefined) return this.#packRow(change.key, change.packed);
    const { key } = change;
    const oldKey = change.tag === "delete" ? null : change.oldKey;
    const row = change.tag === "upsert" ? change.row : null;
    const size = kindBytes + packedBytes(key) + packedBytes(oldKey) + packedBytes(row);
    const bytes = this.#room(size);
    bytes[0] = change.tag === "upsert" && change.partial ? kinds.partialUpsert : kinds[change.tag];
    packValues(row, bytes, packValues(oldKey, bytes, packValues(key, bytes, kindBytes)));
    return bytes;
  }

  /** An upsert whose row is packed already. */
  #packRow(key: Key, { bytes: row, from, to }: PackedRow): Buffer {
    const bytes = this.#room(kindBytes + packedBytes(key) + packedBytes(null) + to - from);
    bytes[0] = kinds.upsert;
    row.copy(bytes, packValues(null, bytes, packValues(key, bytes, kindBytes)), from, to);
    return bytes;
  }

  #room(size: number): Buffer {
    if (size > slabBytes / 2) return Buffer.allocUnsafeSlow(size);
    if (this.#used + size > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += size;
    return this.#slab.subarray(from, this.#used);
  }
}

/** Its values are slices of the bytes. */
export function unpackChange(bytes: Buffer): RowChange {
  const kind = bytes[0];
  const oldKeyAt = behindValues(bytes, kindBytes);
  const key = unpackValues(bytes, kindBytes) as Key | null;
  const oldKey = unpackValues(bytes, oldKeyAt) as Key | null;
  assert(key !== null, "every change of a row has a key");
  if (kind === kinds.delete) return { tag: "delete", key };
  if (kind === kinds.refetch) return { tag: "refetch", key, oldKey };
  const row = unpackValues(bytes, behindValues(bytes, oldKeyAt));
  assert(row !== null, "an upsert has a row");
  return { tag: "upsert", key, row, oldKey, partial: kind === kinds.partialUpsert };
}

/** The key's text and the row of an upsert that is complete and has kept its key, as most are; null for every other change. */
export function plainUpsert(bytes: Buffer): { readonly keyText: string; readonly row: PackedRow } | null {
  if (bytes[0] !== kinds.upsert) return null;
  const oldKeyAt = behindValues(bytes, kindBytes);
  if (unpackValues(bytes, oldKeyAt) !== null) return null;
  const text = onlyValue(bytes, kindBytes) ?? keyText((unpackValues(bytes, kindBytes) ?? []) as Key);
  return { keyText: text, row: { bytes, from: behindValues(bytes, oldKeyAt), to: bytes.length } };
}
