// Dates and times from the text that PostgreSQL prints to the forms of Debezium's temporal types.
// https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-temporal-types
import { ValueRefused } from "./value-refused.ts";

interface Moment {
  /** Of the proleptic Gregorian calendar; 0 is 1 BC. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** `23:59:59.000001`, as printed; empty for a date. */
  readonly clock: string;
}

const momentForm = /^(\d{4,7})-(\d\d)-(\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d{1,6})?))?(\+00)?( BC)?$/;
const dayMicros = 86_400_000_000n;

/** `io.debezium.time.Date`: days since 1970-01-01. */
export function epochDays(text: string): number {
  const moment = readMoment(text);
  if (moment.clock !== "") throw new ValueRefused("a date with a time of day");
  return daysOf(moment);
}

/** `io.debezium.time.MicroTimestamp`: microseconds since 1970-01-01T00:00:00, without zone. */
export function epochMicros(text: string): bigint {
  const moment = readMoment(text);
  const micros = BigInt(daysOf(moment)) * dayMicros + dayTime(moment.clock);
  if (BigInt.asIntN(64, micros) !== micros) throw new ValueRefused("a timestamp beyond 64 bits");
  return micros;
}

/** `io.debezium.time.ZonedTimestamp`: `2024-02-29T23:59:59.000001Z`; years beyond four digits carry a sign. */
export function zonedTimestamp(text: string): string {
  const { year, month, day, clock } = readMoment(text);
  const digits = String(Math.abs(year)).padStart(4, "0");
  const sign = year < 0 ? "-" : year > 9999 ? "+" : "";
  return `${sign}${digits}-${two(month)}-${two(day)}T${clock === "" ? "00:00:00" : clock}Z`;
}

/** `io.debezium.time.MicroTime`: microseconds since midnight; 24:00:00 is a day's worth. */
export function microTime(text: string): bigint {
  const micros = dayTime(text);
  if (micros > dayMicros) throw new ValueRefused("a time of more than a day");
  return micros;
}

/** `io.debezium.time.Interval`: `P1Y2M3DT4H5M6.789S`, each part with its own sign. */
export function isoInterval(text: string): string {
  const [found, years = "0", months = "0", days = "0", sign = "", hours = "0", minutes = "0", seconds = "0"] =
    /^(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?(?:([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?))?$/.exec(text) ?? [];
  if (found === undefined || text === "") throw new ValueRefused("an interval of that form");
  const minus = sign === "-" ? "-" : "";
  const second = seconds.replace(/^0(?=\d)/, "");
  return `P${plain(years)}Y${plain(months)}M${plain(days)}DT${minus}${plain(hours)}H${minus}${plain(minutes)}M${minus}${second}S`;
}

function plain(number: string): string {
  return String(BigInt(number.replace("+", "")));
}

function readMoment(text: string): Moment {
  if (text === "infinity" || text === "-infinity") throw new ValueRefused("infinity");
  const [, years, months, days, clock = "", , beforeChrist] = momentForm.exec(text) ?? [];
  const year = beforeChrist === undefined ? Number(years) : 1 - Number(years);
  const [month, day] = [Number(months), Number(days)];
  // MySQL holds dates that no calendar has.
  if (years === undefined || month < 1 || month > 12 || day < 1 || day > daysIn(year, month))
    throw new ValueRefused("a date that no calendar has");
  return { year, month, day, clock };
}

function dayTime(clock: string): bigint {
  if (clock === "") return 0n;
  const [, hours, minutes, seconds, fraction = ""] = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(clock) ?? [];
  if (hours === undefined) throw new ValueRefused("a time of that form");
  const whole = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
}

/** Days from 1970-01-01. Years that begin in March put the leap day at the end, so that the months' lengths follow one line. */
function daysOf({ year, month, day }: Moment): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
