import { describe, expect, test } from "vitest";
import { printFinding } from "../../../deploy/processes/output/print-finding.ts";
import { printTable } from "../../../deploy/processes/output/print-table.ts";
import { printBytes, printDuration, TimePrinter } from "../../../deploy/processes/output/print-time.ts";

describe("printed tables", () => {
  test("columns are aligned, numbers to the right, and lines have no blanks at their end", () => {
    const text = printTable(
      [{ title: "SUBSCRIPTION" }, { title: "ROWS", align: "right" }, { title: "WHY" }],
      [
        ["population/hcm", "7", ""],
        ["land/hue", "1,234", "expired"],
      ],
    );
    expect(text).toBe("SUBSCRIPTION     ROWS  WHY\npopulation/hcm      7\nland/hue        1,234  expired\n");
  });

  test("Vietnamese in composed and decomposed form takes the same room", () => {
    const name = "Đồng bộ dữ liệu";
    const lines = printTable(
      [{ title: "A" }, { title: "B" }],
      [
        [name.normalize("NFC"), "x"],
        [name.normalize("NFD"), "x"],
      ],
    ).split("\n");
    expect(lines[1]?.normalize("NFC")).toBe(lines[2]?.normalize("NFC"));
  });

  test("a line feed or an escape sequence inside a value cannot break the table", () => {
    const text = printTable([{ title: "A" }], [["a\nb\u001b[31m"]]);
    expect(text).toBe("A\na\u{fffd}b\u{fffd}[31m\n");
  });
});

describe("printed times", () => {
  const now = new Date("2026-01-02T03:04:05.678Z");
  const vietnam = new TimePrinter("Asia/Ho_Chi_Minh", now);

  test("an instant is shown in local time and in UTC", () => {
    expect(vietnam.full(now)).toBe("2026-01-02 10:04:05 +07:00 (2026-01-02T03:04:05Z)");
    expect(vietnam.short(now)).toBe("10:04:05 (03:04:05Z)");
  });

  test("the day is named when it is another one here, even if it is the same in UTC", () => {
    expect(vietnam.short(new Date("2026-01-02T17:00:00Z"))).toBe("2026-01-03 00:00:00 (17:00:00Z)");
  });

  test("where local time is UTC it is shown once", () => {
    expect(new TimePrinter("UTC", now).short(now)).toBe("03:04:05Z");
    expect(new TimePrinter("UTC", now).full(now)).toBe("2026-01-02 03:04:05 +00:00 (2026-01-02T03:04:05Z)");
  });

  test.each([
    [0.42, "0.4 s"],
    [42, "42 s"],
    [180, "3 min"],
    [7200, "2 h"],
    [172_800, "2 d"],
    [-30, "-30 s"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(printDuration(seconds)).toBe(text);
  });

  test.each([
    [512, "512 B"],
    [3_565_158, "3.4 MB"],
    [8 * 1024 ** 3, "8.0 GB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(printBytes(bytes)).toBe(text);
  });
});

describe("printed findings", () => {
  const finding = {
    code: "DB-PG-003",
    severity: "error",
    subject: "public.citizen",
    cause: "SELECT is missing",
    remedy: "Grant it",
    sql: ["GRANT SELECT ON public.citizen TO dongbo;"],
    location: null,
  } as const;

  test("an error is one sentence with its remedy, and its SQL one statement a line", () => {
    expect(printFinding(finding)).toBe(
      "DB-PG-003: public.citizen: SELECT is missing. Grant it.\n  GRANT SELECT ON public.citizen TO dongbo;\n",
    );
  });

  test("a warning says that it is one", () => {
    expect(printFinding({ ...finding, severity: "warning", sql: [] })).toBe(
      "warning: DB-PG-003: public.citizen: SELECT is missing. Grant it.\n",
    );
  });
});
