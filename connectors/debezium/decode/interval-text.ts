// Intervals as PostgreSQL prints them under IntervalStyle postgres, from io.debezium.time.Interval (ISO 8601 with a sign at each number).
import { unreadable } from "./decode-failure.ts";
import { timeText } from "./temporal-text.ts";

const number = String.raw`([+-]?\d{1,12})`;
const form = new RegExp(`^P${number}Y${number}M${number}DT${number}H${number}M([+-]?)(\\d{1,12})(?:\\.(\\d{1,9}))?S$`);

export function intervalText(iso: string): string {
  const match = form.exec(iso);
  if (match === null) throw unreadable("an interval is not written as P…Y…M…DT…H…M…S");
  const [years, months, days, hours, minutes] = match.slice(1, 6).map(Number) as [number, number, number, number, number];
  const [sign = "", seconds = "0", fraction = ""] = match.slice(6);
  if (/[1-9]/.test(fraction.slice(6))) throw unreadable("an interval is finer than a microsecond");
  const wholeSeconds = Number(seconds) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
  const micros = hours * 3_600_000_000 + minutes * 60_000_000 + (sign === "-" ? -wholeSeconds : wholeSeconds);
  if (!Number.isSafeInteger(micros)) throw unreadable("an interval is too long");
  return printInterval(years * 12 + months, days, micros);
}

/** What has a negative number before it shows its plus sign (server source, EncodeInterval). */
export function printInterval(months: number, days: number, micros: number): string {
  const parts: string[] = [];
  let isAfterNegative = false;
  const part = (value: number, unit: string): void => {
    if (value === 0) return;
    parts.push(`${isAfterNegative && value > 0 ? "+" : ""}${value} ${unit}${value === 1 ? "" : "s"}`);
    isAfterNegative = value < 0;
  };
  part(Math.trunc(months / 12), "year");
  part(months % 12, "mon");
  part(days, "day");
  if (micros !== 0 || parts.length === 0) parts.push(`${isAfterNegative && micros >= 0 ? "+" : ""}${timeText(micros)}`);
  return parts.join(" ");
}
