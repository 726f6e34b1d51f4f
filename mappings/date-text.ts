// Dates and times as the text a database prints in ISO style, turned into numbers that order as the instants do. A
// microsecond count since 4714 BC does not fit a double, so an instant is a day and the microseconds of that day.

/** Days since 1970-01-01 in the proleptic Gregorian calendar (±Infinity for `infinity`), and microseconds into that day. */
export interface Moment {
  day: number;
  micros: number;
}

export const dayMicros = 86_400_000_000;

const minus = 45;
const plus = 43;
const colon = 58;
const dot = 46;
const space = 32;
const letterB = 66;
const letterC = 67;
const letterT = 84;
const letterZ = 90;

/** Reads forward through a text's bytes. One instance serves all: reading a value allocates nothing. */
class Cursor {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  start(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#at = 0;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** True, and past it, when the next byte is this one. */
  take(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }

  follows(byte: number, distance: number): boolean {
    return this.#bytes[this.#at + distance] === byte;
  }

  /** The number that the next digits are; NaN when there is no digit. */
  number(): number {
    let value = Number.NaN;
    for (;;) {
      const digit = (this.#bytes[this.#at] ?? 0) - 48;
      if (digit < 0 || digit > 9) return value;
      value = Number.isNaN(value) ? digit : value * 10 + digit;
      this.#at += 1;
    }
  }

  /** Up to six digits as a fraction of a second, in microseconds. */
  fraction(): number {
    const from = this.#at;
    let value = this.number();
    const digits = this.#at - from;
    if (digits > 6) return Number.NaN;
    for (let index = digits; index < 6; index += 1) value *= 10;
    return value;
  }
}

const cursor = new Cursor();

/**
 * Reads `2024-02-29`, `0044-03-15 BC`, `2024-02-29 23:59:59.000001+00`, `-infinity`. An offset is taken off, so that the
 * moment is UTC. False when the text is none of these; the moment then means nothing.
 */
export function readMoment(bytes: Buffer, moment: Moment): boolean {
  if (bytes.length <= 9 && readInfinity(bytes, moment)) return true;
  cursor.start(bytes);
  const year = cursor.number();
  const dashed = cursor.take(minus);
  const month = cursor.number();
  const dashedTwice = cursor.take(minus);
  const date = cursor.number();
  if (!dashed || !dashedTwice) return false;
  const separated = !cursor.follows(letterB, 1) && (cursor.take(space) || cursor.take(letterT));
  const micros = separated ? readClock() : 0;
  const offset = separated ? readOffset() : 0;
  const beforeChrist = cursor.follows(letterB, 1) && cursor.take(space) && cursor.take(letterB) && cursor.take(letterC);
  if (!cursor.ended) return false;
  const day = placeInCalendar(beforeChrist ? 1 - year : year, month, date);
  const total = micros - offset;
  const carried = Math.floor(total / dayMicros);
  moment.day = day + carried;
  moment.micros = total - carried * dayMicros;
  return !Number.isNaN(moment.day + moment.micros);
}

/**
 * The day of a date. One that no calendar has, as MySQL may hold (2024-00-00, 2024-05-00, 2024-02-30), lies between the days
 * around it, as it does there: its day is no whole number.
 */
function placeInCalendar(year: number, month: number, date: number): number {
  if (month === 0) return daysFromCivil(year, 1, 1) - 0.5;
  if (date === 0) return daysFromCivil(year, month, 1) - 0.5;
  const day = daysFromCivil(year, month, date);
  if (date <= 28) return day;
  const nextMonth = daysFromCivil(year, month + 1, 1);
  return day < nextMonth ? day : nextMonth - 0.5;
}

/** Microseconds since midnight of `23:59:59.999999` and up to `24:00:00`; NaN when the text is no time of day. */
export function readTimeOfDay(bytes: Buffer): number {
  cursor.start(bytes);
  const micros = readClock();
  return cursor.ended ? micros : Number.NaN;
}

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar; year 0 is 1 BC. */
export function daysFromCivil(year: number, month: number, day: number): number {
  // Years that begin in March put the leap day at the end, so that the months' lengths follow one line.
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}

function readInfinity(bytes: Buffer, moment: Moment): boolean {
  const text = bytes.toString("latin1");
  if (text !== "infinity" && text !== "-infinity") return false;
  moment.day = text === "infinity" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  moment.micros = 0;
  return true;
}

function readClock(): number {
  const hours = cursor.number();
  if (!cursor.take(colon)) return Number.NaN;
  const minutes = cursor.number();
  const seconds = cursor.take(colon) ? cursor.number() : 0;
  const fraction = cursor.take(dot) ? cursor.fraction() : 0;
  return (hours * 3600 + minutes * 60 + seconds) * 1_000_000 + fraction;
}

/** Microseconds that the zone is ahead of UTC; 0 when none is written. */
function readOffset(): number {
  if (cursor.take(letterZ)) return 0;
  const sign = cursor.take(plus) ? 1 : cursor.take(minus) ? -1 : 0;
  if (sign === 0) return 0;
  const hours = cursor.number();
  const minutes = cursor.take(colon) ? cursor.number() : 0;
  const seconds = cursor.take(colon) ? cursor.number() : 0;
  return sign * (hours * 3600 + minutes * 60 + seconds) * 1_000_000;
}
