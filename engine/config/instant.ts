import { read, refuse, type Reading } from "./reading.ts";

/** Vietnam's time, all year round: what a date in an agreement means when it names no zone. */
const homeOffset = "+07:00";

const pattern = /^(?<date>\d{4}-\d{2}-\d{2})(?:[T ](?<time>\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(?<zone>Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Reads a date or date-time. A bare date is its first instant; where no zone is written the time is Vietnam's (UTC+7),
 * because that is what an agreement between Vietnamese agencies means.
 */
export function parseInstant(text: string): Reading<Date> {
  const groups = pattern.exec(text)?.groups;
  const day = groups?.["date"];
  if (groups === undefined || day === undefined) return refuse("DB-CFG-032");
  // Date takes the 31st of a short month for the 1st of the next; only a day that comes back unchanged exists.
  const midnight = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== day || day < "0001") {
    return refuse("DB-CFG-032", { cause: "there is no such day" });
  }
  const instant = new Date(`${day}T${groups["time"] ?? "00:00"}${groups["zone"] ?? homeOffset}`);
  if (Number.isNaN(instant.getTime()) || groups["time"]?.startsWith("24") === true) {
    return refuse("DB-CFG-032", { cause: "there is no such time of day" });
  }
  return read(instant);
}
