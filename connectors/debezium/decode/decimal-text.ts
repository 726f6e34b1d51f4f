// Decimals as their digits, from two's complement and a scale (org.apache.kafka.connect.data.Decimal, big-endian).
import { unreadable } from "./decode-failure.ts";

/** PostgreSQL's numeric has at most so many digits on either side of the point. */
const digitsMax = 131_072;

/** All digits of the scale: 12.50. A negative scale stands for zeros before the point. */
export function decimalText(unscaled: Buffer, scale: number): string {
  if (unscaled.length === 0) throw unreadable("a decimal has no digits");
  if (Math.abs(scale) > digitsMax) throw unreadable("a decimal has too many digits");
  return placePoint(wholeNumber(unscaled), scale);
}

function wholeNumber(bytes: Buffer): string {
  if (bytes.length <= 6) return String(bytes.readIntBE(0, bytes.length));
  const value = BigInt(`0x${bytes.toString("hex")}`);
  return String((bytes[0] ?? 0) < 0x80 ? value : BigInt.asIntN(bytes.length * 8, value));
}

function placePoint(whole: string, scale: number): string {
  if (scale <= 0) return whole === "0" ? "0" : whole + "0".repeat(-scale);
  const sign = whole.startsWith("-") ? "-" : "";
  const digits = whole.slice(sign.length).padStart(scale + 1, "0");
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Without zeros at the end of the fraction: the form that values without a declared scale arrive in, whatever they were written as. */
export function withoutTrailingZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

const digitsForm = /^-?\d+(?:\.\d+)?$/;
/** `decimal.handling.mode=string`, for what has no digits. */
const specialWords: Readonly<Record<string, string>> = {
  NAN: "NaN",
  NaN: "NaN",
  POSITIVE_INFINITY: "Infinity",
  NEGATIVE_INFINITY: "-Infinity",
};

/** A decimal that came as text. */
export function decimalFromText(text: string): string {
  const special = specialWords[text];
  if (special !== undefined) return special;
  if (!digitsForm.test(text)) throw unreadable("a decimal is not written with digits alone");
  return text;
}

const scientificForm = /^(-?\d)\.(\d+)E(\d{1,2})$/;

/** Money that came as text: PostgreSQL's connector reads it as a double in its snapshot, and prints it as Java does, 1.0E7. */
export function moneyFromText(text: string): string {
  const match = scientificForm.exec(text);
  if (match === null) return decimalFromText(text);
  const [, first = "", fraction = "", exponent = ""] = match;
  return placePoint(first + fraction, fraction.length - Number(exponent));
}
