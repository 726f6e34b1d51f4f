// Cuts what comes from a server's socket into protocol messages (manual, "Message Formats"): one byte of type, four of
// length, the body. A message that lies within one piece from the socket is handed on where it lies; only one that was cut
// in two is copied, once, into memory of exactly its size.

export interface MessageHandler {
  /** `bytes[start, end)` is a whole message with its header. The memory is the handler's from now on. */
  message(bytes: Buffer, start: number, end: number): void;
  /** Asked before memory is taken for a message that has not come whole; false ends the reading for good. */
  admits(type: number, length: number): boolean;
}

/** Type and length. */
export const headerBytes = 5;

export class MessageSplitter {
  readonly #handler: MessageHandler;
  /** A message that was cut: first its header alone, then memory for all of it. */
  #partial = Buffer.allocUnsafe(headerBytes);
  #have = 0;
  #ended = false;

  constructor(handler: MessageHandler) {
    this.#handler = handler;
  }

  /** True when every byte so far belonged to a message that was handed on. */
  get isEmpty(): boolean {
    return this.#have === 0;
  }

  /** Takes one piece from the socket. */
  push(piece: Buffer): void {
    if (this.#ended) return;
    let at = this.#have === 0 ? 0 : this.#fill(piece, 0);
    while (at < piece.length && !this.#ended) {
      const end = piece.length - at < headerBytes ? Infinity : at + 1 + piece.readUInt32BE(at + 1);
      if (end > piece.length) {
        at = this.#fill(piece, at);
      } else {
        this.#handler.message(piece, at, end);
        at = end;
      }
    }
  }

  /** Adds to the message that was cut; hands it on when it is whole. Returns where the piece goes on. */
  #fill(piece: Buffer, from: number): number {
    let at = from + this.#append(piece, from, headerBytes);
    if (this.#have < headerBytes) return at;
    if (this.#partial.length === headerBytes && !this.#makeRoom()) return piece.length;
    at += this.#append(piece, at, this.#partial.length);
    if (this.#have === this.#partial.length) {
      const whole = this.#partial;
      this.#partial = Buffer.allocUnsafe(headerBytes);
      this.#have = 0;
      this.#handler.message(whole, 0, whole.length);
    }
    return at;
  }

  /** Copies until `until` bytes of the message are there, or the piece is used up. Returns how many were copied. */
  #append(piece: Buffer, from: number, until: number): number {
    const count = Math.min(Math.max(until - this.#have, 0), piece.length - from);
    piece.copy(this.#partial, this.#have, from, from + count);
    this.#have += count;
    return count;
  }

  #makeRoom(): boolean {
    const length = 1 + this.#partial.readUInt32BE(1);
    this.#ended = !this.#handler.admits(this.#partial[0] ?? 0, length);
    if (this.#ended) return false;
    const whole = Buffer.allocUnsafe(length);
    this.#partial.copy(whole);
    this.#partial = whole;
    return true;
  }
}
