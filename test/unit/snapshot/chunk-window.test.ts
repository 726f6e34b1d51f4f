import { describe, expect, it } from "vitest";
import { ChunkWindow } from "../../../engine/snapshot/chunk-window.ts";
import { UnsettledTransactions } from "../../../engine/snapshot/unsettled-transactions.ts";

const sees = (...ids: string[]): { sees: (id: string) => boolean } => ({ sees: (id) => ids.includes(id) });
const remove = (key: string): { tag: "delete"; key: Buffer[] } => ({ tag: "delete", key: [Buffer.from(key)] });

describe("the window of a chunk", () => {
  it("CP-10 gives each copy what the chunk did not see, in stream order, and nothing that it did see", () => {
    const window = new ChunkWindow<string>(["hcm", "hue"]);
    window.observe("hcm", "10", remove("a"));
    window.observe("hue", "10", remove("b"));
    window.observe("hcm", "12", remove("c"));
    window.observe("hcm", "11", remove("d"));
    window.observe("elsewhere", "12", remove("e"));
    expect(window.missedBy("hcm", sees("10"))).toEqual([remove("c"), remove("d")]);
    expect(window.missedBy("hue", sees("10", "12"))).toEqual([]);
    expect(window.missedBy("hue", sees())).toEqual([remove("b")]);
  });

  it("keeps changes in memory of its own, whatever becomes of what they were read from", () => {
    const window = new ChunkWindow<string>(["hcm"]);
    const read = Buffer.from("key-row-old");
    const [key, row, oldKey] = [[read.subarray(0, 3)], [read.subarray(4, 7), null], [read.subarray(8)]];
    window.observe("hcm", "1", { tag: "upsert", key, row, oldKey, partial: false });
    window.observe("hcm", "1", { tag: "refetch", key, oldKey });
    window.observe("hcm", "1", { tag: "delete", key });
    read.fill(0);
    const own = { key: [Buffer.from("key")], oldKey: [Buffer.from("old")] };
    expect(window.missedBy("hcm", sees())).toEqual([
      { tag: "upsert", ...own, row: [Buffer.from("row"), null], partial: false },
      { tag: "refetch", ...own },
      { tag: "delete", key: own.key },
    ]);
  });

  it("says when it has seen more traffic than it may keep", () => {
    const window = new ChunkWindow<string>(["hcm"]);
    const large = { tag: "upsert" as const, key: [Buffer.from("k")], row: [Buffer.alloc(1024 * 1024)], oldKey: null, partial: false };
    for (let index = 0; index < 8; index++) window.observe("hcm", String(index), large);
    expect(window.overflown).toBe(true);
  });
});

describe("transactions that no read is known to have seen", () => {
  it("CP-10 stay until a read has seen them: a commit is in the log before it is visible", () => {
    const unsettled = new UnsettledTransactions();
    for (const id of ["10", "11", "12"]) unsettled.brought(id);
    unsettled.settle(sees("10", "12"));
    expect(unsettled.current()).toEqual(["11"]);
    unsettled.settle(sees("11"));
    expect(unsettled.current()).toEqual([]);
  });
});
