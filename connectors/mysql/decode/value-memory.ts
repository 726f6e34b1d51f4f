// Gives the values of rows a home of their own, so that keeping one row does not keep the whole read of the socket it came in.

/** Small values share a slab; two kilobytes hold about as much as the Buffer objects of one row themselves take. */
const slabBytes = 2048;

export class ValueMemory {
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #used = 0;

  /** A copy of the bytes, in memory that is never written again. */
  copy(bytes: Buffer): Buffer {
    const own = this.#take(bytes.length);
    own.set(bytes);
    return own;
  }

  /** The text as bytes; every character must be below 256. */
  ascii(text: string): Buffer {
    const own = this.#take(text.length);
    own.write(text, "latin1");
    return own;
  }

  /** `\x` and the bytes in hexadecimal digits. */
  hex(bytes: Buffer): Buffer {
    if (bytes.length > slabBytes / 4) return Buffer.concat([hexPrefix, Buffer.from(bytes.toString("hex"), "latin1")]);
    return this.ascii(`\\x${bytes.toString("hex")}`);
  }

  #take(length: number): Buffer {
    if (length > slabBytes / 2) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += length;
    return this.#slab.subarray(from, this.#used);
  }
}

const hexPrefix = Buffer.from("\\x", "latin1");
