// Values in the form that the receive function of their type reads, made from the form in which servers print them: the target
// then parses nothing. Only the plain form counts; whatever else a type would accept is for the server to judge.
// Layouts: PostgreSQL's int.c, date.c, timestamp.c, numeric.c, uuid.c, the same from version 15 to 18.
import { encodeDate, encodeTimestamp, encodeTimestamptz } from "./binary-instants.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { ascii, digits, isDigit, noNumber, powersOfTen, writeInt64 } from "./decimal-digits.ts";

export interface BinaryType {
  readonly name: "bool" | "int2" | "int4" | "int8" | "numeric" | "date" | "timestamp" | "timestamptz" | "uuid";
  /** pg_type.oid. */
  readonly oid: number;
  /** Writes length and value of the text between two places; false when the text is not in plain form, whatever was written then. */
  readonly encode: (text: Buffer, from: number, to: number, writer: ByteWriter) => boolean;
}

const types: readonly BinaryType[] = [
  { name: "bool", oid: 16, encode: encodeBool },
  { name: "int2", oid: 21, encode: encodeInt2 },
  { name: "int4", oid: 23, encode: encodeInt4 },
  { name: "int8", oid: 20, encode: encodeInt8 },
  { name: "numeric", oid: 1700, encode: encodeNumeric },
  { name: "date", oid: 1082, encode: encodeDate },
  { name: "timestamp", oid: 1114, encode: encodeTimestamp },
  { name: "timestamptz", oid: 1184, encode: encodeTimestamptz },
  { name: "uuid", oid: 2950, encode: encodeUuid },
];
const byName = new Map<string, BinaryType>(types.map((type) => [type.name, type]));

/** The built-in type of that qualified name, quoted where it must be; null for every type whose values go as text. */
export function binaryType(qualified: string): BinaryType | null {
  const name = /^pg_catalog\."?(\w+)"?$/.exec(qualified)?.[1];
  return byName.get(name ?? "") ?? null;
}

function encodeBool(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  const letter = text[from];
  if (to - from !== 1 || (letter !== ascii.t && letter !== ascii.f)) return false;
  writer.int32(1);
  writer.int8(letter === ascii.t ? 1 : 0);
  return true;
}

function encodeInt2(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  const value = to - from > 6 ? noNumber : integer(text, from, to);
  if (value < -0x8000 || value > 0x7fff) return false;
  writer.int32(2);
  writer.int16(value);
  return true;
}

function encodeInt4(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  const value = to - from > 11 ? noNumber : integer(text, from, to);
  // The smallest value is the mark for no value.
  if (value <= noNumber || value > 0x7fff_ffff) return false;
  writer.int32(4);
  writer.int32(value);
  return true;
}

/** So many digits fit into 64 bits whatever they are. */
const int8DigitsMax = 18;
const lowDigits = 9;
const lowFactor = 1e9;

function encodeInt8(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  const isNegative = text[from] === ascii.minus;
  const size = to - from - (isNegative ? 1 : 0);
  if (size > int8DigitsMax) return false;
  const middle = size > lowDigits ? to - lowDigits : to;
  const high = integer(text, from, middle);
  const low = middle === to ? 0 : digits(text, middle, to);
  if (high === noNumber || low < 0 || (high === 0 && middle < to)) return false;
  writer.int32(8);
  if (middle === to) writeInt64(writer, high, 1, 0);
  else writeInt64(writer, high, lowFactor, isNegative ? -low : low);
  return true;
}

/** A number as servers print it: without plus, leading zeros and negative zero. At most 15 digits. */
function integer(text: Buffer, from: number, to: number): number {
  const isNegative = text[from] === ascii.minus;
  const start = isNegative ? from + 1 : from;
  const value = digits(text, start, to);
  if (value < 0 || (text[start] === ascii.zero && to - from > 1)) return noNumber;
  return isNegative ? -value : value;
}

const numericHeaderBytes = 8;
const numericNegative = 0x4000;
/** Far below the type's own bounds. */
const numericTextBytesMax = 500;
const groupDigits = 4;

/** Groups of four digits, to both sides of the point; zeros at the ends are the receiver's to drop. */
function encodeNumeric(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  const isNegative = text[from] === ascii.minus;
  const start = isNegative ? from + 1 : from;
  let point = start;
  while (point < to && isDigit(text[point] as number)) point += 1;
  const whole = point - start;
  const scale = Math.max(to - point - 1, 0);
  if (whole === 0 || (whole > 1 && text[start] === ascii.zero) || to - from > numericTextBytesMax) return false;
  if (point < to && (text[point] !== ascii.point || scale === 0)) return false;
  const wholeGroups = Math.ceil(whole / groupDigits);
  const groups = wholeGroups + Math.ceil(scale / groupDigits);
  writer.int32(numericHeaderBytes + 2 * groups);
  writer.int16(groups);
  writer.int16(wholeGroups - 1);
  writer.int16(isNegative ? numericNegative : 0);
  writer.int16(scale);
  let isZero = true;
  // The first group may be short, the last one is filled up with zeros.
  for (let end = point - (wholeGroups - 1) * groupDigits; end <= point; end += groupDigits) {
    const group = digits(text, Math.max(start, end - groupDigits), end);
    isZero &&= group === 0;
    writer.int16(group);
  }
  for (let begin = point + 1; begin < to; begin += groupDigits) {
    const end = Math.min(to, begin + groupDigits);
    const group = digits(text, begin, end);
    if (group < 0) return false;
    isZero &&= group === 0;
    writer.int16(group * (powersOfTen[begin + groupDigits - end] as number));
  }
  return !(isZero && isNegative);
}

const uuidTextBytes = 36;
/** Where in the text there are the two digits of a byte, and the hyphens. */
const uuidPairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const uuidHyphens = [8, 13, 18, 23];

function encodeUuid(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  if (to - from !== uuidTextBytes) return false;
  for (const place of uuidHyphens) if (text[from + place] !== ascii.minus) return false;
  writer.int32(uuidPairs.length);
  for (const place of uuidPairs) {
    const high = hexDigit(text[from + place] as number);
    const low = hexDigit(text[from + place + 1] as number);
    if (high < 0 || low < 0) return false;
    writer.int8(high * 16 + low);
  }
  return true;
}

function hexDigit(letter: number): number {
  if (isDigit(letter)) return letter - ascii.zero;
  return letter >= ascii.a && letter <= ascii.f ? letter - ascii.a + 10 : -1;
}
