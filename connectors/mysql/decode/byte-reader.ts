// Reads the binary log's little-endian numbers and texts from one event. Every read is checked against the end: a damaged
// event is a coded stop, never a read beyond it.
import { ReplicationError } from "../../../engine/model/replication-error.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Throws DB-SLOT-010 whenever an event ends too early or holds what cannot be. Reads in order. */
export class ByteReader {
  readonly bytes: Buffer;
  offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  uint8(): number {
    return this.bytes[this.advance(1)] ?? 0;
  }

  int8(): number {
    return this.bytes.readInt8(this.advance(1));
  }

  uint16(): number {
    return this.bytes.readUInt16LE(this.advance(2));
  }

  int16(): number {
    return this.bytes.readInt16LE(this.advance(2));
  }

  uint24(): number {
    return this.bytes.readUIntLE(this.advance(3), 3);
  }

  int24(): number {
    return this.bytes.readIntLE(this.advance(3), 3);
  }

  uint32(): number {
    return this.bytes.readUInt32LE(this.advance(4));
  }

  int32(): number {
    return this.bytes.readInt32LE(this.advance(4));
  }

  uint48(): number {
    return this.bytes.readUIntLE(this.advance(6), 6);
  }

  /** Up to 53 bits. */
  uint56(): number {
    const low = this.uint32();
    return this.uint24() * 0x1_0000_0000 + low;
  }

  uint64(): bigint {
    return this.bytes.readBigUInt64LE(this.advance(8));
  }

  int64(): bigint {
    return this.bytes.readBigInt64LE(this.advance(8));
  }

  float(): number {
    return this.bytes.readFloatLE(this.advance(4));
  }

  double(): number {
    return this.bytes.readDoubleLE(this.advance(8));
  }

  /** A number of 1 to 4 bytes: the length of a value. */
  length(bytes: number): number {
    return this.bytes.readUIntLE(this.advance(bytes), bytes);
  }

  /** Length-encoded integer (MySQL Internals, "Protocol::LengthEncodedInteger"). */
  lengthEncoded(): number {
    const first = this.uint8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.uint16();
    if (first === 0xfd) return this.uint24();
    if (first !== 0xfe) throw malformed("a length is none");
    const long = this.uint64();
    if (long > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed("a length is impossible");
    return Number(long);
  }

  /** Up to 8 bytes, big-endian, unsigned. */
  bigEndian(bytes: number): bigint {
    const at = this.advance(bytes);
    let value = 0n;
    for (let index = at; index < at + bytes; index++) value = (value << 8n) | BigInt(this.bytes[index] ?? 0);
    return value;
  }

  /** Up to 6 bytes, big-endian, unsigned. */
  bigEndianNumber(bytes: number): number {
    return bytes === 0 ? 0 : this.bytes.readUIntBE(this.advance(bytes), bytes);
  }

  /** The next bytes as a part of the event: keeping it keeps the whole event. */
  slice(length: number): Buffer {
    const from = this.advance(length);
    return this.bytes.subarray(from, from + length);
  }

  /** A name in UTF-8. */
  text(length: number): string {
    return utf8Text(this.slice(length));
  }

  skip(length: number): void {
    this.advance(length);
  }

  /** The event must have been read to its last byte. */
  end(): void {
    if (this.remaining !== 0) throw malformed(`${this.remaining} bytes are left over`);
  }

  advance(length: number): number {
    const from = this.offset;
    if (length < 0 || from + length > this.bytes.length) throw malformed("it ends too early");
    this.offset = from + length;
    return from;
  }
}

/** Throws DB-SLOT-010 when the bytes are not UTF-8. */
function utf8Text(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw malformed("a name is not UTF-8", error);
  }
}

/** An event that cannot be read. `what` must not hold bytes of it: they may be a row's. */
export function malformed(what: string, cause?: unknown): ReplicationError {
  return new ReplicationError("DB-SLOT-010", { subject: "binary log", cause: `an event cannot be read: ${what}` }, { cause });
}
