// Cuts what a socket reads into the protocol's messages (manual, "Message Flow"), copying only what a read has cut in two.
import { malformed } from "../decode/binary-reader.ts";

/**
 * One protocol message, whose body lies in `bytes` between two places. The bytes are never written again; whoever keeps a part of
 * them keeps a whole read of the socket alive. Places and not a Buffer of the body alone: that costs as much as decoding it.
 */
export type FrameReceiver = (type: number, bytes: Buffer, from: number, to: number) => void;

/** PostgreSQL's own limit of a message (MaxAllocSize), and room for the wrapping around it. */
const frameBytesMax = 0x4000_0000 + 1024;
const headerBytes = 5;

/**
 * A message that comes in many reads is gathered in one buffer of exactly its size: a row of 50 MB costs 50 MB, not the
 * doublings of a growing buffer.
 */
export class FrameReader {
  readonly #receive: FrameReceiver;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  /** The message being gathered over several reads. */
  #body: Buffer | null = null;
  #bodyFilled = 0;

  constructor(receive: FrameReceiver) {
    this.#receive = receive;
  }

  /** Takes one read of the socket, which must not be changed afterwards. Throws DB-SLOT-010 when it is no protocol. */
  push(read: Buffer): void {
    let at = 0;
    while (at < read.length) {
      if (this.#body !== null) at = this.#continueBody(this.#body, read, at);
      else if (this.#headerFilled > 0 || read.length - at < headerBytes) at = this.#continueHeader(read, at);
      else at = this.#wholeOrStart(read, at);
    }
  }

  #wholeOrStart(read: Buffer, at: number): number {
    const length = bodyLength(read.readUInt32BE(at + 1));
    const from = at + headerBytes;
    if (from + length <= read.length) {
      this.#receive(read[at] ?? 0, read, from, from + length);
      return from + length;
    }
    read.copy(this.#header, 0, at, from);
    this.#startBody(length);
    return from;
  }

  #continueHeader(read: Buffer, at: number): number {
    const taken = Math.min(headerBytes - this.#headerFilled, read.length - at);
    read.copy(this.#header, this.#headerFilled, at, at + taken);
    this.#headerFilled += taken;
    if (this.#headerFilled === headerBytes) this.#startBody(bodyLength(this.#header.readUInt32BE(1)));
    return at + taken;
  }

  #startBody(length: number): void {
    this.#headerFilled = 0;
    this.#bodyFilled = 0;
    this.#body = Buffer.allocUnsafeSlow(length);
    if (length === 0) this.#finishBody(this.#body);
  }

  #continueBody(body: Buffer, read: Buffer, at: number): number {
    const taken = Math.min(body.length - this.#bodyFilled, read.length - at);
    read.copy(body, this.#bodyFilled, at, at + taken);
    this.#bodyFilled += taken;
    if (this.#bodyFilled === body.length) this.#finishBody(body);
    return at + taken;
  }

  #finishBody(body: Buffer): void {
    this.#body = null;
    this.#receive(this.#header[0] ?? 0, body, 0, body.length);
  }
}

function bodyLength(stated: number): number {
  if (stated < 4 || stated > frameBytesMax) throw malformed("its length is impossible");
  return stated - 4;
}
