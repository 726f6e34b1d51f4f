// The log: one JSON object a line through pino, or readable lines on a terminal. Redaction happens here, for every line.
import { pino } from "pino";
import type { Clock } from "../ports/clock.ts";
import type { LogFields, Logger } from "../ports/logger.ts";
import { redactField, redactText } from "./redact.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  readonly clock: Clock;
  readonly level: LogLevel;
  /** json: one object a line, for machines · lines: for people at a terminal. */
  readonly format: "json" | "lines";
  /** Takes each finished line, with its line feed. */
  readonly write: (line: string) => void;
}

export function createLogger(options: LoggerOptions): Logger {
  const instant = (): string => new Date(options.clock.now() / 1000).toISOString();
  const destination = { write: options.format === "json" ? options.write : (line: string) => options.write(readableLine(line)) };
  const root = pino(
    {
      level: options.level,
      base: null,
      messageKey: "event",
      timestamp: () => `,"time":"${instant()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  );
  return adapt(root);
}

/** The part of pino that is used, which is also that of its children. */
interface Sink {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
  child(fields: Record<string, unknown>): Sink;
}

function adapt(sink: Sink): Logger {
  return {
    debug: (event, fields) => {
      sink.debug(redacted(fields), redactText(event));
    },
    info: (event, fields) => {
      sink.info(redacted(fields), redactText(event));
    },
    warn: (event, fields) => {
      sink.warn(redacted(fields), redactText(event));
    },
    error: (event, fields) => {
      sink.error(redacted(fields), redactText(event));
    },
    with: (fields) => adapt(sink.child(redacted(fields))),
  };
}

function redacted(fields: LogFields = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, redactField(name, value)]));
}

/** `12:03:04.567 WARN  target unreachable  subscription=population/hcm code=DB-PG-001`. */
function readableLine(json: string): string {
  const { level, time, event, ...fields } = JSON.parse(json) as { level: string; time: string; event: string } & Record<string, unknown>;
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${printValue(value)}`);
  return `${[time.slice(11, 23), level.toUpperCase().padEnd(5), event, ...shown].join(" ")}\n`;
}

function printValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // Control characters in a value could forge lines or move the cursor.
  return /^[\p{L}\p{N}_./:+-]+$/u.test(text) ? text : JSON.stringify(text);
}
