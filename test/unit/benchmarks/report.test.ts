import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { capacityOf } from "../../../benchmarks/suite/capacity.ts";
import { printTable } from "../../../benchmarks/suite/print-table.ts";
import { renderCapacity, renderReport } from "../../../benchmarks/suite/report.ts";
import { readResult } from "../../../benchmarks/suite/result.ts";
import { settingsRefusals } from "../../../benchmarks/stands/postgres-stand.ts";
import { benchResult, workloadResult } from "./sample-result.ts";

const row = workloadResult("catchup-small", { seconds: [2, 2.1], anchor: [2.2, 2.3], cpu: [0.5, 0.6], rss: [90, 91] });

/** Elements that were opened and not closed in their turn. */
function unclosed(page: string): string[] {
  const open: string[] = [];
  for (const [, closing, name = "", empty] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/g)) {
    if (["meta", "br"].includes(name) || empty === "/") continue;
    if (closing === "/") open.splice(open.at(-1) === name ? -1 : open.length, 1, ...(open.at(-1) === name ? [] : [`/${name}`]));
    else open.push(name);
  }
  return open;
}

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

  it("draws where the processor time goes, once for each workload", () => {
    const page = renderReport(benchResult([row, { ...row, name: "catchup-small-again" }]));
    expect(page.match(/aria-label="[^"]*processor seconds"/g)).toEqual(['aria-label="catchup-small: processor seconds"']);
    expect(page).toContain("engine 0.55 s (27 %) · source 0.50 s (24 %) · target 1.50 s (73 %)");
    expect(page).toContain("engine 0.00 s (0 %) · source 0.40 s (18 %) · target 2.00 s (89 %)");
  });

  it("is well-formed, its part about capacity by itself too", () => {
    for (const page of [renderReport(benchResult([row])), renderCapacity(capacityOf([benchResult([row])]))]) {
      expect(unclosed(page)).toEqual([]);
      expect(page).toContain("Not measured");
    }
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
