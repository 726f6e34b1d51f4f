// MySQL's binary JSON → the text that the server prints (sql-common/json_binary.h describes the form, json_dom.cc the
// printing). MariaDB's JSON is text already and never comes here.
import { ByteReader, malformed } from "./byte-reader.ts";
import { readDecimal } from "./decimal-text.ts";

const kind = {
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
} as const;

const literals = ["null", "true", "false"];
/** The server allows a hundred levels. */
const depthMax = 101;

/** The document as `SELECT` would print it. Throws DB-SLOT-010 when it cannot be read. */
export function jsonText(bytes: Buffer): Buffer {
  // What the server writes for an invalid default of old tables.
  if (bytes.length === 0) return Buffer.from("null", "latin1");
  return Buffer.from(printValue(bytes[0] ?? 0, bytes.subarray(1), 0), "utf8");
}

/** `bytes` begins at the value. */
function printValue(type: number, bytes: Buffer, depth: number): string {
  if (depth > depthMax) throw malformed("a JSON document is nested too deeply");
  const reader = new ByteReader(bytes);
  switch (type) {
    case kind.smallObject:
    case kind.largeObject:
      return printObject(bytes, type === kind.largeObject ? 4 : 2, depth);
    case kind.smallArray:
    case kind.largeArray:
      return printArray(bytes, type === kind.largeArray ? 4 : 2, depth);
    case kind.literal:
      return literalText(reader.uint8());
    case kind.int16:
      return String(reader.int16());
    case kind.uint16:
      return String(reader.uint16());
    case kind.int32:
      return String(reader.int32());
    case kind.uint32:
      return String(reader.uint32());
    case kind.int64:
      return String(reader.int64());
    case kind.uint64:
      return String(reader.uint64());
    case kind.double:
      return jsonDouble(reader.double());
    case kind.string:
      return JSON.stringify(reader.text(variableLength(reader)));
    case kind.opaque:
      return printOpaque(reader);
    default:
      throw malformed("a JSON value is of a kind that is not known");
  }
}

function literalText(value: number): string {
  const text = literals[value];
  if (text === undefined) throw malformed("a JSON literal is not known");
  return text;
}

function printArray(bytes: Buffer, offsetBytes: number, depth: number): string {
  const reader = new ByteReader(bytes);
  const count = reader.length(offsetBytes);
  reader.skip(offsetBytes);
  const parts: string[] = [];
  for (let left = count; left > 0; left--) parts.push(printEntry(bytes, reader, offsetBytes, depth));
  return `[${parts.join(", ")}]`;
}

function printObject(bytes: Buffer, offsetBytes: number, depth: number): string {
  const reader = new ByteReader(bytes);
  const count = reader.length(offsetBytes);
  reader.skip(offsetBytes);
  const keys: string[] = [];
  for (let left = count; left > 0; left--) {
    const at = reader.length(offsetBytes);
    keys.push(JSON.stringify(new ByteReader(bytes, at).text(reader.uint16())));
  }
  return `{${keys.map((key) => `${key}: ${printEntry(bytes, reader, offsetBytes, depth)}`).join(", ")}}`;
}

/** A type, and the value itself where it is small enough, else where it begins. */
function printEntry(bytes: Buffer, reader: ByteReader, offsetBytes: number, depth: number): string {
  const type = reader.uint8();
  const inlined = reader.slice(offsetBytes);
  if (type === kind.literal || type === kind.int16 || type === kind.uint16) return printValue(type, inlined, depth);
  if (offsetBytes === 4 && (type === kind.int32 || type === kind.uint32)) return printValue(type, inlined, depth);
  const at = inlined.readUIntLE(0, offsetBytes);
  if (at >= bytes.length) throw malformed("a JSON value lies beyond its document");
  return printValue(type, bytes.subarray(at), depth + 1);
}

/** Seven bits in each byte, the lowest first. */
function variableLength(reader: ByteReader): number {
  let length = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.uint8();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return length;
  }
  throw malformed("a JSON length is impossible");
}

/**
 * The shortest digits that read back, written out from 1e-15 on and, if whole, below 1e15, else with an exponent
 * (strings/dtoa.cc, my_gcvt). Those that look like integers are marked: `1.0`.
 */
function jsonDouble(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa = "", power = ""] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -15 || (exponent > 14 && Number.isInteger(value))) return `${mantissa}e${exponent}`;
  if (exponent >= 0) return Number.isInteger(value) ? `${value}.0` : String(value);
  const digits = mantissa.replace(/[-.]/g, "");
  return `${value < 0 ? "-" : ""}0.${"0".repeat(-exponent - 1)}${digits}`;
}

const fieldType = { time: 11, date: 10, datetime: 12, timestamp: 7, decimal: 246 } as const;

function printOpaque(reader: ByteReader): string {
  const type = reader.uint8();
  const value = new ByteReader(reader.slice(variableLength(reader)));
  switch (type) {
    case fieldType.decimal:
      return readDecimal(value, value.uint8(), value.uint8());
    case fieldType.date:
      return `"${packedDate(value.int64())}"`;
    case fieldType.datetime:
    case fieldType.timestamp: {
      const packed = value.int64();
      return `"${packedDate(packed)} ${packedTime(packed & 0x1ff_ffff_ffffn, 31n)}"`;
    }
    case fieldType.time: {
      const packed = value.int64();
      return packed < 0n ? `"-${packedTime(-packed, 1023n)}"` : `"${packedTime(packed, 1023n)}"`;
    }
    default:
      return `"base64:type${type}:${value.slice(value.remaining).toString("base64")}"`;
  }
}

function packedDate(packed: bigint): string {
  const day = Number(packed >> 41n);
  const months = day >> 5;
  return `${digits(Math.floor(months / 13), 4)}-${digits(months % 13, 2)}-${digits(day & 31, 2)}`;
}

function packedTime(packed: bigint, hourMask: bigint): string {
  const [hour, minute, second] = [(packed >> 36n) & hourMask, (packed >> 30n) & 63n, (packed >> 24n) & 63n];
  return `${digits(Number(hour), 2)}:${digits(Number(minute), 2)}:${digits(Number(second), 2)}.${digits(Number(packed & 0xff_ffffn), 6)}`;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, "0");
}
