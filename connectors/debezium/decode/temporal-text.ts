// Dates and times as PostgreSQL prints them (DateStyle ISO, time zone UTC, IntervalStyle postgres) from numbers and ISO 8601 texts
// of the proleptic Gregorian calendar.
import { unreadable } from "./decode-failure.ts";

const microsOfDay = 86_400_000_000;
/** PostgreSQL's range (manual, table "Date/Time Types"): 4714-11-24 BC to 5874897-12-31, timestamps to 294276-12-31. */
const [firstDay, lastDay, lastTimestampDay] = [-2_440_588, 2_145_042_905, 106_762_939];

/** `days` since 1970-01-01. */
export function dateText(days: number): string {
  if (!(days >= firstDay && days <= lastDay)) throw unreadable("a date lies outside PostgreSQL's range");
  const { text, isBc } = civil(days);
  return isBc ? `${text} BC` : text;
}

/** `zone` is `+00` for instants, nothing for local times. */
export function timestampText(days: number, micros: number, zone: "" | "+00"): string {
  if (!(days >= firstDay && days <= lastTimestampDay)) throw unreadable("a timestamp lies outside PostgreSQL's range");
  const { text, isBc } = civil(days);
  return `${text} ${timeText(micros)}${zone}${isBc ? " BC" : ""}`;
}

/** A time of day, or a length of time: hours have at least two digits. */
export function timeText(micros: number): string {
  const sign = micros < 0 ? "-" : "";
  const whole = Math.abs(micros);
  const seconds = Math.floor(whole / 1_000_000);
  const fraction = whole % 1_000_000;
  const clock = `${sign}${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return fraction === 0 ? clock : `${clock}.${String(fraction).padStart(6, "0").replace(/0+$/, "")}`;
}

/** Splits a time since 1970-01-01 into days and what is left of the day, in its own units. */
export function splitDay(time: number | bigint, unitsOfDay: number): { days: number; rest: number } {
  if (typeof time === "number") {
    const days = Math.floor(time / unitsOfDay);
    return { days, rest: time - days * unitsOfDay };
  }
  const day = BigInt(unitsOfDay);
  const rest = ((time % day) + day) % day;
  return { days: Number((time - rest) / day), rest: Number(rest) };
}

/** Howard Hinnant's "civil_from_days": eras of 400 years that begin on March 1st. */
function civil(days: number): { text: string; isBc: boolean } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const isBc = year <= 0;
  return { text: `${String(isBc ? 1 - year : year).padStart(4, "0")}-${two(month)}-${two(day)}`, isBc };
}

function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}

const isoDate = String.raw`([+-]?\d{4,9})-(\d\d)-(\d\d)`;
const isoTime = String.raw`(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?`;
const isoZone = String.raw`(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?`;
const dateForm = new RegExp(`^${isoDate}${isoZone}$`);
const timestampForm = new RegExp(`^${isoDate}T${isoTime}${isoZone}$`);
const timeForm = new RegExp(`^${isoTime}${isoZone}$`);

/** Days since 1970-01-01 of `+12026-01-02Z`; the zone says nothing of a date. */
export function parseIsoDate(text: string): number {
  const [, year, month, day] = dateForm.exec(text) ?? bad("a date");
  return daysOf(Number(year), Number(month), Number(day));
}

/** A time since 1970-01-01T00:00:00Z. `nanos`: of the second, below its microseconds; what PostgreSQL's types do not hold. */
export function parseIsoTimestamp(text: string): { days: number; micros: number; nanos: number } {
  const [, year, month, day, hour, minute, second, fraction, zone] = timestampForm.exec(text) ?? bad("a timestamp");
  const time = clock(hour, minute, second, fraction);
  const micros = time.micros - offsetSeconds(zone) * 1_000_000;
  const dayShift = Math.floor(micros / microsOfDay);
  return {
    days: daysOf(Number(year), Number(month), Number(day)) + dayShift,
    micros: micros - dayShift * microsOfDay,
    nanos: time.nanos,
  };
}

/** A time of day as written; a zone other than `Z` is none of a local time. */
export function parseIsoTime(text: string): { micros: number; nanos: number } {
  const [, hour, minute, second, fraction, zone] = timeForm.exec(text) ?? bad("a time");
  if (zone !== undefined && zone !== "Z") bad("a time");
  return clock(hour, minute, second, fraction);
}

function clock(hour = "0", minute = "0", second = "0", fraction = ""): { micros: number; nanos: number } {
  const nanos = Number(fraction.padEnd(9, "0"));
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  return { micros: seconds * 1_000_000 + Math.floor(nanos / 1000), nanos: nanos % 1000 };
}

function offsetSeconds(zone: string | undefined): number {
  if (zone === undefined || zone === "Z") return 0;
  const [hours = "0", minutes = "0", seconds = "0"] = zone.slice(1).replaceAll(":", "").match(/../g) ?? [];
  const size = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return zone.startsWith("-") ? -size : size;
}

function bad(what: string): never {
  throw unreadable(`${what} is not written as ISO 8601 has it`);
}
