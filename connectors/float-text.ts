// Floating-point numbers as PostgreSQL prints them (extra_float_digits 1): the fewest digits that lie between the middles to both neighbours.
// The middles themselves do not count (common/d2s.c, STRICTLY_SHORTEST), as they do in JavaScript where the number is even.

interface Format {
  readonly fractionBits: number;
  /** Exponent of the least distance between two numbers. */
  readonly exponentMin: number;
}

const double: Format = { fractionBits: 52, exponentMin: -1074 };
const single: Format = { fractionBits: 23, exponentMin: -149 };

/** From here on there are no fractions. Below, a middle has 18 digits at least, so that JavaScript never prints one. */
const wholeMin = 2 ** 52;

/** An exponent from 1e+15 on and below 0.0001. */
export function doubleText(value: number): string {
  return printFloat(value, Math.abs(value) < wholeMin ? value.toExponential() : shortest(value, double), 15);
}

/** Of a single; whatever lies between singles is rounded. An exponent from 1e+06 on and below 0.0001. */
export function floatText(value: number): string {
  const rounded = Math.fround(value);
  return printFloat(rounded, shortest(rounded, single), 6);
}

/** The digits to print, in scientific notation. */
function shortest(value: number, { fractionBits, exponentMin }: Format): string {
  const magnitude = Math.abs(value);
  if (magnitude === 0 || !Number.isFinite(magnitude)) return "";
  const spacing = Math.max(exponentMin, binaryExponent(magnitude) - fractionBits);
  const steps = BigInt(magnitude / 2 ** spacing);
  // The neighbour below a power of two is half as far.
  const isNarrow = steps === 1n << BigInt(fractionBits) && spacing > exponentMin;
  // In quarters of the distance, so that the middles are whole numbers.
  const shift = BigInt(Math.abs(spacing - 2));
  const scale = spacing < 2 ? 1n : 1n << shift;
  const one = spacing < 2 ? 1n << shift : 1n;
  const exact = steps * 4n * scale;
  const bounds = { low: exact - (isNarrow ? 1n : 2n) * scale, high: exact + 2n * scale };
  for (let power = Math.floor(Math.log10(magnitude)) + 1; ; power -= 1) {
    const digits = digitsBetween(
      exact,
      bounds,
      power < 0 ? { times: 10n ** BigInt(-power), unit: one } : { times: 1n, unit: one * 10n ** BigInt(power) },
    );
    if (digits === null) continue;
    const text = String(digits);
    return `${value < 0 ? "-" : ""}${text.slice(0, 1)}.${text.slice(1)}e${text.length - 1 + power}`;
  }
}

/** The multiple of `unit` nearest to a number, all that is given taken so many times; the even one of two that are as near. Null: none lies within. */
function digitsBetween(
  exact: bigint,
  { low, high }: { readonly low: bigint; readonly high: bigint },
  { times, unit }: { readonly times: bigint; readonly unit: bigint },
): bigint | null {
  const below = (exact * times) / unit;
  const above = below + 1n;
  const isBelow = below * unit > low * times;
  const isAbove = above * unit < high * times;
  if (!isBelow || !isAbove) return isBelow ? below : isAbove ? above : null;
  const rest = 2n * (exact * times - below * unit);
  if (rest === unit) return below % 2n === 0n ? below : above;
  return rest < unit ? below : above;
}

/** Of the highest bit. */
function binaryExponent(magnitude: number): number {
  // Logarithms are rounded.
  const near = Math.floor(Math.log2(magnitude));
  if (2 ** near > magnitude) return near - 1;
  return 2 ** (near + 1) <= magnitude ? near + 1 : near;
}

/** `scientific`: the digits to print, as Number.toExponential writes them. Exponents of `fixedMax` and more are written out. */
function printFloat(value: number, scientific: string, fixedMax: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  if (!Number.isFinite(value)) return String(value);
  const [mantissa = "", power = ""] = scientific.split("e");
  const exponent = Number(power);
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "").replace(/(?<=.)0+$/, "");
  if (exponent < -4 || exponent >= fixedMax) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${sign}${digits.slice(0, 1)}${fraction}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return `${sign}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}
