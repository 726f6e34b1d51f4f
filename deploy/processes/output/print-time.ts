/** How instants are shown to people: in their own time zone and, beside it, in UTC. Machines get ISO 8601 in UTC. */
export class TimePrinter {
  readonly #timeZone: string;
  readonly #now: Date;

  /** `now` decides whether a day needs to be named. */
  constructor(timeZone: string, now: Date) {
    this.#timeZone = timeZone;
    this.#now = now;
  }

  /** `2026-01-03 10:04:05 +07:00 (2026-01-03T03:04:05Z)`. */
  full(instant: Date): string {
    const { date, time, offset } = this.#parts(instant);
    return `${date} ${time} ${offset} (${utc(instant)})`;
  }

  /** `10:04:05 (03:04:05Z)`, with the day in front when it is not today; only UTC where that is the local time. */
  short(instant: Date): string {
    const { date, time, offset } = this.#parts(instant);
    const day = date === this.#parts(this.#now).date ? "" : `${date} `;
    const shown = `${day}${time}`;
    return offset === "+00:00" ? `${shown}Z` : `${shown} (${utc(instant).slice(11)})`;
  }

  #parts(instant: Date): { date: string; time: string; offset: string } {
    const format = new Intl.DateTimeFormat("en-CA", {
      timeZone: this.#timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      timeZoneName: "longOffset",
    });
    const parts = new Map(format.formatToParts(instant).map((part) => [part.type, part.value]));
    const get = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
    const offset = get("timeZoneName").replace("GMT", "");
    return {
      date: `${get("year")}-${get("month")}-${get("day")}`,
      time: `${get("hour")}:${get("minute")}:${get("second")}`,
      offset: offset === "" ? "+00:00" : offset,
    };
  }
}

/** `2026-01-03T03:04:05Z`: to the second. */
function utc(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}

/** `0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`: enough to judge at a glance. */
export function printDuration(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 10) return `${seconds.toFixed(1)} s`;
  if (size < 120) return `${Math.round(seconds)} s`;
  if (size < 7200) return `${Math.round(seconds / 60)} min`;
  if (size < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `512 B`, `3.4 MB`, `8.0 GB`; 1 GB is 1024 MB, as in PostgreSQL. */
export function printBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** `1,234,567`. */
export function printCount(count: number): string {
  return count.toLocaleString("en-US");
}
