// A column of values as one statement parameter: PostgreSQL's binary form of an array, so that nothing needs escaping.
import type { PackedRows } from "../../../engine/model/packed-rows.ts";
import type { BinaryType } from "./binary-values.ts";
import { ByteWriter } from "./byte-writer.ts";

/** pg_type.oid of text. */
const textOid = 25;
const headerBytes = 20;
const lengthBytes = 4;
/** Most types of the list need no more. */
const valueBytes = 16;

/** A whole column. */
export interface ArrayParameter {
  /** Name of the elements' type. */
  readonly type: "text" | BinaryType["name"];
  readonly byteLength: number;
  writeTo(writer: ByteWriter): void;
}

/** The values of one column. */
export interface ColumnValues {
  readonly length: number;
  /** Calls `visit` for each value's text form; a length of -1 stands for NULL. */
  readonly each: (visit: (bytes: Buffer, start: number, length: number) => void) => void;
}

const noBytes = Buffer.alloc(0);

export function listedColumn(values: readonly (Buffer | null)[]): ColumnValues {
  return {
    length: values.length,
    each: (visit) => {
      for (const value of values) visit(value ?? noBytes, 0, value?.length ?? -1);
    },
  };
}

export function packedColumn(rows: PackedRows, column: number): ColumnValues {
  return {
    length: rows.length,
    each: (visit) => {
      rows.column(column, visit);
    },
  };
}

/** An array of the column's own type where that type has a binary form and each value is in its plain one, else text[]. */
export function arrayParameter(values: ColumnValues, type: BinaryType | null): ArrayParameter {
  return (type === null ? null : binaryArray(values, type)) ?? new TextArray(values);
}

/** One text[] of one dimension. Its elements are the values' text forms; null is SQL NULL. */
export class TextArray implements ArrayParameter {
  readonly type = "text";
  readonly #values: ColumnValues;
  readonly #header: Buffer;
  readonly byteLength: number;

  constructor(values: ColumnValues) {
    this.#values = values;
    let holdsNull = false;
    let bytes = 0;
    values.each((_bytes, _start, length) => {
      if (length < 0) holdsNull = true;
      bytes += lengthBytes + Math.max(length, 0);
    });
    this.#header = arrayHeader(values.length, holdsNull, textOid);
    this.byteLength = this.#header.length + bytes;
  }

  writeTo(writer: ByteWriter): void {
    writer.bytes(this.#header);
    this.#values.each((bytes, start, length) => {
      writer.int32(length);
      if (length > 0) writer.slice(bytes, start, length);
    });
  }
}

/** Null when some value is not in the type's plain form. */
function binaryArray(values: ColumnValues, { name, oid, encode }: BinaryType): ArrayParameter | null {
  const written = new ByteWriter(values.length * (lengthBytes + valueBytes));
  let holdsNull = false;
  let isPlain = true;
  values.each((bytes, start, length) => {
    if (length < 0) {
      holdsNull = true;
      written.int32(-1);
    } else if (isPlain) {
      isPlain = encode(bytes, start, start + length, written);
    }
  });
  if (!isPlain) return null;
  const chunks = [arrayHeader(values.length, holdsNull, oid), ...written.take()];
  return {
    type: name,
    byteLength: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    writeTo: (writer) => {
      for (const chunk of chunks) writer.bytes(chunk);
    },
  };
}

/** Layout: array_recv in PostgreSQL's arrayfuncs.c. An array of no elements may be sent with one empty dimension. */
function arrayHeader(elements: number, holdsNull: boolean, oid: number): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  let at = 0;
  for (const number of [1, holdsNull ? 1 : 0, oid, elements, 1]) at = header.writeInt32BE(number, at);
  return header;
}
