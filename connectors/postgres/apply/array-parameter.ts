// A column of values as one statement parameter: PostgreSQL's binary form of text[], so that nothing needs escaping.
import type { ByteWriter } from "./byte-writer.ts";

/** pg_type.oid of text. */
const textOid = 25;
const headerBytes = 20;

/** One text[] of one dimension. Its elements are the values' text forms; null is SQL NULL. */
export class TextArray {
  readonly #values: readonly (Buffer | null)[];
  readonly byteLength: number;
  readonly #holdsNull: boolean;

  constructor(values: readonly (Buffer | null)[]) {
    this.#values = values;
    let bytes = headerBytes + 4 * values.length;
    let holdsNull = false;
    for (const value of values) {
      if (value === null) holdsNull = true;
      else bytes += value.length;
    }
    this.byteLength = bytes;
    this.#holdsNull = holdsNull;
  }

  writeTo(writer: ByteWriter): void {
    // Layout: array_recv in PostgreSQL's arrayfuncs.c. An array of no elements may be sent with one empty dimension.
    writer.int32(1);
    writer.int32(this.#holdsNull ? 1 : 0);
    writer.int32(textOid);
    writer.int32(this.#values.length);
    writer.int32(1);
    for (const value of this.#values) {
      if (value === null) {
        writer.int32(-1);
      } else {
        writer.int32(value.length);
        writer.bytes(value);
      }
    }
  }
}
