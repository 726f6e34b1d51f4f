// Reads Avro's binary encoding (Avro specification 1.12, "Binary Encoding") by the schema it was written with.
import { type ConnectSchema, plainSchema } from "./connect-schema.ts";
import { malformed } from "./decode-failure.ts";
import type { ValueReader } from "./value-reader.ts";

/** Blocks of nothing could make a loop of any length. */
const itemsMax = 10_000_000;

export class AvroReader implements ValueReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  isNull({ avro }: ConnectSchema): boolean {
    if (avro === null || avro.nullBranch < 0) return false;
    const branch = this.integer();
    if (branch !== 0 && branch !== 1) throw malformed("Avro has a branch that its union lacks");
    return branch === avro.nullBranch;
  }

  /** Zigzag: the lowest bit is the sign. */
  integer(): number | bigint {
    const start = this.#at;
    let [value, factor] = [0, 1];
    for (let count = 0; count < 7; count++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    this.#at = start;
    return this.#long();
  }

  #long(): number | bigint {
    let [value, shift] = [0n, 0n];
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte >= 0x80) continue;
      const whole = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
      const number = Number(whole);
      return Number.isSafeInteger(number) ? number : whole;
    }
    throw malformed("a number of Avro is too long");
  }

  integerText(): Buffer {
    return Buffer.from(String(this.integer()), "latin1");
  }

  double({ type }: ConnectSchema): number {
    const bytes = this.#take(type === "float" ? 4 : 8);
    return type === "float" ? bytes.readFloatLE() : bytes.readDoubleLE();
  }

  boolean(): boolean {
    const byte = this.#byte();
    if (byte > 1) throw malformed("a boolean of Avro is neither true nor false");
    return byte === 1;
  }

  text(schema: ConnectSchema): Buffer {
    const symbols = schema.avro?.symbols ?? null;
    if (symbols === null) return this.bytes(schema);
    const symbol = symbols[Number(this.integer())];
    if (symbol === undefined) throw malformed("Avro has a symbol that its enum lacks");
    return Buffer.from(symbol, "utf8");
  }

  bytes({ avro }: ConnectSchema): Buffer {
    return this.#take(avro?.fixed ?? this.integer());
  }

  array(_schema: ConnectSchema, item: () => void): void {
    this.#blocks(item);
  }

  map(schema: ConnectSchema, value: (key: Buffer) => void): void {
    const keys = schema.keys ?? plainSchema("string", { optional: false });
    this.#blocks(() => {
      if (keys.optional && this.isNull(keys)) throw malformed("a key of a map is NULL");
      value(keys.type === "string" ? this.text(keys) : this.integerText());
    });
  }

  struct({ fields }: ConnectSchema, field: (index: number) => void): void {
    for (let index = 0; index < fields.length; index++) field(index);
  }

  finish(): void {
    if (this.#at !== this.#bytes.length) throw malformed("something stands behind the Avro record");
  }

  #blocks(read: () => void): void {
    let total = 0;
    for (;;) {
      let count = Number(this.integer());
      if (count === 0) return;
      if (count < 0) {
        count = -count;
        this.integer();
      }
      total += count;
      if (total > itemsMax) throw malformed("a list of Avro is too long");
      for (; count > 0; count--) read();
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed("an Avro record ends too early");
    return byte;
  }

  #take(length: number | bigint): Buffer {
    const end = this.#at + Number(length);
    if (!(end >= this.#at && end <= this.#bytes.length)) throw malformed("an Avro record ends too early");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}
