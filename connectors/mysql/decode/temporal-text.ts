// Dates and times as rows hold them (sql-common/my_time.cc, "packed binary" forms) → the text of ../value-text.ts.
import type { ByteReader } from "./byte-reader.ts";

/** 15 bits year, 4 month, 5 day; zero and partial dates as they are. */
export function readDate(reader: ByteReader): string {
  const packed = reader.uint24();
  return `${pad4(packed >> 9)}-${pad2((packed >> 5) & 15)}-${pad2(packed & 31)}`;
}

/** 17 bits year and month, 5 day, 5 hour, 6 minute, 6 second behind a bit that is always set; then the fraction. */
export function readDatetime(reader: ByteReader, fraction: number): string {
  const packed = reader.bigEndianNumber(5) - 0x80_0000_0000;
  const day = Math.floor(packed / 0x2_0000);
  const time = packed % 0x2_0000;
  const months = day >> 5;
  const date = `${pad4(Math.floor(months / 13))}-${pad2(months % 13)}-${pad2(day & 31)}`;
  return `${date} ${pad2(time >> 12)}:${pad2((time >> 6) & 63)}:${pad2(time & 63)}${readFraction(reader, fraction)}`;
}

/** Seconds since 1970, unsigned (MariaDB 11.5 uses all 32 bits); 0 with no fraction is the zero timestamp. */
export function readTimestamp(reader: ByteReader, fraction: number): string {
  const seconds = reader.bigEndianNumber(4);
  const digits = readFraction(reader, fraction);
  if (seconds === 0 && digits === "") return "0000-00-00 00:00:00+00";
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${digits}+00`;
}

/** A signed number of seconds in base 64 and its fraction, offset so that bytes sort like times. */
export function readTime(reader: ByteReader, fraction: number): string {
  const bytes = Math.ceil(fraction / 2);
  const scale = 256 ** bytes;
  const packed = reader.bigEndianNumber(3 + bytes) - 0x80_0000 * scale;
  const size = Math.abs(packed);
  const whole = Math.floor(size / scale);
  const digits = fractionText(size % scale, bytes);
  const text = `${pad2(whole >> 12)}:${pad2((whole >> 6) & 63)}:${pad2(whole & 63)}${digits}`;
  return packed < 0 ? `-${text}` : text;
}

/** Two digits of the fraction in each byte. */
function readFraction(reader: ByteReader, fraction: number): string {
  const bytes = Math.ceil(fraction / 2);
  return bytes === 0 ? "" : fractionText(reader.bigEndianNumber(bytes), bytes);
}

/** Without trailing zeros, nothing when it is none. */
function fractionText(value: number, bytes: number): string {
  if (value === 0) return "";
  return `.${String(value).padStart(bytes * 2, "0")}`.replace(/0+$/, "");
}

function pad2(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function pad4(value: number): string {
  return String(value).padStart(4, "0");
}
