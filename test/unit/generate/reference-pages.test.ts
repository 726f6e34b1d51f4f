import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { errorsPage, metricsPage, untitledAreas } from "../../../deploy/generate/reference-pages.ts";
import { typesPage } from "../../../deploy/generate/types-page.ts";
import { errorCodes } from "../../../engine/model/error-codes.ts";
import { metricRegister } from "../../../engine/telemetry/metric-register.ts";

describe("reference pages", () => {
  test.each([
    ["deploy/reference/errors.md", errorsPage],
    ["deploy/reference/metrics.md", metricsPage],
    ["deploy/reference/types.md", typesPage],
  ])("%s is current (else: npm run build && node dist/deploy/generate/reference.js)", (path, page) => {
    expect(readFileSync(path, "utf8")).toBe(page());
  });

  test("every loss that the page of types names is one", () => {
    const losses =
      typesPage()
        .split("## What a chosen type may lose")[1]
        ?.split("\n")
        .filter((line) => line.startsWith("| ")) ?? [];
    expect(losses.length).toBeGreaterThan(5);
    for (const line of losses.slice(2)) expect(line).toMatch(/^\| .+ \| .+ \| .+ \|$/);
  });

  test("every code and every metric has its entry", () => {
    const headings = (page: string, level: string): string[] =>
      page.split("\n").flatMap((line) => (line.startsWith(`${level} `) ? [line.slice(level.length + 1)] : []));
    expect(headings(errorsPage(), "###").toSorted()).toEqual(Object.keys(errorCodes).toSorted());
    expect(headings(metricsPage(), "##").toSorted()).toEqual(Object.keys(metricRegister).toSorted());
    expect(untitledAreas()).toEqual([]);
  });
});
