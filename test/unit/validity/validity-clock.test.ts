import { expect, test } from "vitest";
import { judgedTime, oldest, validUntil } from "../../../engine/validity/validity-clock.ts";

const second = 1_000_000;
const day = 86_400 * second;
const lastSync = Date.UTC(2026, 0, 1, 3, 4, 5) * 1000;

test("VL-02: a copy is valid until its last sync plus the period of the regulation", () => {
  expect(validUntil(lastSync, 86_400)).toBe(lastSync + day);
  expect(validUntil(lastSync, 1)).toBe(lastSync + second);
});

test("VL-08: the target's clock decides when it is over, and a clock set back does not revive the copy", () => {
  expect(judgedTime(lastSync, null)).toBe(lastSync);
  expect(judgedTime(lastSync + day, lastSync)).toBe(lastSync + day);
  expect(judgedTime(lastSync - 7 * day, lastSync)).toBe(lastSync);
});

test("VL-09: the share's value is the oldest of its tables', and tables without one do not count", () => {
  expect(oldest([lastSync + day, lastSync, null, lastSync + second])).toBe(lastSync);
  expect(oldest([null])).toBeNull();
  expect(oldest([])).toBeNull();
});
