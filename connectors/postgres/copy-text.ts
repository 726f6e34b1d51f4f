// One row of COPY's text format → values (manual, "COPY", File Formats). Works in place and cuts values out of the
// bytes it is given, because making Buffers is most of what a snapshot costs.
import { assert } from "../../engine/model/assert.ts";
import type { Row } from "../../engine/model/row.ts";

const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const CAPITAL_N = 0x4e;

/**
 * Reads the row in `bytes[start, end)`, where `end` is just after its newline. `columns` is the number of values it holds.
 * The values are views of `bytes`, which must not be used again; escaped ones are unescaped in place.
 */
export function parseCopyRow(bytes: Buffer, start: number, end: number, columns: number): Row {
  const row: Row = [];
  let from = start;
  for (let column = 0; column < columns; column++) {
    let at = from;
    let escaped = false;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === TAB || byte === NEWLINE) break;
      // What follows a backslash is never a tab or a newline: the server writes those as letters.
      if (byte === BACKSLASH) escaped = true;
    }
    row.push(escaped ? unescape(bytes, from, at) : bytes.subarray(from, at));
    from = at + 1;
  }
  assert(from === end, "a row of COPY text holds as many values as were asked for");
  return row;
}

/** Values never grow by unescaping. The server writes \N alone for NULL; within a value, a letter after `\` is a control. */
function unescape(bytes: Buffer, from: number, to: number): Buffer | null {
  if (to - from === 2 && bytes[from + 1] === CAPITAL_N) return null;
  let write = bytes.indexOf(BACKSLASH, from);
  let read = write;
  while (read < to) {
    let byte = bytes[read++] ?? 0;
    if (byte === BACKSLASH) byte = controls[bytes[read++] ?? 0] ?? 0;
    bytes[write++] = byte;
  }
  return bytes.subarray(from, write);
}

/** What the byte after a backslash stands for: itself, except for the letters of the control characters. */
const controls = Uint8Array.from({ length: 256 }, (_, byte) => byte);
for (const [letter, control] of Object.entries({ b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 })) controls[letter.charCodeAt(0)] = control;
