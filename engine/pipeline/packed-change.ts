// Changes of rows as bytes while they wait: a row's values are as many objects, and what waits for long would be copied by every
// collection of garbage on its way to the old generation.
import { assert } from "../model/assert.ts";
import { ABSENT, type ColumnValue, type Key, type Row, UNCHANGED } from "../model/row.ts";
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
/** In place of a value's length. */
const lengths = { null: -1, unchanged: -2, absent: -3 } as const;
/** In place of the number of values: there is no old key. */
const noValues = 0xffff;
const kindBytes = 1;
const countBytes = 2;
const lengthBytes = 4;
/** Most values are a few bytes long; for those the loop is faster than the call into native code. */
const loopBytesMax = 24;
/** Changes that wait beside each other share memory, since an allocation for each costs more than packing it. */
const slabBytes = 64 * 1024;

/** Packs changes one after the other. */
export class ChangePacker {
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #used = 0;

  /** The bytes are never written again. */
  pack(change: RowChange): Buffer {
    const { key } = change;
    const oldKey = change.tag === "delete" ? null : change.oldKey;
    const row = change.tag === "upsert" ? change.row : null;
    const size = kindBytes + sizeOf(key) + sizeOf(oldKey) + sizeOf(row);
    const bytes = this.#room(size);
    bytes[0] = change.tag === "upsert" && change.partial ? kinds.partialUpsert : kinds[change.tag];
    write(row, bytes, write(oldKey, bytes, write(key, bytes, kindBytes)));
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
  const reader = new ValueReader(bytes, kindBytes);
  const key = reader.values() as Key | null;
  const oldKey = reader.values() as Key | null;
  const row = reader.values();
  const kind = bytes[0];
  assert(key !== null, "every change of a row has a key");
  if (kind === kinds.delete) return { tag: "delete", key };
  if (kind === kinds.refetch) return { tag: "refetch", key, oldKey };
  assert(row !== null, "an upsert has a row");
  return { tag: "upsert", key, row, oldKey, partial: kind === kinds.partialUpsert };
}

function sizeOf(values: Row | null): number {
  if (values === null) return countBytes;
  let size = countBytes + lengthBytes * values.length;
  for (const value of values) if (value !== null && typeof value !== "number") size += value.length;
  return size;
}

/** Gives the place behind what was written. */
function write(values: Row | null, into: Buffer, from: number): number {
  let at = into.writeUInt16BE(values === null ? noValues : values.length, from);
  if (values === null) return at;
  for (const value of values) {
    if (value === null || typeof value === "number") {
      at = into.writeInt32BE(lengthOf(value), at);
      continue;
    }
    const { length } = value;
    into[at] = length >>> 24;
    into[at + 1] = length >>> 16;
    into[at + 2] = length >>> 8;
    into[at + 3] = length;
    at += lengthBytes;
    if (length <= loopBytesMax) for (let index = 0; index < length; index += 1) into[at + index] = value[index] as number;
    else value.copy(into, at);
    at += length;
  }
  return at;
}

function lengthOf(value: Exclude<ColumnValue, Buffer>): number {
  if (value === null) return lengths.null;
  return value === UNCHANGED ? lengths.unchanged : lengths.absent;
}

class ValueReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, from: number) {
    this.#bytes = bytes;
    this.#at = from;
  }

  values(): Row | null {
    const bytes = this.#bytes;
    let at = this.#at + countBytes;
    const count = bytes.readUInt16BE(this.#at);
    this.#at = at;
    if (count === noValues) return null;
    const values: Row = [];
    for (let left = count; left > 0; left -= 1) {
      const length = bytes.readInt32BE(at);
      at += lengthBytes;
      if (length >= 0) {
        values.push(bytes.subarray(at, at + length));
        at += length;
      } else values.push(valueOf(length));
    }
    this.#at = at;
    return values;
  }
}

function valueOf(length: number): ColumnValue {
  if (length === lengths.null) return null;
  return length === lengths.unchanged ? UNCHANGED : ABSENT;
}
