// Changes of rows as bytes while they wait in a subscription's queue.
import { assert } from "../model/assert.ts";
import { behindValues, packedBytes, type PackedRow, packValues, unpackValues } from "../model/packed-rows.ts";
import type { Key, Row } from "../model/row.ts";
import type { Growth, MappedChange } from "../ports/change-mapper.ts";

/**
 * A run: changes of rows of one table that follow each other, packed one behind the other. `table` is the index in
 * Subscription.tables. Plain data.
 */
export interface PackedChanges {
  readonly tag: "packed";
  readonly table: number;
  readonly bytes: Buffer;
  /** Of all of its changes together; NaN as soon as one of them does not tell. */
  readonly growth: Growth;
}

export type RowChange = Extract<MappedChange, { tag: "upsert" | "delete" | "refetch" }>;

export function isRowChange(change: MappedChange): change is RowChange {
  return change.tag === "upsert" || change.tag === "delete" || change.tag === "refetch";
}

/** Of each change: its size, its kind, and then its row where that is whole and has kept its key, else key, old key and row. */
const kinds = { wholeRow: 0, upsert: 1, partialUpsert: 2, delete: 3, refetch: 4 } as const;
const sizeBytes = 4;
const headerBytes = 5;
/** A queue gives runs whole. */
const runBytesMax = 16 * 1024;
/** Runs that wait beside each other share memory. */
const slabBytes = 64 * 1024;

/** Packs changes into runs, of which it tells when they end; a change that is larger than a run is one by itself. */
export class ChangePacker {
  readonly #ended: (run: PackedChanges) => void;
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  /** Where the run under way begins and ends. */
  #from = 0;
  #to = 0;
  #table = 0;
  #growth: Growth = 0;

  constructor(ended: (run: PackedChanges) => void) {
    this.#ended = ended;
  }

  /** Bytes of the run under way. */
  get bytes(): number {
    return this.#to - this.#from;
  }

  add(table: number, change: RowChange): void {
    const size = sizeOf(change);
    if (table !== this.#table || this.bytes + size > runBytesMax || this.#to + size > slabBytes) this.end();
    this.#table = table;
    if (size > runBytesMax) {
      const own = Buffer.allocUnsafeSlow(size);
      pack(change, own, 0);
      this.#ended({ tag: "packed", table, bytes: own, growth: change.growth ?? Number.NaN });
      return;
    }
    this.#growth += change.growth ?? Number.NaN;
    if (this.#to + size > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#from = this.#to = 0;
    }
    this.#to = pack(change, this.#slab, this.#to);
  }

  /** Ends the run under way, if there is one: its bytes are never written again. */
  end(): void {
    if (this.bytes === 0) return;
    const bytes = this.#slab.subarray(this.#from, this.#to);
    const growth = this.#growth;
    this.#from = this.#to;
    this.#growth = 0;
    this.#ended({ tag: "packed", table: this.#table, bytes, growth });
  }

  /** Forgets the run under way. */
  drop(): void {
    this.#to = this.#from;
    this.#growth = 0;
  }
}

function sizeOf(change: RowChange): number {
  if (change.tag === "upsert" && change.packed !== undefined) return headerBytes + change.packed.to - change.packed.from;
  return headerBytes + packedBytes(change.key) + packedBytes(oldKeyOf(change)) + packedBytes(rowOf(change));
}

/** Gives the place behind it. */
function pack(change: RowChange, into: Buffer, from: number): number {
  let at = from + headerBytes;
  if (change.tag === "upsert" && change.packed !== undefined) {
    const { bytes, from: start, to } = change.packed;
    into[from + sizeBytes] = kinds.wholeRow;
    at += bytes.copy(into, at, start, to);
  } else {
    into[from + sizeBytes] = change.tag === "upsert" && change.partial ? kinds.partialUpsert : kinds[change.tag];
    at = packValues(rowOf(change), into, packValues(oldKeyOf(change), into, packValues(change.key, into, at)));
  }
  into.writeUInt32BE(at - from, from);
  return at;
}

function oldKeyOf(change: RowChange): Key | null {
  return change.tag === "delete" ? null : change.oldKey;
}

function rowOf(change: RowChange): Row | null {
  return change.tag === "upsert" ? change.row : null;
}

/** The place behind the change that begins there: where the next one does, or the end of the run. */
export function behindChange(bytes: Buffer, at: number): number {
  return at + bytes.readUInt32BE(at);
}

/** The row of a change that is a whole row and has kept its key, as most are; null for every other change. */
export function wholeRowAt(bytes: Buffer, at: number): PackedRow | null {
  return bytes[at + sizeBytes] === kinds.wholeRow ? { bytes, from: at + headerBytes, to: behindChange(bytes, at) } : null;
}

/** Any other change. Its values are slices of the bytes. */
export function changeAt(bytes: Buffer, at: number): RowChange {
  const kind = bytes[at + sizeBytes];
  const keyAt = at + headerBytes;
  const oldKeyAt = behindValues(bytes, keyAt);
  const key = unpackValues(bytes, keyAt) as Key | null;
  const oldKey = unpackValues(bytes, oldKeyAt) as Key | null;
  assert(key !== null, "every change of a row has a key");
  if (kind === kinds.delete) return { tag: "delete", key };
  if (kind === kinds.refetch) return { tag: "refetch", key, oldKey };
  const row = unpackValues(bytes, behindValues(bytes, oldKeyAt));
  assert(row !== null, "an upsert has a row");
  return { tag: "upsert", key, row, oldKey, partial: kind === kinds.partialUpsert };
}
