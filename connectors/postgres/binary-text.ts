// Values in the binary form of their type → the text that servers print under the settings of our sessions. Layouts and text: PostgreSQL's
// bool.c, int.c, int8.c, float.c, numeric.c, varlena.c, date.c, timestamp.c, datetime.c, uuid.c, jsonb.c; the same from version 10 to 18.
import { assert } from "../../engine/model/assert.ts";
import type { ColumnType } from "../../engine/model/table.ts";
import { doubleText, floatText } from "../float-text.ts";
import { printDate, printTime, printTimestamp, printTimestamptz } from "./binary-instants-text.ts";
import { numericDigits, printNumeric } from "./binary-numeric-text.ts";

/** The text of the value that lies there. It may be a view of the bytes. */
export type PrintBinary = (bytes: Buffer, from: number, length: number) => Buffer;

/**
 * By pg_type.oid, which built-in types have everywhere. A closed list: what belongs to no server alone (enums, domains, composites,
 * extensions), or has parts (arrays, ranges), has no place here.
 */
const printers: ReadonlyMap<string, PrintBinary> = new Map<string, PrintBinary>([
  ["16", printBool],
  ["17", printBytea],
  ["20", printInt8],
  ["21", printInt2],
  ["23", printInt4],
  ["25", printText],
  ["114", printText],
  ["700", printFloat4],
  ["701", printFloat8],
  ["1042", printText],
  ["1043", printText],
  ["1082", printDate],
  ["1083", printTime],
  ["1114", printTimestamp],
  ["1184", printTimestamptz],
  ["1700", printNumeric],
  ["2950", printUuid],
  ["3802", printJsonb],
]);

/** Null: values of this type do not go in binary. */
export function printBinary({ family, identity }: ColumnType): PrintBinary | null {
  const [oid = "", modifier = ""] = identity.split(":");
  if (family !== "postgres") return null;
  const print = printers.get(oid) ?? null;
  return print === printNumeric && numericDigits(Number(modifier)) > numericDigitsMax ? null : print;
}

/** Fourteen bytes may stand for 100,000 digits, and rows that are small here must not be large ones once they are taken apart. */
const numericDigitsMax = 100;

const yes = Buffer.from("t");
const no = Buffer.from("f");

function printBool(bytes: Buffer, from: number): Buffer {
  return bytes[from] === 0 ? no : yes;
}

function printInt2(bytes: Buffer, from: number): Buffer {
  return Buffer.from(String(bytes.readInt16BE(from)), "latin1");
}

function printInt4(bytes: Buffer, from: number): Buffer {
  return Buffer.from(String(bytes.readInt32BE(from)), "latin1");
}

function printInt8(bytes: Buffer, from: number): Buffer {
  return Buffer.from(String(bytes.readBigInt64BE(from)), "latin1");
}

function printFloat4(bytes: Buffer, from: number): Buffer {
  return Buffer.from(floatText(bytes.readFloatBE(from)), "latin1");
}

function printFloat8(bytes: Buffer, from: number): Buffer {
  return Buffer.from(doubleText(bytes.readDoubleBE(from)), "latin1");
}

function printText(bytes: Buffer, from: number, length: number): Buffer {
  return bytes.subarray(from, from + length);
}

const jsonbVersion = 1;

/** A version, then text. */
function printJsonb(bytes: Buffer, from: number, length: number): Buffer {
  assert(bytes[from] === jsonbVersion, "jsonb has come in one version only");
  return bytes.subarray(from + 1, from + length);
}

const hexDigits = Buffer.from("0123456789abcdef");

function printBytea(bytes: Buffer, from: number, length: number): Buffer {
  const text = Buffer.allocUnsafe(2 + 2 * length);
  text.write("\\x", "latin1");
  printHex(bytes, { from, to: from + length }, text, 2);
  return text;
}

const hyphen = 0x2d;
/** Bytes before each hyphen. */
const uuidParts = [4, 2, 2, 2, 6];
const uuidTextBytes = 36;

function printUuid(bytes: Buffer, from: number): Buffer {
  const text = Buffer.alloc(uuidTextBytes, hyphen);
  let read = from;
  let write = 0;
  for (const size of uuidParts) {
    printHex(bytes, { from: read, to: read + size }, text, write);
    read += size;
    write += 2 * size + 1;
  }
  return text;
}

function printHex(bytes: Buffer, { from, to }: { readonly from: number; readonly to: number }, text: Buffer, at: number): void {
  let write = at;
  for (let read = from; read < to; read += 1) {
    const byte = bytes[read] as number;
    text[write] = hexDigits[byte >>> 4] as number;
    text[write + 1] = hexDigits[byte & 15] as number;
    write += 2;
  }
}
