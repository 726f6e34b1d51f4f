// The text form of values of MySQL and MariaDB columns (engine/model/row.ts), the same from the binary log and from SELECT.
// Where PostgreSQL has a like type the form is what PostgreSQL prints and reads, so that such values need no conversion:
//
//   integers, YEAR          decimal digits, `-` first; YEAR without leading zeros: 0, 1901 ... 2155
//   DECIMAL                 all digits of its scale: 12.50
//   FLOAT, DOUBLE           shortest text that reads back as the same single, or double: 0.1, 1e+20, -0
//   BIT(n)                  n binary digits
//   CHAR, VARCHAR, TEXT     UTF-8, whatever the column's character set; CHAR without its padding
//   BINARY, VARBINARY, BLOB `\x` and lower-case hexadecimal; BINARY(n) with all its n bytes
//   DATE                    2024-02-29; zero and partial dates as they are: 0000-00-00, 2024-00-15
//   DATETIME                2024-02-29 13:05:00.25, the fraction without trailing zeros, no `.` when it is none
//   TIMESTAMP               the same in UTC with `+00` behind; the zero timestamp: 0000-00-00 00:00:00+00
//   TIME                    hours of at least two digits: 08:05:00.5, -838:59:59
//   ENUM                    the label; the error value (index 0) is the empty string
//   SET                     its labels in the order of the declaration, separated by commas
//   JSON                    the server's own text
//   geometry                `\x` and the server's internal form: SRID (4 bytes, little endian), then WKB
//   UUID, INET4, INET6      as MariaDB prints them
import { assert } from "../../engine/model/assert.ts";

/** `\x` and hexadecimal digits. */
export function bytesText(bytes: Buffer): Buffer {
  return Buffer.from(`\\x${bytes.toString("hex")}`, "latin1");
}

/** The bytes that a `\x...` form stands for. */
export function textBytes(text: Buffer): Buffer {
  assert(text[0] === 0x5c && text[1] === 0x78, "bytes are written as \\x and hexadecimal digits");
  return Buffer.from(text.toString("latin1", 2), "hex");
}

/** Fraction of a second without its trailing zeros: `.250000` becomes `.25`, `.000000` nothing. */
export function trimFraction(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** The binary digits of a BIT(n), which the server sends as bytes, the last of them the lowest. */
export function bitText(bytes: Buffer, bits: number): string {
  const digits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return digits.padStart(bits, "0").slice(-bits);
}
