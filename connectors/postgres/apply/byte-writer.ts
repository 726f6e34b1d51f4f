// Bytes put together for a socket: small pieces are copied into blocks, large ones are passed on as they are.

/** Blocks grow from the first size to the second: most messages are small, and a large block for each would keep the collector busy. */
const blockBytesMin = 1024;
const blockBytesMax = 64 * 1024;
/** Pieces of at least this size are not copied: one more chunk for the socket is cheaper. */
const ownChunkBytes = 16 * 1024;

/** Collects big-endian numbers and byte strings. A value given to it must not change until the result has been sent. */
export class ByteWriter {
  readonly #chunks: Buffer[] = [];
  #block: Buffer;
  /** Start of what `#chunks` does not hold yet, and the end of what is written, in the current block. */
  #start = 0;
  #end = 0;
  #flushedBytes = 0;

  /** `expectedBytes`: about so many will be written. */
  constructor(expectedBytes = blockBytesMin) {
    this.#block = Buffer.allocUnsafe(Math.min(blockBytesMax, expectedBytes));
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#flushedBytes + this.#end - this.#start;
  }

  int8(value: number): void {
    this.#reserve(1);
    this.#block[this.#end] = value;
    this.#end += 1;
  }

  int16(value: number): void {
    this.#reserve(2);
    this.#end = this.#block.writeInt16BE(value, this.#end);
  }

  int32(value: number): void {
    this.#reserve(4);
    const block = this.#block;
    const at = this.#end;
    block[at] = value >>> 24;
    block[at + 1] = value >>> 16;
    block[at + 2] = value >>> 8;
    block[at + 3] = value;
    this.#end = at + 4;
  }

  bytes(value: Buffer): void {
    this.slice(value, 0, value.length);
  }

  /** Some of the bytes. */
  slice(value: Buffer, from: number, size: number): void {
    if (size >= ownChunkBytes) {
      this.#cut();
      this.#chunks.push(size === value.length ? value : value.subarray(from, from + size));
      this.#flushedBytes += size;
      return;
    }
    this.#reserve(size);
    const block = this.#block;
    const at = this.#end;
    // Most values are a few bytes long; for those the loop is faster than the call into native code.
    if (size <= 24) for (let index = 0; index < size; index += 1) block[at + index] = value[from + index] as number;
    else value.copy(block, at, from, from + size);
    this.#end += size;
  }

  /** Text in UTF-8 with a closing zero byte. */
  cstring(text: string): void {
    this.bytes(Buffer.from(text, "utf8"));
    this.int8(0);
  }

  /** The bytes in order. The writer is empty afterwards. */
  take(): Buffer[] {
    this.#cut();
    const chunks = this.#chunks.splice(0);
    this.#flushedBytes = 0;
    return chunks;
  }

  #reserve(size: number): void {
    if (this.#end + size <= this.#block.length) return;
    this.#cut();
    this.#block = Buffer.allocUnsafe(Math.min(blockBytesMax, Math.max(4 * this.#block.length, size)));
    this.#start = 0;
    this.#end = 0;
  }

  #cut(): void {
    if (this.#end === this.#start) return;
    this.#chunks.push(this.#block.subarray(this.#start, this.#end));
    this.#flushedBytes += this.#end - this.#start;
    this.#start = this.#end;
  }
}
