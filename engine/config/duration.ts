import { read, refuse, type Reading } from "./reading.ts";

const secondsPerDay = 86_400;
/** Calendar units have no fixed length, a validity period must: a year counts 365 days and a month 30. */
const unitSeconds = {
  years: 365 * secondsPerDay,
  months: 30 * secondsPerDay,
  weeks: 7 * secondsPerDay,
  days: secondsPerDay,
  hours: 3600,
  minutes: 60,
} as const;

/** Longer than any regulation or law asks for, and far inside what clocks and intervals hold. */
const secondsMax = 200 * unitSeconds.years;

const pattern =
  /^P(?=.)(?:(?<years>\d+)Y)?(?:(?<months>\d+)M)?(?:(?<weeks>\d+)W)?(?:(?<days>\d+)D)?(?:T(?=.)(?:(?<hours>\d+)H)?(?:(?<minutes>\d+)M)?(?:(?<seconds>\d+(?:\.\d{1,3})?)S)?)?$/;

/**
 * Reads an ISO 8601 duration (`PT24H`, `P1Y`, `P1M`, `PT0.5S`) as seconds. Whole numbers only, except thousandths of a
 * second. Zero is read; whether it makes sense is the caller's question.
 */
export function parseDuration(text: string): Reading<number> {
  const groups = text.length > 64 ? undefined : pattern.exec(text)?.groups;
  if (groups === undefined) return refuse("DB-CFG-030");
  let seconds = Number(groups["seconds"] ?? 0);
  for (const [unit, length] of Object.entries(unitSeconds)) seconds += Number(groups[unit] ?? 0) * length;
  if (seconds > secondsMax) return refuse("DB-CFG-030", { cause: "the duration is longer than 200 years" });
  return read(seconds);
}
