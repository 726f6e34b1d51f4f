// Exact numbers as the text a database prints: compared digit by digit, so that neither 19 nor 131,072 digits lose
// anything or cost more than one look at each.

/** Where the parts of a number lie in its text. Made once per constant; one scratch object serves all row values. */
export interface DecimalParts {
  bytes: Buffer;
  /** -2 minus infinity · -1 negative · 0 zero · 1 positive · 2 infinity · 3 NaN, which PostgreSQL puts last and equal to itself. */
  rank: number;
  /** Integer digits without leading zeros: from `start` to `point`. */
  start: number;
  point: number;
  /** Fraction digits without trailing zeros: from `fraction` to `end`. */
  fraction: number;
  end: number;
}

const minus = 45;
const plus = 43;
const dot = 46;
const zero = 48;
const nine = 57;

/** An empty set of parts, to be filled by scanDecimal. */
export function decimalParts(): DecimalParts {
  return { bytes: Buffer.alloc(0), rank: 0, start: 0, point: 0, fraction: 0, end: 0 };
}

/** Finds the parts of `-12.50`, `NaN` or `Infinity`. False when the text is none of these; exponents are never printed. */
export function scanDecimal(bytes: Buffer, parts: DecimalParts): boolean {
  const length = bytes.length;
  const first = bytes[0];
  const negative = first === minus;
  let at = negative || first === plus ? 1 : 0;
  parts.bytes = bytes;
  if (!isDigit(bytes[at]) && bytes[at] !== dot) return scanSpecial(bytes, parts);
  const digits = at;
  while (bytes[at] === zero) at += 1;
  parts.start = at;
  while (isDigit(bytes[at])) at += 1;
  parts.point = at;
  let digitCount = at - digits;
  parts.fraction = at;
  parts.end = at;
  if (bytes[at] === dot) {
    at += 1;
    parts.fraction = at;
    while (isDigit(bytes[at])) at += 1;
    digitCount += at - parts.fraction;
    let end = at;
    while (end > parts.fraction && bytes[end - 1] === zero) end -= 1;
    parts.end = end;
  }
  if (at !== length || digitCount === 0) return false;
  const isZero = parts.start === parts.point && parts.fraction === parts.end;
  parts.rank = isZero ? 0 : negative ? -1 : 1;
  return true;
}

/** Negative, zero or positive, as the database orders the two numbers. */
export function compareDecimals(a: DecimalParts, b: DecimalParts): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  if (a.rank !== 1 && a.rank !== -1) return 0;
  return a.rank * compareMagnitudes(a, b);
}

/** The same text for equal numbers: no sign of zero, no leading or trailing zeros. */
export function decimalKey(parts: DecimalParts): string {
  const { bytes, rank, start, point, fraction, end } = parts;
  if (rank === 0) return "0";
  if (rank < -1 || rank > 1) return rank === 3 ? "NaN" : rank === 2 ? "Infinity" : "-Infinity";
  const canonicalStart = rank < 0 ? start === 1 : start === 0;
  const canonicalEnd = end === bytes.length && (point === end || fraction < end);
  if (canonicalStart && canonicalEnd && start < point) return bytes.toString("latin1");
  const digits = start === point ? "0" : bytes.toString("latin1", start, point);
  const tail = fraction === end ? "" : `.${bytes.toString("latin1", fraction, end)}`;
  return `${rank < 0 ? "-" : ""}${digits}${tail}`;
}

function compareMagnitudes(a: DecimalParts, b: DecimalParts): number {
  const longer = a.point - a.start - (b.point - b.start);
  if (longer !== 0) return longer;
  for (let left = a.start, right = b.start; left < a.point; left += 1, right += 1) {
    const difference = (a.bytes[left] ?? 0) - (b.bytes[right] ?? 0);
    if (difference !== 0) return difference;
  }
  const shared = Math.min(a.end - a.fraction, b.end - b.fraction);
  for (let index = 0; index < shared; index += 1) {
    const difference = (a.bytes[a.fraction + index] ?? 0) - (b.bytes[b.fraction + index] ?? 0);
    if (difference !== 0) return difference;
  }
  // Without trailing zeros the longer fraction is the greater one.
  return a.end - a.fraction - (b.end - b.fraction);
}

function scanSpecial(bytes: Buffer, parts: DecimalParts): boolean {
  const text = bytes.length > 9 ? "" : bytes.toString("latin1");
  parts.rank = text === "NaN" ? 3 : text === "Infinity" ? 2 : -2;
  return parts.rank > 0 || text === "-Infinity";
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= nine;
}
