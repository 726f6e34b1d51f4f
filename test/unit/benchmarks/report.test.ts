import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { printTable } from "../../../benchmarks/suite/print-table.ts";
import { renderReport } from "../../../benchmarks/suite/report.ts";
import { readResult } from "../../../benchmarks/suite/result.ts";
import { settingsRefusals } from "../../../benchmarks/stands/postgres-stand.ts";
import { benchResult, workloadResult } from "./sample-result.ts";

const row = workloadResult("catchup-small", { seconds: [2, 2.1], anchor: [2.2, 2.3], cpu: [0.5, 0.6], rss: [90, 91] });

describe("the report", () => {
  it("is one page that asks nothing of a network", () => {
    const page = renderReport(benchResult([row]));
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/https?:|<script|<link|<img|url\(/);
    expect(page).toContain("<svg");
    expect(page).toContain("prefers-color-scheme: dark");
    expect(page).not.toContain("NaN");
  });

  it("draws latency and scaling where they were measured", () => {
    const latency = [{ side: "dongbo", points: [[0.5, 1] as [number, number], [0.99, 4] as [number, number]] }];
    const scaling = [1, 8].map((copies) => workloadResult(`fanout-${copies}`, { seconds: [copies] }));
    const page = renderReport(benchResult([{ ...row, latency }, ...scaling]));
    expect(page).toContain("catchup-small: latency");
    expect(page).toContain("changes per second by number of copies");
  });

  it("says before anything else that figures are no score", () => {
    const page = renderReport({ ...benchResult([row]), unscored: ["the machine was <busy>"] });
    expect(page.indexOf("the machine was &lt;busy&gt;")).toBeLessThan(page.indexOf("<table"));
  });
});

describe("the table", () => {
  it("has a row for each score and its reasons not to count", () => {
    const text = printTable({ ...benchResult([row]), unscored: ["2 rounds; a score needs 5"] });
    expect(text).toContain("catchup-small  2.05 s  2.25 s  1.10 (1.10–1.10)  1 / 1.3  must");
    expect(text).toContain("NOT A SCORE");
  });
});

describe("a result", () => {
  it("is read back as it was written, and nothing else is taken for one", () => {
    const folder = mkdtempSync(join(tmpdir(), "dongbo-result-"));
    try {
      const file = join(folder, "result.json");
      writeFileSync(file, JSON.stringify(benchResult([row])));
      expect(readResult(file)).toEqual(benchResult([row]));
      writeFileSync(file, JSON.stringify({ format: 1, workloads: [] }));
      expect(() => readResult(file)).toThrow("is no result of dongbo bench");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is refused when one side was excused from what makes the other wait", () => {
    const equal = { fsync: "on", synchronous_commit: "on", full_page_writes: "on", data_checksums: "on", track_commit_timestamp: "off" };
    expect(settingsRefusals({ source: equal, target: equal })).toEqual([]);
    expect(settingsRefusals({ source: equal, target: { ...equal, fsync: "off" } })).toEqual([
      "fsync is on on the source and off on the target",
    ]);
    expect(settingsRefusals({ source: equal, target: { ...equal, track_commit_timestamp: "on" } })).toHaveLength(1);
  });
});
