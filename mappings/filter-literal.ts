// The constants of filters as people write them. Only such ways of writing are accepted that every reader, the database
// included, takes for the same value: no `today`, no `1/2/2025`, no fraction that would be rounded.
import { assert } from "../engine/model/assert.ts";
import type { ColumnType } from "../engine/model/table.ts";
import { daysFromCivil, dayMicros, readMoment, readTimeOfDay } from "./date-text.ts";
import { decimalKey, decimalParts, scanDecimal } from "./decimal-text.ts";
import { momentKey, textKey } from "./filter-value.ts";

/** The key that filter-value.ts gives to equal values of such a column; null when the text is no value of its type. */
export function literalKey(type: ColumnType, text: string): string | null {
  switch (type.category) {
    case "integer":
      return integerKey(type, text);
    case "decimal":
      return decimalLiteral(text);
    case "boolean":
      return booleanLiteral(text);
    case "text":
    case "enum":
      return textLiteral(text);
    case "padded":
      return textLiteral(text.replace(/ +$/, ""));
    case "date":
      return momentLiteral(text, datePattern, lastDate);
    case "timestamp":
      return momentLiteral(text, timestampPattern, lastInstant);
    case "instant":
      return momentLiteral(text, instantPattern, lastInstant);
    case "time":
      return timeLiteral(text);
    case "uuid":
      return uuidLiteral(text);
    default:
      return null;
  }
}

/** How a value of such a column is written in a filter, for messages. */
export function literalForm(type: ColumnType): string {
  switch (type.category) {
    case "integer": {
      const [least, greatest] = integerBounds(type);
      return `a whole number from ${least} to ${greatest}`;
    }
    case "decimal":
      return "a number such as 12.50, or NaN, Infinity, -Infinity; at most 131072 digits before the point and 16383 after it";
    case "boolean":
      return "true or false";
    case "date":
      return "a date such as 2025-12-31 or 0044-03-15 BC, or infinity, -infinity; from 4714-11-24 BC to 5874897-12-31";
    case "timestamp":
      return "2025-12-31 23:59:59.999999 without a zone, or infinity, -infinity; up to 294276-12-31";
    case "instant":
      return "2025-12-31 23:59:59.999999+07 with its zone, or infinity, -infinity; up to 294276-12-31";
    case "time":
      return "a time of day such as 23:59:59.999999, up to 24:00:00";
    case "uuid":
      return "a UUID such as 0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e";
    default:
      return "text without NUL characters and lone surrogates";
  }
}

/** Least and greatest value of an integer column; a domain is as wide as the type under it. */
function integerBounds(type: ColumnType): readonly [bigint, bigint] {
  if (type.family === "mysql") return mysqlBounds(type);
  const bits = type.bare.endsWith("int2") ? 16 : type.bare.endsWith("int4") ? 32 : 64;
  const limit = 2n ** BigInt(bits - 1);
  return [-limit, limit - 1n];
}

const mysqlBits: Readonly<Record<string, number>> = { tinyint: 8, smallint: 16, mediumint: 24, int: 32, bigint: 64 };

function mysqlBounds({ bare, declaration }: ColumnType): readonly [bigint, bigint] {
  if (bare === "year") return [0n, 2155n];
  const bits = BigInt(mysqlBits[bare] ?? 64);
  if (/ (?:unsigned|zerofill)\b/.test(declaration)) return [0n, 2n ** bits - 1n];
  return [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
}

function integerKey(type: ColumnType, text: string): string | null {
  // Longer than any bound with its sign and some leading zeros; keeps BigInt from reading a novel.
  if (!/^[+-]?\d{1,40}$/.test(text)) return null;
  const value = BigInt(text.replace("+", ""));
  const [least, greatest] = integerBounds(type);
  return value >= least && value <= greatest ? value.toString() : null;
}

const decimalPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,7}))?$/i;
const integerDigitsMax = 131_072;
const fractionDigitsMax = 16_383;

function decimalLiteral(text: string): string | null {
  if (/^nan$/i.test(text)) return "NaN";
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? "-Infinity" : "Infinity";
  if (text.length > integerDigitsMax + fractionDigitsMax + 16) return null;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = decimalPattern.exec(text) ?? [];
  if (whole === "" && fraction === "") return null;
  const shift = Number(exponent);
  if (Math.abs(shift) > integerDigitsMax || fraction.length - shift > fractionDigitsMax) return null;
  const digits = `${whole}${fraction}`;
  const point = whole.length + shift;
  const padded = point < 0 ? "0".repeat(-point) + digits : digits.padEnd(point, "0");
  const split = Math.max(point, 0);
  if (padded.slice(0, split).replace(/^0+/, "").length > integerDigitsMax) return null;
  const parts = decimalParts();
  const plain = `${sign}${padded.slice(0, split)}.${padded.slice(split)}`;
  assert(scanDecimal(Buffer.from(plain, "latin1"), parts), "a number without exponent can be read");
  return decimalKey(parts);
}

function booleanLiteral(text: string): string | null {
  if (/^(?:true|t|yes|y|on|1)$/i.test(text)) return "t";
  return /^(?:false|f|no|n|off|0)$/i.test(text) ? "f" : null;
}

function textLiteral(text: string): string | null {
  return /[\0\p{Surrogate}]/u.test(text) ? null : textKey(text);
}

const date = String.raw`(?<year>\d{4}|[1-9]\d{4,6})-(?<month>\d\d)-(?<day>\d\d)`;
const clock = String.raw`(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?`;
const zone = String.raw`(?:Z|[+-](?:0\d|1[0-5])(?::[0-5]\d)?)`;
const datePattern = new RegExp(`^${date}(?<bc> BC)?$`);
const timestampPattern = new RegExp(`^${date}(?:[ T]${clock})?(?<bc> BC)?$`);
const instantPattern = new RegExp(`^${date}[ T]${clock}${zone}(?<bc> BC)?$`);
const timePattern = new RegExp(`^(?:${clock}|24:00(?::00(?:\\.0{1,6})?)?)$`);

const firstDay = daysFromCivil(-4713, 11, 24);
const lastDate = daysFromCivil(5_874_897, 12, 31);
const lastInstant = daysFromCivil(294_276, 12, 31);

function momentLiteral(text: string, pattern: RegExp, lastDay: number): string | null {
  const moment = { day: 0, micros: 0 };
  const infinite = /^-?infinity$/i.test(text);
  const fields = pattern.exec(text)?.groups;
  if (!infinite && (fields === undefined || !isCalendarDate(fields))) return null;
  if (!readMoment(Buffer.from(infinite ? text.toLowerCase() : text, "latin1"), moment)) return null;
  if (!infinite && (moment.day < firstDay || moment.day > lastDay)) return null;
  return momentKey(moment);
}

function isCalendarDate(fields: Record<string, string | undefined>): boolean {
  const written = Number(fields["year"]);
  if (written === 0) return false;
  const year = fields["bc"] === undefined ? written : 1 - written;
  const month = Number(fields["month"]);
  const day = Number(fields["day"]);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day >= 1 && day <= (lengths[month - 1] ?? 0);
}

function timeLiteral(text: string): string | null {
  if (!timePattern.test(text)) return null;
  const micros = readTimeOfDay(Buffer.from(text, "latin1"));
  assert(micros <= dayMicros, "a time of day lies within the day");
  return String(micros);
}

function uuidLiteral(text: string): string | null {
  if (!/^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(text)) return null;
  const digits = text.replaceAll("-", "").toLowerCase();
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
