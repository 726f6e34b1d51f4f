// DECIMAL as rows hold it (strings/decimal.c, decimal2bin): groups of nine digits in four bytes, big-endian, the outer
// groups shorter; the first bit is the sign, all bits of a negative number are inverted.
import type { ByteReader } from "./byte-reader.ts";

const bytesOfDigits = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/** All digits of the scale: `12.50`, `-0.001`. */
export function readDecimal(reader: ByteReader, precision: number, scale: number): string {
  const whole = precision - scale;
  const size = groupBytes(whole) + groupBytes(scale);
  const bytes = Buffer.from(reader.slice(size));
  const negative = ((bytes[0] ?? 0) & 0x80) === 0;
  bytes[0] = (bytes[0] ?? 0) ^ 0x80;
  if (negative) for (let index = 0; index < size; index++) bytes[index] = ~(bytes[index] ?? 0);
  let at = 0;
  const group = (digits: number): string => {
    const length = bytesOfDigits[digits] ?? 0;
    const value = length === 0 ? "" : String(bytes.readUIntBE(at, length)).padStart(digits, "0");
    at += length;
    return value;
  };
  let text = group(whole % 9);
  for (let left = Math.floor(whole / 9); left > 0; left--) text += group(9);
  text = text.replace(/^0+/, "") || "0";
  if (scale > 0) {
    text += ".";
    for (let left = Math.floor(scale / 9); left > 0; left--) text += group(9);
    text += group(scale % 9);
  }
  return negative ? `-${text}` : text;
}

function groupBytes(digits: number): number {
  return Math.floor(digits / 9) * 4 + (bytesOfDigits[digits % 9] ?? 0);
}
