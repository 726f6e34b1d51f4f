// Gives each row's bytes a home of their own, so that keeping one row does not keep the whole read of the socket it came in.

import type { RowRoom } from "../decode/pack-tuple.ts";

/**
 * Small rows share a slab: an allocation for each costs more than decoding it. Two kilobytes hold about as much as the
 * Buffer objects of one row themselves take, so a row kept alone wastes no more than its own size again.
 */
const slabBytes = 2048;

export class RowMemory implements RowRoom {
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #used = 0;
  /** What was reserved last is a part of the slab. */
  #shared = false;

  /** Room that is the caller's from its beginning to where `keep` is told. */
  reserve(size: number): { readonly bytes: Buffer; readonly from: number } {
    this.#shared = size <= slabBytes / 2;
    if (!this.#shared) return { bytes: Buffer.allocUnsafeSlow(size), from: 0 };
    if (this.#used + size > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#used = 0;
    }
    return { bytes: this.#slab, from: this.#used };
  }

  keep(to: number): void {
    if (this.#shared) this.#used = to;
  }

  /** A copy of the bytes, in memory that is never written again. */
  copy(bytes: Buffer): Buffer {
    if (bytes.length > slabBytes / 2) {
      const own = Buffer.allocUnsafeSlow(bytes.length);
      own.set(bytes);
      return own;
    }
    if (this.#used + bytes.length > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += bytes.length;
    this.#slab.set(bytes, from);
    return this.#slab.subarray(from, this.#used);
  }
}
