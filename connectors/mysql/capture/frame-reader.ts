// Cuts what a socket reads into the protocol's packets (MySQL Internals, "MySQL Packets"), copying only what a read has cut in
// two. A packet holds at most 16 MB - 1; what is larger goes on in the next ones.
import { malformed } from "../decode/byte-reader.ts";

/** The content is good until the next read only. */
export type FrameReceiver = (content: Buffer) => void;

const headerBytes = 4;
const packetBytesMax = 0xff_ffff;
/** Where the content tells the length of its event, which begins at the second byte. */
const lengthOffset = 10;
const lengthEnd = lengthOffset + 4;

/** An event that comes in many reads is gathered in one buffer of exactly its size: it tells its length at its beginning. */
export class FrameReader {
  readonly #receive: FrameReceiver;
  /** A header, or the beginning of a large event, that a read has cut. */
  #rest: Buffer | null = null;
  #body: Buffer | null = null;
  #filled = 0;
  /** Bytes of the current packet that are still to come, and whether another packet follows it. */
  #left = 0;
  #continues = false;

  constructor(receive: FrameReceiver) {
    this.#receive = receive;
  }

  /** Takes one read of the socket. Throws DB-SLOT-010 when it is no protocol. */
  push(read: Buffer): void {
    let bytes = read;
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, read]);
      this.#rest = null;
    }
    let at = 0;
    while (at < bytes.length) {
      const next = this.#left > 0 ? this.#fill(bytes, at) : this.#packet(bytes, at);
      if (next === null) {
        this.#rest = Buffer.from(bytes.subarray(at));
        return;
      }
      at = next;
    }
  }

  /** At a packet's header; null when too little of it is there. */
  #packet(bytes: Buffer, at: number): number | null {
    if (bytes.length - at < headerBytes) return null;
    const length = bytes.readUIntLE(at, 3);
    const from = at + headerBytes;
    this.#continues = length === packetBytesMax;
    if (this.#body !== null) {
      this.#left = length;
      if (length === 0) this.#finish(this.#body);
      return from;
    }
    if (!this.#continues && from + length <= bytes.length) {
      this.#receive(bytes.subarray(from, from + length));
      return from + length;
    }
    if (this.#continues && bytes.length - from < lengthEnd) return null;
    this.#body = Buffer.allocUnsafeSlow(this.#continues ? 1 + bytes.readUInt32LE(from + lengthOffset) : length);
    this.#filled = 0;
    this.#left = length;
    return from;
  }

  #fill(bytes: Buffer, at: number): number {
    const body = this.#body;
    const taken = Math.min(this.#left, bytes.length - at);
    if (body === null || this.#filled + taken > body.length) throw malformed("its packets are longer than it says");
    bytes.copy(body, this.#filled, at, at + taken);
    this.#filled += taken;
    this.#left -= taken;
    if (this.#left === 0 && !this.#continues) this.#finish(body);
    return at + taken;
  }

  #finish(body: Buffer): void {
    this.#body = null;
    if (this.#filled !== body.length) throw malformed("its packets are shorter than it says");
    this.#receive(body);
  }
}
