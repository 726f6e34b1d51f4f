import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { faultMatrix, notInjected } from "../../fault/fault-matrix.ts";
import { faultPage } from "../../fault/fault-page.ts";

const faults = faultMatrix.flatMap((area) => area.faults);

test("deploy/reference/faults.md is current (else: npx vitest run --project unit fault-page -u)", async () => {
  await expect(faultPage()).toMatchFileSnapshot("../../../deploy/reference/faults.md");
});

test("each fault is shown by tests that exist, and is listed once", () => {
  for (const { number, proofs } of faults) {
    expect(proofs.length, `fault ${number}`).toBeGreaterThan(0);
    for (const [file, title] of proofs) {
      const text = readFileSync(`test/${file}`, "utf8");
      expect(text, file).toMatch(/\b(test|it)(\.\w+)?\(/);
      expect(text.includes(title), `${file} has no test that says "${title}"`).toBe(true);
    }
  }
  const numbers = [...faults.map(({ number }) => number), ...Object.keys(notInjected).map(Number)];
  expect(new Set(numbers).size).toBe(numbers.length);
});
