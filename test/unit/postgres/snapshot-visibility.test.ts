import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSnapshot } from "../../../connectors/postgres/snapshot/snapshot-visibility.ts";

describe("what a snapshot sees", () => {
  test("is every transaction before the oldest running one, none from the next id on, and between them those not running", () => {
    const snapshot = parseSnapshot("100:105:100,103");
    expect(["3", "99", "100", "101", "102", "103", "104", "105", "200"].map((id) => snapshot.sees(id))).toEqual([
      true,
      true,
      false,
      true,
      true,
      false,
      true,
      false,
      false,
    ]);
  });

  test("needs no running transaction", () => {
    const snapshot = parseSnapshot("100:100:");
    expect([snapshot.sees("99"), snapshot.sees("100")]).toEqual([true, false]);
  });

  test("holds where the 32-bit ids of the stream start again from the beginning", () => {
    const epoch = 7n * 2n ** 32n;
    const snapshot = parseSnapshot(`${epoch - 5n}:${epoch + 10n}:${epoch - 5n},${epoch + 3n}`);
    expect(snapshot.sees("4294967290")).toBe(true);
    expect(snapshot.sees("4294967291")).toBe(false);
    expect(snapshot.sees("4294967295")).toBe(true);
    expect(snapshot.sees("2")).toBe(true);
    expect(snapshot.sees("3")).toBe(false);
    expect(snapshot.sees("9")).toBe(true);
    expect(snapshot.sees("10")).toBe(false);
  });

  test("agrees with comparing whole ids, wherever in the count of transactions the snapshot lies", () => {
    const whole = fc.bigInt({ min: 2n ** 32n, max: 2n ** 62n });
    const near = fc.bigInt({ min: -(2n ** 30n), max: 2n ** 30n });
    fc.assert(
      fc.property(
        whole,
        fc.array(fc.bigInt({ min: 0n, max: 50n }), { maxLength: 8 }),
        fc.oneof(near, fc.bigInt({ min: -60n, max: 60n })),
        (xmin, offsets, distance) => {
          const running = offsets.map((offset) => xmin + offset);
          const xmax = xmin + 40n;
          const id = xmin + distance;
          const seen = id < xmin || (id < xmax && !running.includes(id));
          expect(parseSnapshot(`${xmin}:${xmax}:${running.join(",")}`).sees(String(BigInt.asUintN(32, id)))).toBe(seen);
        },
      ),
    );
  });

  test("refuses text that is no snapshot", () => {
    expect(() => parseSnapshot("100:105")).toThrow("xmin:xmax:xip");
  });
});
