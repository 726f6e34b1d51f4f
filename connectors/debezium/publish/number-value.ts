// Numbers from the text that PostgreSQL prints to the forms that Kafka Connect's JSON converter reads.
import { ValueRefused } from "./value-refused.ts";

/** A whole number of so many bits, as JSON. */
export function wholeNumber(text: string, bits: 16 | 32 | 64): string {
  if (!/^-?\d{1,19}$/.test(text) || BigInt.asIntN(bits, BigInt(text)) !== BigInt(text))
    throw new ValueRefused(`an integer beyond ${bits} bits`);
  return text;
}

/** A single or double as JSON. NaN and infinity have no form there. */
export function floatNumber(text: string): string {
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new ValueRefused("NaN or infinity");
  return text;
}

/** `org.apache.kafka.connect.data.Decimal`: the digits as a whole number of this scale, in bytes, as base64 in JSON. */
export function decimalBytes(text: string, precision: number, scale: number): string {
  const { digits, fraction } = readDecimal(text);
  const surplus = fraction.length - scale;
  if (surplus > 0 && /[^0]/.test(fraction.slice(scale))) throw new ValueRefused(`more than ${scale} digits after the point`);
  const kept = surplus > 0 ? digits.slice(0, digits.length - surplus) : digits + "0".repeat(-surplus);
  if (kept.replace(/^-?0*/, "").length > precision) throw new ValueRefused(`a number of more than ${precision} digits`);
  return `"${twosComplement(BigInt(kept)).toString("base64")}"`;
}

/** `io.debezium.data.VariableScaleDecimal`: each value with its own scale. */
export function variableScaleDecimal(text: string): string {
  const { digits, fraction } = readDecimal(text);
  return `{"scale":${fraction.length},"value":"${twosComplement(BigInt(digits)).toString("base64")}"}`;
}

/** `digits`: all of them with the sign, without the point. */
function readDecimal(text: string): { readonly digits: string; readonly fraction: string } {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) throw new ValueRefused("NaN or infinity");
  return { digits: `${sign}${whole}${fraction}`, fraction };
}

/** Big-endian, in as few bytes as hold it, as java.math.BigInteger reads it. */
function twosComplement(value: bigint): Buffer {
  let bytes = 1;
  while (BigInt.asIntN(bytes * 8, value) !== value) bytes += 1;
  return Buffer.from(
    BigInt.asUintN(bytes * 8, value)
      .toString(16)
      .padStart(bytes * 2, "0"),
    "hex",
  );
}
