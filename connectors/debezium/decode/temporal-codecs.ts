// io.debezium.time.* and Kafka Connect's own temporal types (Debezium documentation, "Temporal types" of each connector).
import { UNCHANGED } from "../../../engine/model/row.ts";
import { type CodecContext, fractionDigits, isMysqlFamily } from "./codec-context.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { inexact, unreadable } from "./decode-failure.ts";
import { intervalText, printInterval } from "./interval-text.ts";
import { type PostgresType, postgresType } from "./postgres-type.ts";
import { dateText, parseIsoDate, parseIsoTime, parseIsoTimestamp, splitDay, timestampText, timeText } from "./temporal-text.ts";
import { ascii, codec, type ValueCodec } from "./value-codec.ts";
import type { ValueReader } from "./value-reader.ts";

export type CodecMaker = (schema: ConnectSchema, context: CodecContext) => ValueCodec;

const dayMicros = 86_400_000_000;

/**
 * How the PostgreSQL connector writes infinity: as its own bits from the log (wrapped around), as the driver's from a snapshot. Both
 * lie outside the range of the type.
 */
const infiniteDays: ReadonlyMap<number, string> = new Map([
  [-2_147_472_692, "infinity"],
  [-622_191_234, "infinity"],
  [-2_147_472_691, "-infinity"],
  [-625_821_272, "-infinity"],
]);
const infiniteTimes: ReadonlyMap<bigint, string> = new Map([
  [9_223_372_036_825_200n, "infinity"],
  [-9_223_372_036_832_400n, "-infinity"],
]);
/** As nanoseconds they wrap around to times of 1969 and 1970. */
const wrappedInfinities: ReadonlySet<number> = new Set([-29_575_808_000, 22_375_808_000]);
const infiniteIsoDates: ReadonlyMap<string, string> = new Map([
  ["-5877611-06-21Z", "infinity"],
  ["+292278994-08-16Z", "infinity"],
  ["-5877611-06-22Z", "-infinity"],
  ["+292269055-12-02Z", "-infinity"],
]);
const infiniteIsoTimestamps: ReadonlyMap<string, string> = new Map([
  ["+294247-01-10T04:00:25.2Z", "infinity"],
  ["-290308-12-21T19:59:27.6Z", "-infinity"],
]);

function isPostgres({ connector }: CodecContext): boolean {
  return connector === "postgresql";
}

/**
 * The drivers read what lies before the Gregorian calendar as Julian: the ten days that are not in that calendar come as those after them,
 * those before them shifted or without BC. PostgreSQL's connector takes dates and times from its driver in a snapshot and in arrays.
 */
function isJulian(text: Buffer): boolean {
  const printed = text.toString("latin1");
  return printed.endsWith("BC") || (printed[4] === "-" && printed < "1582-10-25");
}

/** MySQL's and MariaDB's connectors take nothing but DATETIME from theirs, and shift back all but the ten days. */
function isMissingDay(text: Buffer): boolean {
  const printed = text.toString("latin1");
  return printed >= "1582-10-15" && printed < "1582-10-25";
}

function doubtOfDate(context: CodecContext): Partial<ValueCodec> {
  return isPostgres(context) ? { doubtful: isJulian } : {};
}

function doubtOfTimestamp(context: CodecContext): Partial<ValueCodec> {
  return isMysqlFamily(context.connector) ? { doubtful: isMissingDay } : doubtOfDate(context);
}

const date: CodecMaker = (_, context) => {
  const infinities = isPostgres(context) ? infiniteDays : null;
  const read = (reader: ValueReader): Buffer => {
    const days = Number(reader.integer());
    return ascii(infinities?.get(days) ?? dateText(days));
  };
  return codec(postgresType("date"), read, doubtOfDate(context));
};

const isoDate: CodecMaker = (schema, context) => {
  const infinities = isPostgres(context) ? infiniteIsoDates : null;
  const read = (reader: ValueReader): Buffer => {
    const text = reader.text(schema).toString("latin1");
    return ascii(infinities?.get(text) ?? dateText(parseIsoDate(text)));
  };
  return codec(postgresType("date"), read, doubtOfDate(context));
};

/** MySQL's TIME is a length of time, which may be negative and longer than a day. */
function timeType(context: CodecContext, digits: number | null): PostgresType {
  const known = fractionDigits(context) ?? digits;
  if (isMysqlFamily(context.connector)) return known === null ? postgresType("interval") : postgresType("interval", known);
  return known === null || known > 5 ? postgresType("time") : postgresType("time", known);
}

function timeOf(micros: number, context: CodecContext): Buffer {
  if (!isMysqlFamily(context.connector) && !(micros >= 0 && micros <= dayMicros)) throw unreadable("a time of day lies outside the day");
  if (!Number.isSafeInteger(micros)) throw unreadable("a time is too long");
  return ascii(timeText(micros));
}

const time =
  (unit: "millis" | "micros"): CodecMaker =>
  (_, context) => {
    const factor = unit === "millis" ? 1000 : 1;
    return codec(timeType(context, unit === "millis" ? 3 : null), (reader) => timeOf(Number(reader.integer()) * factor, context));
  };

const nanoTime: CodecMaker = (_, context) => {
  if (holdsNanos(context)) return textCodec((reader) => withNanos("", splitNanos(reader.integer())));
  return codec(timeType(context, null), (reader) => timeOf(wholeMicros(splitNanos(reader.integer())), context));
};

const isoTime: CodecMaker = (schema, context) => {
  if (isMysqlFamily(context.connector)) {
    throw inexact(
      "times that are negative or longer than a day come as NULL (`time.precision.mode=isostring`)",
      "Set `time.precision.mode=adaptive_time_microseconds` at the connector",
    );
  }
  if (holdsNanos(context)) return textCodec((reader) => withNanos("", parseIsoTime(reader.text(schema).toString("latin1"))));
  return codec(timeType(context, null), (reader) => timeOf(wholeMicros(parseIsoTime(reader.text(schema).toString("latin1"))), context));
};

function timestampType(context: CodecContext, digits: number | null): PostgresType {
  const known = fractionDigits(context) ?? digits;
  return known === null || known > 5 ? postgresType("timestamp") : postgresType("timestamp", known);
}

const timestamp =
  (unit: "millis" | "micros"): CodecMaker =>
  (_, context) => {
    const factor = unit === "millis" ? 1000 : 1;
    const infinities = isPostgres(context) ? infiniteTimes : null;
    const read = (reader: ValueReader): Buffer => {
      const value = reader.integer();
      const infinity = typeof value === "bigint" ? infinities?.get(unit === "millis" ? value : value / 1000n) : undefined;
      if (infinity !== undefined) return ascii(infinity);
      const { days, rest } = splitDay(value, dayMicros / factor);
      return ascii(timestampText(days, rest * factor, ""));
    };
    return codec(timestampType(context, unit === "millis" ? 3 : null), read, doubtOfTimestamp(context));
  };

const nanoTimestamp: CodecMaker = (_, context) => {
  const holds = holdsNanos(context);
  const read = (reader: ValueReader): Buffer => {
    const value = reader.integer();
    if (isPostgres(context) && wrappedInfinities.has(Number(value))) {
      throw unreadable("a timestamp cannot be told from infinity, which time.precision.mode=nanoseconds does not know");
    }
    const { days, rest } = splitDay(value, dayMicros * 1000);
    const split = splitNanos(rest);
    if (holds) return withNanos(`${dateText(days)} `, split);
    return ascii(timestampText(days, wholeMicros(split), ""));
  };
  return holds ? textCodec(read) : codec(timestampType(context, null), read, doubtOfTimestamp(context));
};

const isoTimestamp: CodecMaker = (schema, context) => {
  const holds = holdsNanos(context);
  const infinities = isPostgres(context) ? infiniteIsoTimestamps : null;
  const read = (reader: ValueReader): Buffer => {
    const text = reader.text(schema).toString("latin1");
    const infinity = infinities?.get(text);
    if (infinity !== undefined) return ascii(infinity);
    const parsed = parseIsoTimestamp(text);
    if (holds) return withNanos(`${dateText(parsed.days)} `, parsed);
    return ascii(timestampText(parsed.days, wholeMicros(parsed), ""));
  };
  return holds ? textCodec(read) : codec(timestampType(context, null), read, doubtOfTimestamp(context));
};

/** Instants: another offset than UTC is another writing of the same. Those finer than a microsecond stay as they are written. */
const zonedTimestamp: CodecMaker = (schema, context) => {
  if (holdsNanos(context)) return codec(postgresType("text"), (reader) => reader.text(schema));
  const digits = fractionDigits(context);
  const type = digits === null || digits > 5 ? postgresType("timestamptz") : postgresType("timestamptz", digits);
  const read = (reader: ValueReader): Buffer | typeof UNCHANGED => {
    const bytes = reader.text(schema);
    const text = bytes.toString("latin1");
    if (text === "infinity" || text === "-infinity") return bytes;
    if (bytes.equals(context.unavailable.text)) return UNCHANGED;
    const parsed = parseIsoTimestamp(text);
    // Where MySQL's TIMESTAMP begins a second later.
    if (isMysqlFamily(context.connector) && parsed.days === 0 && parsed.micros === 0) {
      throw unreadable("1970-01-01 00:00:00 stands for the zero timestamp, 0000-00-00 00:00:00");
    }
    return ascii(timestampText(parsed.days, wholeMicros(parsed), "+00"));
  };
  return codec(type, read, doubtOfTimestamp(context));
};

const zonedTime: CodecMaker = () => {
  throw inexact(
    "times with a time zone come without their zone and without the day that its change may lead into",
    "Leave the column out with `column.exclude.list` of the connector",
  );
};

const year: CodecMaker = () => codec(postgresType("int2"), (reader) => reader.integerText());

/** A month counts as 30.4375 days in it. Only lengths that have no months come exactly. */
const duration =
  (unit: "micros" | "nanos"): CodecMaker =>
  (_, context) => {
    if (!/\bDAY\b/.test(context.source?.name ?? "")) {
      throw inexact(
        "an interval comes as a number, in which a month is an average one",
        "Set `interval.handling.mode=string` at the connector",
      );
    }
    return codec(postgresType("interval"), (reader) => {
      const value = reader.integer();
      const micros = unit === "micros" ? Number(value) : wholeMicros(splitNanos(value));
      if (!Number.isSafeInteger(micros)) throw unreadable("an interval is too long");
      const days = Math.trunc(micros / dayMicros);
      return ascii(printInterval(0, days, micros - days * dayMicros));
    });
  };

const interval: CodecMaker = (schema) =>
  codec(postgresType("interval"), (reader) => ascii(intervalText(reader.text(schema).toString("latin1"))));

/** DATETIME2(7) and TIMESTAMP(9) are finer than PostgreSQL's types: they arrive as text, so that nothing is rounded. */
function holdsNanos(context: CodecContext): boolean {
  const digits = fractionDigits(context);
  if (context.connector === "sqlserver") return digits === null || digits > 6;
  return context.connector === "oracle" && digits !== null && digits > 6;
}

interface FineTime {
  readonly micros: number;
  /** Below the microsecond, 0 to 999. */
  readonly nanos: number;
}

function splitNanos(value: number | bigint): FineTime {
  if (typeof value === "bigint") {
    const nanos = ((value % 1000n) + 1000n) % 1000n;
    return { micros: Number((value - nanos) / 1000n), nanos: Number(nanos) };
  }
  const micros = Math.floor(value / 1000);
  return { micros, nanos: value - micros * 1000 };
}

function wholeMicros({ micros, nanos }: FineTime): number {
  if (nanos !== 0) throw unreadable("a time is finer than a microsecond");
  return micros;
}

function withNanos(prefix: string, { micros, nanos }: FineTime): Buffer {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String((micros - seconds * 1_000_000) * 1000 + nanos)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return ascii(`${prefix}${timeText(seconds * 1_000_000)}${fraction === "" ? "" : `.${fraction}`}`);
}

function textCodec(read: ValueCodec["read"]): ValueCodec {
  return codec(postgresType("text"), read);
}

export const temporalCodecs: Readonly<Record<string, CodecMaker>> = {
  "io.debezium.time.Date": date,
  "io.debezium.time.Time": time("millis"),
  "io.debezium.time.MicroTime": time("micros"),
  "io.debezium.time.NanoTime": nanoTime,
  "io.debezium.time.Timestamp": timestamp("millis"),
  "io.debezium.time.MicroTimestamp": timestamp("micros"),
  "io.debezium.time.NanoTimestamp": nanoTimestamp,
  "io.debezium.time.ZonedTimestamp": zonedTimestamp,
  "io.debezium.time.ZonedTime": zonedTime,
  "io.debezium.time.IsoDate": isoDate,
  "io.debezium.time.IsoTime": isoTime,
  "io.debezium.time.IsoTimestamp": isoTimestamp,
  "io.debezium.time.Year": year,
  "io.debezium.time.Interval": interval,
  "io.debezium.time.MicroDuration": duration("micros"),
  "io.debezium.time.NanoDuration": duration("nanos"),
  "org.apache.kafka.connect.data.Date": date,
  "org.apache.kafka.connect.data.Time": time("millis"),
  "org.apache.kafka.connect.data.Timestamp": timestamp("millis"),
};
