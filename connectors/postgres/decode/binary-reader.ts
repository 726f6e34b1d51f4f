// Reads PostgreSQL's wire format from one message. Every read is checked against the end: a damaged message is a coded
// stop, never a read beyond it.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { WireLsn } from "./pgoutput-messages.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's own time begins. */
const microsTo2000 = 946_684_800_000_000;

/** Throws DB-SLOT-010 whenever a message ends too early or holds what cannot be. Reads in order; one per message. */
export class BinaryReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    const at = this.#advance(1);
    return this.#bytes[at] ?? 0;
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  lsn(): WireLsn {
    return { high: this.uint32(), low: this.uint32() };
  }

  /** A timestamp as microseconds since 1970; exact, because PostgreSQL's log knows no time after the year 2255. */
  micros(): number {
    const high = this.int32();
    const micros = high * 0x1_0000_0000 + this.uint32() + microsTo2000;
    if (!Number.isSafeInteger(micros)) throw malformed("a time is out of range");
    return micros;
  }

  /** A string that ends with a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#offset);
    if (end < 0) throw malformed("a name has no end");
    const bytes = this.#bytes.subarray(this.#offset, end);
    this.#offset = end + 1;
    try {
      return utf8.decode(bytes);
    } catch (error) {
      throw malformed("a name is not UTF-8", error);
    }
  }

  /** The next bytes as a slice of the message: keeping it keeps the whole message. */
  slice(length: number): Buffer {
    const from = this.#advance(length);
    return this.#bytes.subarray(from, from + length);
  }

  /** The message must have been read to its last byte. */
  end(): void {
    if (this.remaining !== 0) throw malformed(`${this.remaining} bytes are left over`);
  }

  #advance(length: number): number {
    const from = this.#offset;
    if (length < 0 || from + length > this.#bytes.length) throw malformed("it ends too early");
    this.#offset = from + length;
    return from;
  }
}

/** A message that cannot be read. `what` must not hold bytes of it: they may be a row's. */
export function malformed(what: string, cause?: unknown): ReplicationError {
  return new ReplicationError("DB-SLOT-010", { subject: "change stream", cause: `a message cannot be read: ${what}` }, { cause });
}
