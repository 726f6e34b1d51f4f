// A column of values as one statement parameter: PostgreSQL's binary form of text[], so that nothing needs escaping.
import type { PackedRows } from "../../../engine/model/packed-rows.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** pg_type.oid of text. */
const textOid = 25;
const headerBytes = 20;

/** A whole column. */
export interface ArrayParameter {
  readonly byteLength: number;
  writeTo(writer: ByteWriter): void;
}

/** One text[] of one dimension. Its elements are the values' text forms; null is SQL NULL. */
export class TextArray implements ArrayParameter {
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
    writeHeader(writer, this.#values.length, this.#holdsNull);
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

/** The same of rows that are packed. */
export class PackedTextArray implements ArrayParameter {
  readonly #rows: PackedRows;
  readonly #column: number;
  readonly byteLength: number;
  readonly #holdsNull: boolean;

  constructor(rows: PackedRows, column: number) {
    this.#rows = rows;
    this.#column = column;
    let bytes = headerBytes + 4 * rows.length;
    let holdsNull = false;
    rows.column(column, (_bytes, _start, length) => {
      if (length < 0) holdsNull = true;
      else bytes += length;
    });
    this.byteLength = bytes;
    this.#holdsNull = holdsNull;
  }

  writeTo(writer: ByteWriter): void {
    writeHeader(writer, this.#rows.length, this.#holdsNull);
    this.#rows.column(this.#column, (bytes, start, length) => {
      writer.int32(length);
      if (length > 0) writer.slice(bytes, start, length);
    });
  }
}

/** Layout: array_recv in PostgreSQL's arrayfuncs.c. An array of no elements may be sent with one empty dimension. */
function writeHeader(writer: ByteWriter, elements: number, holdsNull: boolean): void {
  writer.int32(1);
  writer.int32(holdsNull ? 1 : 0);
  writer.int32(textOid);
  writer.int32(elements);
  writer.int32(1);
}
