// Which values' text forms are, as bytes, what encode-value.ts makes of them: of such no strings have to be made. What is not
// certain at a glance is left to that.
import type { ColumnType } from "../../../engine/model/table.ts";
import { readDeclaration } from "../../../engine/model/type-declaration.ts";

/** The place up to which the text in `bytes[start, end)` is what is bound for the value; -1: it must be encoded. */
export type Verbatim = (bytes: Buffer, start: number, end: number) => number;

/** Made once for a column. `source`: what the value's text is a value of; `declaration`: the column's type in the target. */
export function verbatimOf(source: ColumnType, declaration: string): Verbatim {
  const { name, numbers } = readDeclaration(declaration);
  const [first = 0, second = 0] = numbers;
  switch (name.split(" ")[0]) {
    case "tinyint":
    case "smallint":
    case "mediumint":
    case "int":
    case "integer":
    case "bigint":
      if (source.category === "boolean") return never;
      return / (?:unsigned|zerofill)\b/.test(name) ? natural : integer;
    case "decimal":
    case "numeric":
      return numbers.length > 0 ? decimal(first - second, second) : never;
    case "char":
    case "character":
    case "varchar":
    case "tinytext":
    case "text":
    case "mediumtext":
    case "longtext":
      return source.bare.endsWith("]") || source.category === "padded" ? never : unblanked;
    case "enum":
    case "set":
    case "uuid":
    case "inet4":
    case "inet6":
      return always;
    case "date":
      return date;
    case "datetime":
    case "timestamp":
      return dateTime(first);
    default:
      return never;
  }
}

const never: Verbatim = () => -1;
const always: Verbatim = (_bytes, _start, end) => end;

const [blank, plus, minus, point, zero, nine, colon] = [0x20, 0x2b, 0x2d, 0x2e, 0x30, 0x39, 0x3a];
/** Numbers with fewer characters are within 64 bits. */
const charactersWithin = 19;

const natural: Verbatim = (bytes, start, end) =>
  end > start && end - start < charactersWithin && digitsEnd(bytes, start, end) === end ? end : -1;

const integer: Verbatim = (bytes, start, end) => natural(bytes, bytes[start] === minus ? start + 1 : start, end);

function decimal(digitsBefore: number, digitsAfter: number): Verbatim {
  return (bytes, start, end) => {
    const first = bytes[start] === minus ? start + 1 : start;
    const pointAt = digitsEnd(bytes, first, end);
    if (pointAt === first || pointAt - first > digitsBefore) return -1;
    if (pointAt === end) return end;
    if (bytes[pointAt] !== point || end - pointAt - 1 > digitsAfter) return -1;
    return pointAt + 1 < end && digitsEnd(bytes, pointAt + 1, end) === end ? end : -1;
  };
}

const unblanked: Verbatim = (bytes, start, end) => (end > start && bytes[end - 1] === blank ? -1 : end);

const dayBytes = 10;
const secondBytes = 19;

const date: Verbatim = (bytes, start, end) => (end - start === dayBytes && isDay(bytes, start) ? end : -1);

/** An instant's text is in UTC, as the session is. */
function dateTime(fractionDigits: number): Verbatim {
  return (bytes, start, end) => {
    const stop = bytes[end - 3] === plus && bytes[end - 2] === zero && bytes[end - 1] === zero ? end - 3 : end;
    if (stop - start < secondBytes || !isDay(bytes, start) || bytes[start + dayBytes] !== blank) return -1;
    if (!isTime(bytes, start + dayBytes + 1)) return -1;
    const pointAt = start + secondBytes;
    if (stop === pointAt) return stop;
    const digits = stop - pointAt - 1;
    return bytes[pointAt] === point && digits > 0 && digits <= fractionDigits && digitsEnd(bytes, pointAt + 1, stop) === stop ? stop : -1;
  };
}

function isDay(bytes: Buffer, start: number): boolean {
  return (
    areDigits(bytes, start, 4) &&
    bytes[start + 4] === minus &&
    areDigits(bytes, start + 5, 2) &&
    bytes[start + 7] === minus &&
    areDigits(bytes, start + 8, 2)
  );
}

function isTime(bytes: Buffer, start: number): boolean {
  return (
    areDigits(bytes, start, 2) &&
    bytes[start + 2] === colon &&
    areDigits(bytes, start + 3, 2) &&
    bytes[start + 5] === colon &&
    areDigits(bytes, start + 6, 2)
  );
}

function areDigits(bytes: Buffer, start: number, count: number): boolean {
  return digitsEnd(bytes, start, start + count) === start + count;
}

/** The place of the first byte that is no digit. */
function digitsEnd(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] as number) >= zero && (bytes[at] as number) <= nine) at += 1;
  return at;
}
