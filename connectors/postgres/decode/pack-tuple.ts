// A row of pgoutput, as it came → a packed row, without a value becoming an object on the way. (Manual, "Logical Replication Message
// Formats", TupleData.)
import type { RowChange } from "../../../engine/model/change-message.ts";
import { type PackedRow, unpackRow } from "../../../engine/model/packed-rows.ts";
import type { Row } from "../../../engine/model/row.ts";
import type { StreamedTable } from "../../../engine/model/table.ts";

const insertKind = 0x49; // I
const updateKind = 0x55; // U
const newRow = 0x4e; // N
const textValue = 0x74; // t
const nullValue = 0x6e; // n
const relationIdAt = 1;
const imageAt = 5;
const countAt = 6;
const valuesAt = 8;
const lengthBytes = 4;
/** Most values are a few bytes long; for those the loop is faster than the call into native code. */
const loopBytesMax = 24;

/** An insert, or an update without a before image, whose row is complete. */
export interface PackedTuple {
  readonly tag: "insert" | "update";
  readonly relationId: number;
  readonly columns: number;
  readonly packed: PackedRow;
}

/** Gives memory of at least that size, and where in it to write; told afterwards where writing has ended. */
export interface RowRoom {
  reserve(size: number): { readonly bytes: Buffer; readonly from: number };
  keep(to: number): void;
}

/**
 * Null: it is another message, or one that has to be read with care: with a before image, with values that are unchanged or in
 * binary form, or not well formed.
 */
export function packTuple(message: Buffer, room: RowRoom): PackedTuple | null {
  const kind = message[0];
  if ((kind !== insertKind && kind !== updateKind) || message[imageAt] !== newRow || message.length < valuesAt) return null;
  const columns = message.readUInt16BE(countAt);
  // A NULL takes one byte there, and four here.
  const { bytes, from } = room.reserve(message.length + lengthBytes * columns);
  const to = packValues(message, columns, bytes, from);
  if (to === null) return null;
  room.keep(to);
  const tag = kind === insertKind ? "insert" : "update";
  return { tag, relationId: message.readUInt32BE(relationIdAt), columns, packed: { bytes, from, to } };
}

function packValues(message: Buffer, columns: number, into: Buffer, from: number): number | null {
  const end = message.length;
  let to = into.writeUInt16BE(columns, from);
  let at = valuesAt;
  for (let left = columns; left > 0; left -= 1) {
    if (at >= end) return null;
    const kind = message[at];
    at += 1;
    if (kind === nullValue) {
      to = into.writeInt32BE(-1, to);
      continue;
    }
    if (kind !== textValue || at + lengthBytes > end) return null;
    const length = message.readInt32BE(at);
    const size = lengthBytes + length;
    if (length < 0 || at + size > end) return null;
    // Its length is written in the same form.
    if (size <= loopBytesMax) for (let index = 0; index < size; index += 1) into[to + index] = message[at + index] as number;
    else message.copy(into, to, at, at + size);
    at += size;
    to += size;
  }
  return at === end ? to : null;
}

/** Makes values of its row only when somebody asks for them. */
export class PackedRowChange implements RowChange {
  readonly tag: "insert" | "update";
  readonly table: StreamedTable;
  readonly before = null;
  readonly packed: PackedRow;
  #row: Row | null = null;

  constructor(tag: "insert" | "update", table: StreamedTable, packed: PackedRow) {
    this.tag = tag;
    this.table = table;
    this.packed = packed;
  }

  get after(): Row {
    this.#row ??= unpackRow(this.packed);
    return this.#row;
  }
}
