// How the values of a column compare, from the text bytes that the source prints. Keys are equal exactly when the source
// says the values are equal, and comparators order exactly as it does.
import type { ValueCategory } from "../engine/model/table.ts";
import { dayMicros, readMoment, readTimeOfDay, type Moment } from "./date-text.ts";
import { compareDecimals, decimalKey, decimalParts, scanDecimal } from "./decimal-text.ts";

/** What filters know of the values of one category. */
export interface ValueKind {
  /**
   * The value's key, for look-ups; null when the bytes are not such a value. A value that is longer than `longest`, the
   * longest key it is looked up among, may answer with any key that none of them equals.
   */
  key(value: Buffer, longest: number): string | null;
  /** Compares values with the one that has this key: negative, 0, positive, or NaN when the bytes are not such a value. */
  comparator(key: string): (value: Buffer) => number;
}

/** Null: values of the category cannot be compared exactly, only be NULL or not. */
export function valueKind(category: ValueCategory): ValueKind | null {
  return kinds[category];
}

/** The key of a text constant: its UTF-8 bytes, one character each. */
export function textKey(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** Key characters are single bytes, so this one equals none. */
const matchesNothing = "\u0100";

/** Length without trailing blanks, which mean nothing in char(n). */
export function unpaddedLength(value: Buffer): number {
  let length = value.length;
  while (length > 0 && value[length - 1] === 32) length -= 1;
  return length;
}

/** Orders the first `length` bytes of a value against a constant, as memcmp does. */
function compareBytes(value: Buffer, length: number, constant: Buffer): number {
  // A loop is faster than the call into the runtime as long as the first bytes tell, and they mostly do.
  const near = Math.min(length, constant.length, 24);
  for (let index = 0; index < near; index += 1) {
    const difference = (value[index] ?? 0) - (constant[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (near < 24) return length - constant.length;
  return value.compare(constant, 0, constant.length, 0, length);
}

const text: ValueKind = {
  key: (value, longest) => (value.length > longest ? matchesNothing : value.toString("latin1")),
  comparator(key) {
    const constant = Buffer.from(key, "latin1");
    return (value) => compareBytes(value, value.length, constant);
  },
};

const padded: ValueKind = {
  key(value, longest) {
    const length = unpaddedLength(value);
    return length > longest ? matchesNothing : value.toString("latin1", 0, length);
  },
  comparator(key) {
    const constant = Buffer.from(key, "latin1");
    return (value) => compareBytes(value, unpaddedLength(value), constant);
  },
};

const scratchNumber = decimalParts();

const decimal: ValueKind = {
  key: (value) => (scanDecimal(value, scratchNumber) ? decimalKey(scratchNumber) : null),
  comparator(key) {
    const constant = decimalParts();
    scanDecimal(Buffer.from(key, "latin1"), constant);
    return (value) => (scanDecimal(value, scratchNumber) ? compareDecimals(scratchNumber, constant) : Number.NaN);
  },
};

const boolean: ValueKind = {
  key: (value) => (value.length === 1 && (value[0] === 116 || value[0] === 102) ? value.toString("latin1") : null),
  comparator(key) {
    const constant = key.charCodeAt(0);
    return (value) => (boolean.key(value, 1) === null ? Number.NaN : (value[0] ?? 0) - constant);
  },
};

const scratchMoment: Moment = { day: 0, micros: 0 };

const moment: ValueKind = {
  key: (value) => (readMoment(value, scratchMoment) ? momentKey(scratchMoment) : null),
  comparator(key) {
    const [day, micros] = key.split("|").map(Number);
    return (value) => {
      if (!readMoment(value, scratchMoment)) return Number.NaN;
      // Equal days first: infinity less infinity is no number.
      if (scratchMoment.day === day) return scratchMoment.micros - (micros ?? 0);
      return scratchMoment.day - (day ?? 0);
    };
  },
};

const timeOfDay: ValueKind = {
  key(value) {
    const micros = readTimeOfDay(value);
    return micros <= dayMicros ? String(micros) : null;
  },
  comparator(key) {
    const constant = Number(key);
    return (value) => readTimeOfDay(value) - constant;
  },
};

const uuid: ValueKind = {
  key: (value) => (value.length === 36 ? value.toString("latin1") : null),
  comparator(key) {
    const constant = Buffer.from(key, "latin1");
    return (value) => (value.length === 36 ? compareBytes(value, 36, constant) : Number.NaN);
  },
};

/** The key of a moment: equal for equal instants, however they were written. */
export function momentKey(value: Moment): string {
  return `${value.day}|${value.micros}`;
}

const kinds: Readonly<Record<ValueCategory, ValueKind | null>> = {
  integer: decimal,
  decimal,
  float: null,
  boolean,
  text,
  padded,
  date: moment,
  time: timeOfDay,
  timestamp: moment,
  instant: moment,
  uuid,
  enum: text,
  bytes: null,
  other: null,
};
