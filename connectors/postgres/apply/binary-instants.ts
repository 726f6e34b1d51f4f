// Dates and timestamps in binary: days and microseconds since the beginning of 2000.
import type { ByteWriter } from "./byte-writer.ts";
import { ascii, digits, noNumber, powersOfTen, writeInt64 } from "./decimal-digits.ts";

const dateBytes = "2000-01-01".length;
const secondBytes = "2000-01-01 00:00:00".length;
const zoneBytes = "+00".length;
const secondsPerDay = 86_400;
const fractionDigitsMax = 6;

export function encodeDate(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  const value = to - from === dateBytes ? days(text, from) : noNumber;
  if (value === noNumber) return false;
  writer.int32(4);
  writer.int32(value);
  return true;
}

export function encodeTimestamp(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  if (to - from < secondBytes || text[from + dateBytes] !== ascii.blank) return false;
  const day = days(text, from);
  const second = secondOfDay(text, from + dateBytes + 1);
  const micros = fraction(text, from + secondBytes, to);
  if (day === noNumber || second < 0 || micros < 0) return false;
  writer.int32(8);
  writeInt64(writer, day * secondsPerDay + second, 1_000_000, micros);
  return true;
}

export function encodeTimestamptz(text: Buffer, from: number, to: number, writer: ByteWriter): boolean {
  const end = to - zoneBytes;
  const isUtc = text[end] === ascii.plus && text[end + 1] === ascii.zero && text[end + 2] === ascii.zero;
  return isUtc && encodeTimestamp(text, from, end, writer);
}

/** Days since 2000-01-01 in the Gregorian calendar of all times. */
function days(text: Buffer, from: number): number {
  const year = digits(text, from, from + 4);
  const month = digits(text, from + 5, from + 7);
  const day = digits(text, from + 8, from + 10);
  if (text[from + 4] !== ascii.minus || text[from + 7] !== ascii.minus) return noNumber;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return noNumber;
  // Years and months counted from March, so that a leap day comes last.
  const marchYear = month > 2 ? year : year - 1;
  const marchMonth = (month + 9) % 12;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return 365 * marchYear + leapDays + Math.floor((153 * marchMonth + 2) / 5) + day - 1 - daysBefore2000;
}

/** From the first of March of the year 0 on. */
const daysBefore2000 = 730_425;

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Of `HH:MM:SS`; negative for what the clock does not show. */
function secondOfDay(text: Buffer, from: number): number {
  const hour = digits(text, from, from + 2);
  const minute = digits(text, from + 3, from + 5);
  const second = digits(text, from + 6, from + 8);
  if (text[from + 2] !== ascii.colon || text[from + 5] !== ascii.colon) return -1;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1;
  return hour * 3600 + minute * 60 + second;
}

/** Microseconds of nothing at all, or of a point and one to six digits; negative for anything else. */
function fraction(text: Buffer, from: number, to: number): number {
  if (from === to) return 0;
  const count = to - from - 1;
  if (text[from] !== ascii.point || count === 0 || count > fractionDigitsMax) return -1;
  const value = digits(text, from + 1, to);
  return value < 0 ? -1 : value * (powersOfTen[fractionDigitsMax - count] as number);
}
