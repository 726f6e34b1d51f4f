// The rows of one execution of a prepared statement (MariaDB, "COM_STMT_BULK_EXECUTE"): each value behind a byte that says whether
// there is one, and its length.
import type { PackedRows } from "../../../engine/model/packed-rows.ts";
import type { BoundRow } from "./bound-row.ts";
import type { TableShape } from "./target-catalog.ts";

const command = 0xfa;
/** MYSQL_TYPE_VAR_STRING and MYSQL_TYPE_BLOB: text for the server to read, and bytes. */
const types = { text: 0xfd, bytes: 0xfc } as const;
/** STMT_BULK_FLAG_CLIENT_SEND_TYPES */
const withTypes = 128;
/** Before each value. */
const present = 0;
const isNull = 1;
/** Room for the driver's header, then the command, the statement's number and the flags. */
const [statementAt, flagsAt, typesAt] = [5, 9, 11];
/** Before a value at most: whether it is there, and its length. */
const headBytesMax = 1 + 9;
/** Most values are a few bytes long; for those the loop is faster than the call into native code. */
const loopBytesMax = 24;

/** Every row is followed by the batch id. Throws ReplicationError when a column cannot hold its value. */
export function packRows({ columns }: TableShape, rows: PackedRows, batchId: string): Buffer {
  const packet = new BulkPacket(columns, rows.bytes);
  const last = columns.length - 1;
  rows.values((index, bytes, start, length) => {
    const column = columns[index] as TableShape["columns"][number];
    if (length < 0) packet.nothing();
    else {
      const end = column.verbatim(bytes, start, start + length);
      if (end >= 0) packet.bytes(bytes, start, end);
      else packet.value(column.encode(bytes.subarray(start, start + length)));
    }
    if (index === last) packet.value(batchId);
  });
  return packet.finish();
}

/** The same of rows that are bound. */
export function packBound({ columns }: TableShape, rows: readonly BoundRow[], batchId: string): Buffer {
  const packet = new BulkPacket(
    columns,
    rows.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  for (const { values } of rows) {
    for (const value of values) {
      if (value === null) packet.nothing();
      else packet.value(value);
    }
    packet.value(batchId);
  }
  return packet.finish();
}

/** Writes which statement it is for. */
export function addressTo(packet: Buffer, statement: number): void {
  packet.writeUInt32LE(statement, statementAt);
}

class BulkPacket {
  #bytes: Buffer;
  #used: number;

  /** `bytes`: of its rows, as far as one can tell. */
  constructor(columns: TableShape["columns"], bytes: number) {
    this.#bytes = Buffer.allocUnsafe(typesAt + 2 * (columns.length + 1) + bytes);
    this.#bytes[statementAt - 1] = command;
    this.#bytes.writeUInt16LE(withTypes, flagsAt);
    this.#used = typesAt;
    for (const { binary } of columns) this.#used = this.#bytes.writeUInt16LE(binary ? types.bytes : types.text, this.#used);
    this.#used = this.#bytes.writeUInt16LE(types.text, this.#used);
  }

  nothing(): void {
    this.#reserve(1);
    this.#bytes[this.#used] = isNull;
    this.#used += 1;
  }

  bytes(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#head(length);
    const into = this.#bytes;
    const at = this.#used;
    if (length > loopBytesMax) bytes.copy(into, at, start, end);
    else for (let index = 0; index < length; index += 1) into[at + index] = bytes[start + index] as number;
    this.#used += length;
  }

  value(value: string | Buffer): void {
    if (typeof value !== "string") {
      this.bytes(value, 0, value.length);
      return;
    }
    this.#head(Buffer.byteLength(value));
    this.#used += this.#bytes.write(value, this.#used, "utf8");
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }

  /** Leaves room for the value itself. */
  #head(length: number): void {
    this.#reserve(headBytesMax + length);
    const into = this.#bytes;
    into[this.#used] = present;
    if (length < 251) {
      into[this.#used + 1] = length;
      this.#used += 2;
    } else if (length < 0x1_0000) {
      into[this.#used + 1] = 0xfc;
      this.#used = into.writeUInt16LE(length, this.#used + 2);
    } else {
      into[this.#used + 1] = 0xfe;
      this.#used = into.writeUInt32LE(0, into.writeUInt32LE(length, this.#used + 2));
    }
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * this.#bytes.length + bytes);
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}
