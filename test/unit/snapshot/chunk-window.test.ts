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
    for (const id of ["10", "11", "12"]) unsettled.delivered(id);
    unsettled.settle(sees("10", "12"));
    expect(unsettled.current()).toEqual(["11"]);
    unsettled.settle(sees("11"));
    expect(unsettled.current()).toEqual([]);
  });
});
