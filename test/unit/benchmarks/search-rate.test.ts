import { describe, expect, it } from "vitest";
import { largestRate, type Trial } from "../../../benchmarks/suite/search-rate.ts";

const search = { from: 1_000, precision: 1.1, trialsMax: 20 };

/** Keeps up with rates up to `capacity`; nobody can write more than `writer`. */
function attempts(capacity: number, writer = Number.POSITIVE_INFINITY): { tried: number[]; attempt: (rate: number) => Promise<Trial> } {
  const tried: number[] = [];
  const attempt = (wanted: number): Promise<Trial> => {
    tried.push(wanted);
    const rate = Math.min(wanted, writer);
    return Promise.resolve({ rate, sustained: rate <= capacity });
  };
  return { tried, attempt };
}

describe("the search for the largest rate", () => {
  it.each([130, 999, 1_000, 4_700, 60_000])("finds %d to a tenth", async (capacity) => {
    const { attempt } = attempts(capacity);
    const { best, writerWasLimit } = await largestRate(search, attempt);
    expect(best?.rate).toBeLessThanOrEqual(capacity);
    expect((best?.rate ?? 0) * 1.1).toBeGreaterThanOrEqual(capacity);
    expect(writerWasLimit).toBe(false);
  });

  it("tells when nothing faster could be written", async () => {
    const { tried, attempt } = attempts(50_000, 3_000);
    expect(await largestRate(search, attempt)).toEqual({ best: { rate: 3_000, sustained: true }, writerWasLimit: true });
    expect(tried).toEqual([1_000, 2_000, 4_000]);
  });

  it("takes what the writer came to for the rate that was not sustained", async () => {
    const { attempt } = attempts(2_500, 3_000);
    const { best, writerWasLimit } = await largestRate(search, attempt);
    expect(best?.rate).toBeGreaterThan(2_200);
    expect(writerWasLimit).toBe(false);
  });

  it("ends after so many trials, with what it has", async () => {
    const { tried, attempt } = attempts(100);
    expect(await largestRate({ ...search, trialsMax: 3 }, attempt)).toEqual({ best: null, writerWasLimit: false });
    expect(tried).toEqual([1_000, 500, 250]);
  });
});
