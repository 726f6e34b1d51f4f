// Digits read from bytes, and numbers written to them, without a string or an object in between.
import type { ByteWriter } from "./byte-writer.ts";

/** In place of a number that is not there. */
export const noNumber = -0x8000_0000;

export const ascii = { zero: 0x30, minus: 0x2d, plus: 0x2b, point: 0x2e, colon: 0x3a, blank: 0x20, a: 0x61, f: 0x66, t: 0x74 } as const;

/** By exponent. */
export const powersOfTen: readonly number[] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

export function isDigit(letter: number): boolean {
  return letter >= ascii.zero && letter <= ascii.zero + 9;
}

/** Of at least one and at most 15 digits; -1 when there is anything else. */
export function digits(text: Buffer, from: number, to: number): number {
  if (from >= to) return -1;
  let value = 0;
  for (let place = from; place < to; place += 1) {
    const letter = text[place] as number;
    if (!isDigit(letter)) return -1;
    value = value * 10 + letter - ascii.zero;
  }
  return value;
}

/** `high · factor + low` in 64 bits. Exact for factors up to 1e9 and |high| < 2^38: nothing on the way exceeds 2^53. */
export function writeInt64(writer: ByteWriter, high: number, factor: number, low: number): void {
  const shift = 0x1_0000;
  const word = 0x1_0000_0000;
  const upper = Math.floor(high / shift);
  const product = upper * factor;
  const carried = Math.floor(product / shift);
  const rest = (product - carried * shift) * shift + (high - upper * shift) * factor + low;
  const overflow = Math.floor(rest / word);
  writer.int32(carried + overflow);
  writer.int32(rest - overflow * word);
}
