// A numeric in binary: groups of four decimal digits, and where the point is (numeric.c, numeric_send, get_str_from_var).

const groupDigits = 4;
const groupBytes = 2;
const headerBytes = 8;
const negative = 0x4000;
/** In place of a sign. */
const special: ReadonlyMap<number, Buffer> = new Map([
  [0xc000, Buffer.from("NaN")],
  [0xd000, Buffer.from("Infinity")],
  [0xf000, Buffer.from("-Infinity")],
]);

export function printNumeric(bytes: Buffer, from: number): Buffer {
  const groups = bytes.readUInt16BE(from);
  /** Groups before the point, less one; negative: the first groups behind the point are zero and left out. */
  const weight = bytes.readInt16BE(from + 2);
  const sign = bytes.readUInt16BE(from + 4);
  const scale = bytes.readUInt16BE(from + 6);
  const name = special.get(sign);
  if (name !== undefined) return name;
  const group = (place: number): string => {
    const digits = place < 0 || place >= groups ? 0 : bytes.readUInt16BE(from + headerBytes + groupBytes * place);
    return String(digits).padStart(groupDigits, "0");
  };
  let whole = "";
  for (let place = 0; place <= weight; place += 1) whole += group(place);
  let fraction = "";
  for (let place = weight + 1; fraction.length < scale; place += 1) fraction += group(place);
  const plain = whole.replace(/^0+/, "") || "0";
  return Buffer.from(`${sign === negative ? "-" : ""}${plain}${scale === 0 ? "" : `.${fraction.slice(0, scale)}`}`, "latin1");
}

const modifierOffset = 4;
const precisionBits = 16;
const scaleSign = 0x400;

/** Digits that a value of the type may have before and behind the point, by pg_attribute.atttypmod: precision, and 11 bits of scale, which may be negative. */
export function numericDigits(modifier: number): number {
  if (modifier < modifierOffset) return Infinity;
  const given = modifier - modifierOffset;
  const scale = ((given & (2 * scaleSign - 1)) ^ scaleSign) - scaleSign;
  return Math.max(1, (given >> precisionBits) - scale) + Math.max(0, scale);
}
