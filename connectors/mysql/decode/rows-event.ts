// Row events: whole rows before and after a change (MySQL Internals, "Rows_event"). Version 1 is MariaDB's, version 2 MySQL's.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Row } from "../../../engine/model/row.ts";
import { decompress, eventType } from "./binlog-event.ts";
import { ByteReader, malformed } from "./byte-reader.ts";
import type { ValueReader } from "./column-value.ts";
import type { ValueMemory } from "./value-memory.ts";

/** What a row event's type says. */
export interface RowsKind {
  readonly tag: "insert" | "update" | "delete";
  readonly version: 1 | 2;
  readonly compressed: boolean;
}

const kinds = new Map<number, RowsKind>([
  [eventType.writeRowsV1, { tag: "insert", version: 1, compressed: false }],
  [eventType.updateRowsV1, { tag: "update", version: 1, compressed: false }],
  [eventType.deleteRowsV1, { tag: "delete", version: 1, compressed: false }],
  [eventType.writeRows, { tag: "insert", version: 2, compressed: false }],
  [eventType.updateRows, { tag: "update", version: 2, compressed: false }],
  [eventType.deleteRows, { tag: "delete", version: 2, compressed: false }],
  [eventType.writeRowsCompressedV1, { tag: "insert", version: 1, compressed: true }],
  [eventType.updateRowsCompressedV1, { tag: "update", version: 1, compressed: true }],
  [eventType.deleteRowsCompressedV1, { tag: "delete", version: 1, compressed: true }],
  [eventType.writeRowsCompressed, { tag: "insert", version: 2, compressed: true }],
  [eventType.updateRowsCompressed, { tag: "update", version: 2, compressed: true }],
  [eventType.deleteRowsCompressed, { tag: "delete", version: 2, compressed: true }],
]);

/** Null: no row event. */
export function rowsKind(type: number): RowsKind | null {
  return kinds.get(type) ?? null;
}

/** Table id of a row event or a TABLE_MAP event. */
export function readTableId(body: Buffer): number {
  return new ByteReader(body).uint48();
}

export interface RowsLayout {
  /** Of all columns in order. */
  readonly readers: readonly ValueReader[];
  /** What errors name. */
  readonly subject: string;
}

/**
 * Gives out each change of the event. Throws DB-SLOT-020 when rows are not logged whole, DB-SLOT-010 when they cannot be read.
 */
export function readRows(
  body: Buffer,
  kind: RowsKind,
  layout: RowsLayout,
  output: { readonly memory: ValueMemory; take(before: Row | null, after: Row | null): void },
): void {
  const head = new ByteReader(body, 8);
  if (kind.version === 2) head.skip(head.uint16() - 2);
  const count = head.lengthEncoded();
  if (count !== layout.readers.length) throw malformed("a row has another number of columns than its table");
  const bitmapBytes = (count + 7) >> 3;
  for (let left = kind.tag === "update" ? 2 : 1; left > 0; left--) requireAll(head.slice(bitmapBytes), count, layout.subject);
  const rows = kind.compressed ? new ByteReader(decompress(head.slice(head.remaining))) : head;
  while (rows.remaining > 0) {
    const first = readRow(rows, layout.readers, output.memory);
    if (kind.tag === "insert") output.take(null, first);
    else if (kind.tag === "delete") output.take(first, null);
    else output.take(first, readRow(rows, layout.readers, output.memory));
  }
}

function readRow(reader: ByteReader, readers: readonly ValueReader[], memory: ValueMemory): Row {
  const nulls = reader.advance((readers.length + 7) >> 3);
  const { bytes } = reader;
  const row: Row = [];
  for (let index = 0; index < readers.length; index++) {
    const isNull = ((bytes[nulls + (index >> 3)] ?? 0) >> (index & 7)) & 1;
    row.push(isNull === 1 ? null : (readers[index] as ValueReader)(reader, memory));
  }
  return row;
}

/** With binlog_row_image=FULL every column is there. */
function requireAll(bitmap: Buffer, count: number, subject: string): void {
  for (let index = 0; index < count; index++) {
    if ((((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1) continue;
    const cause = "a row is not logged whole: binlog_row_image was not FULL";
    throw new ReplicationError("DB-SLOT-020", { subject, cause, sql: ["SET GLOBAL binlog_row_image = 'FULL';"] });
  }
}
