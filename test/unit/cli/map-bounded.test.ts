import { describe, expect, test } from "vitest";
import { mapBounded } from "../../../deploy/processes/map-bounded.ts";

describe("bounded mapping", () => {
  test("keeps the order of the items and never has more at work than allowed", async () => {
    let working = 0;
    let most = 0;
    const results = await mapBounded([5, 1, 4, 2, 3, 0], 2, async (item) => {
      working += 1;
      most = Math.max(most, working);
      for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
      working -= 1;
      return item * 10;
    });
    expect(results).toEqual([50, 10, 40, 20, 30, 0]);
    expect(most).toBe(2);
  });

  test("a failure is thrown, and nothing to do is done at once", async () => {
    await expect(
      mapBounded([1, 2, 3], 2, (item) => (item === 2 ? Promise.reject(new Error("two")) : Promise.resolve(item))),
    ).rejects.toThrow("two");
    expect(await mapBounded([], 4, () => Promise.resolve(1))).toEqual([]);
  });
});
