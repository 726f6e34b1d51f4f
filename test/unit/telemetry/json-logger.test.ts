import { describe, expect, test } from "vitest";
import { createLogger, type LogLevel } from "../../../engine/telemetry/json-logger.ts";
import type { Logger } from "../../../engine/ports/logger.ts";

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) * 1000, monotonicMs: () => 0, sleep: () => Promise.resolve() };

function collect(format: "json" | "lines", level: LogLevel = "debug"): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: createLogger({ clock, level, format, write: (line) => lines.push(line) }), lines };
}

describe("json logger", () => {
  test("a line is one JSON object with level, time, event and fields", () => {
    const { logger, lines } = collect("json");
    logger.with({ subscription: "population/hcm" }).warn("target unreachable", { code: "DB-PG-001", attempt: 3 });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "warn",
      time: "2026-01-02T03:04:05.678Z",
      subscription: "population/hcm",
      code: "DB-PG-001",
      attempt: 3,
      event: "target unreachable",
    });
  });

  test("lines below the level are not written", () => {
    const { logger, lines } = collect("json", "warn");
    logger.debug("a");
    logger.info("b");
    logger.warn("c");
    logger.error("d");
    expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(["c", "d"]);
  });

  test.each([
    ["a field's name", { password: "canary-7f" }],
    ["a nested word in a field's name", { sourcePasswordFile: "canary-7f" }],
    ["a URL in a field", { cause: "connect postgres://app:canary-7f@db:5432/x failed" }],
    ["a URL with a colon and slash in the password", { cause: "postgres://app:canary-7f:/x@db/x" }],
    ["a URL with an at sign in the password", { cause: "postgres://app:p@canary-7f@db/x" }],
    ["a connection string", { cause: "host=db password=canary-7f dbname=x" }],
    ["a quoted connection string", { cause: "password='canary-7f and more' dbname=x" }],
  ])("a secret is not written when it stands in %s", (_where, fields) => {
    for (const format of ["json", "lines"] as const) {
      const { logger, lines } = collect(format);
      logger.info("event", fields);
      logger.with(fields).error("event");
      expect(lines.join("")).not.toContain("canary-7f");
      expect(lines.join("")).toContain("***");
    }
  });

  test("a secret is not written when it stands in the event", () => {
    const { logger, lines } = collect("json");
    logger.error("cannot open postgres://app:canary-7f@db/x");
    expect(lines.join("")).not.toContain("canary-7f");
  });

  test("readable lines show time, level, event and fields, and cannot be forged by a value", () => {
    const { logger, lines } = collect("lines");
    logger.info("table loaded", { table: "public.Công dân", rows: 12, note: "a\n12:00:00 ERROR forged" });
    expect(lines).toEqual(['03:04:05.678 INFO  table loaded table="public.Công dân" rows=12 note="a\\n12:00:00 ERROR forged"\n']);
  });
});
