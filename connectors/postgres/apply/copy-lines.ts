// Rows in COPY's text format (PostgreSQL manual, COPY, "Text Format"), byte by byte: no value becomes a string.
import { assert } from "../../../engine/model/assert.ts";
import type { RowList } from "../../../engine/model/packed-rows.ts";
import type { Row } from "../../../engine/model/row.ts";
import { CopyRows } from "../copy-rows.ts";
import { ByteWriter } from "./byte-writer.ts";

const chunkBytes = 128 * 1024;
const tab = 0x09;
const newline = 0x0a;
const carriageReturn = 0x0d;
const backslash = 0x5c;

/** The letter after the backslash for each byte that must not stand for itself; 0 for all others. */
const escapes = new Uint8Array(256);
escapes[tab] = 0x74;
escapes[newline] = 0x6e;
escapes[carriageReturn] = 0x72;
escapes[backslash] = backslash;

/** Chunks of lines. Each ends with `suffix`, a further column that needs no escaping. */
export function copyLines(rows: RowList, suffix: string): Iterable<Buffer> {
  return rows instanceof CopyRows ? rows.withColumn(suffix) : copyText(rows, suffix);
}

/** Chunks of about 128 KiB, larger only by values that are larger. */
function* copyText(rows: Iterable<Row>, suffix: string): Generator<Buffer> {
  const writer = new ByteWriter();
  const end = Buffer.from(`\t${suffix}\n`, "latin1");
  for (const row of rows) {
    for (let column = 0; column < row.length; column += 1) {
      if (column > 0) writer.int8(tab);
      const value = row[column];
      assert(value === null || value instanceof Buffer, "a row that is copied holds every value");
      if (value === null) {
        writer.int8(backslash);
        writer.int8(0x4e);
      } else {
        writeEscaped(writer, value);
      }
    }
    writer.bytes(end);
    if (writer.byteLength >= chunkBytes) yield* writer.take();
  }
  yield* writer.take();
}

/** Runs of ordinary bytes are passed on whole, so that a large value is not copied for the sake of one backslash. */
function writeEscaped(writer: ByteWriter, value: Buffer): void {
  let start = 0;
  for (let at = 0; at < value.length; at += 1) {
    const letter = escapes[value[at] as number] as number;
    if (letter === 0) continue;
    writer.bytes(value.subarray(start, at));
    writer.int8(backslash);
    writer.int8(letter);
    start = at + 1;
  }
  writer.bytes(start === 0 ? value : value.subarray(start));
}
