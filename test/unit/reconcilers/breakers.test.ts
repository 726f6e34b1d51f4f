import { describe, expect, it } from "vitest";
import type { Difference } from "../../../engine/model/reconcile-report.ts";
import { brokenBy } from "../../../reconcilers/breakers.ts";

const key = [Buffer.from("1")];
const many = (count: number, difference: Difference): Difference[] => Array.from({ length: count }, () => difference);
const changed = (...columns: string[]): Difference => ({ class: "different", key, columns, unicodeFormOnly: false });
const extra: Difference = { class: "extra", key, outsideFilter: false };
const missing: Difference = { class: "missing", key };
const facts = { copyRows: 100_000, masterRows: 100_000, masterEstimate: null };

describe("breakers (RC-07)", () => {
  it("lets a few rows be repaired", () => {
    expect(brokenBy({ ...facts, differences: [...many(500, missing), ...many(50, extra), changed("name")] })).toBeNull();
  });

  it("stops at many rows, measured by the size of the copy", () => {
    expect(brokenBy({ ...facts, differences: many(1_001, missing) })).toBe("too many rows");
    expect(brokenBy({ ...facts, copyRows: 10_000_000, differences: many(9_000, missing) })).toBeNull();
  });

  it("stops when one column is what differs", () => {
    expect(brokenBy({ ...facts, differences: many(150, changed("name")) })).toBe("one column explains most");
    expect(brokenBy({ ...facts, differences: many(99, changed("name")) })).toBeNull();
    expect(brokenBy({ ...facts, differences: [...many(150, changed("name")), ...many(150, changed("address"))] })).toBeNull();
  });

  it("stops when much of the copy would be deleted", () => {
    expect(brokenBy({ ...facts, copyRows: 5_000, differences: many(100, extra) })).toBe("mass delete");
  });

  it("stops when the master shows less than it says to have", () => {
    expect(brokenBy({ ...facts, masterRows: 4_000, masterEstimate: 10_000, differences: [missing] })).toBe("master lost rows");
    expect(brokenBy({ ...facts, masterRows: 400, masterEstimate: 900, differences: [missing] })).toBeNull();
  });
});
