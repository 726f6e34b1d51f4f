// A message of pgoutput that brings a whole row and nothing else → the change, whose values stay where they were read. (Manual, "Logical
// Replication Message Formats", TupleData.)
import type { RowChange } from "../../../engine/model/change-message.ts";
import { holdsOnlyValues, type PackedRow, unpackRow } from "../../../engine/model/packed-rows.ts";
import type { Row } from "../../../engine/model/row.ts";
import type { StreamedTable } from "../../../engine/model/table.ts";

const insertKind = 0x49; // I
const updateKind = 0x55; // U
const newRow = 0x4e; // N
const relationIdAt = 1;
const imageAt = 5;
const rowAt = 6;
const headerBytes = 8;

/**
 * An insert, or an update without a before image, whose row is complete and well formed. False: another message, or one that has to
 * be read with care, because values in it are unchanged, in binary form, or cannot be read.
 */
export function hasWholeRow(bytes: Buffer, from: number, to: number): boolean {
  const kind = bytes[from];
  if ((kind !== insertKind && kind !== updateKind) || bytes[from + imageAt] !== newRow || to - from < headerBytes) return false;
  return holdsOnlyValues(bytes, from + rowAt, to);
}

/** Of a message that has a whole row, as below. */
export function relationId(bytes: Buffer, from: number): number {
  return bytes.readUInt32BE(from + relationIdAt);
}

export function columnCount(bytes: Buffer, from: number): number {
  return bytes.readUInt16BE(from + rowAt);
}

/** The tuple is a packed row as it is. Makes values of it only when somebody asks for them. */
export class WholeRowChange implements RowChange {
  readonly tag: "insert" | "update";
  readonly table: StreamedTable;
  readonly before = null;
  readonly packed: PackedRow;
  #row: Row | null = null;

  constructor(table: StreamedTable, bytes: Buffer, from: number, to: number) {
    this.tag = bytes[from] === insertKind ? "insert" : "update";
    this.table = table;
    this.packed = { bytes, from: from + rowAt, to };
  }

  get after(): Row {
    this.#row ??= unpackRow(this.packed);
    return this.#row;
  }
}
