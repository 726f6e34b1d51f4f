import { describe, expect, it } from "vitest";
import { citizenChanges, digestOf, type TextChange } from "../../../benchmarks/decode/citizen-changes.ts";
import { type DecodingName, decodings, textOf } from "../../../benchmarks/decode/decoders.ts";

const changes = citizenChanges(30);

function decoded(name: DecodingName): TextChange[] {
  const all: TextChange[] = [];
  decodings[name](changes)((change) => all.push(textOf(change)));
  return all;
}

describe.each(["pgoutput", "debezium", "reference"] as const)("what %s is measured with", (name) => {
  it("comes out of the decoder as it was put in", () => {
    expect(digestOf(decoded(name))).toBe(digestOf(changes));
    expect(decoded(name)[0]).toEqual(changes[0]);
  });

  it("is decoded anew as often as it is asked for", () => {
    const decode = decodings[name](changes);
    let count = 0;
    for (let pass = 0; pass < 3; pass++) decode(() => count++);
    expect(count).toBe(3 * changes.length);
  });
});

describe("the digest of changes", () => {
  it("tells other values and another order, and of a deleted row knows the identity alone", () => {
    const [first, second, ...rest] = changes;
    if (first === undefined || second === undefined) throw new Error("there are changes");
    const altered = { ...first, row: first.row.with(7, "elsewhere") };
    expect(digestOf([altered, second, ...rest])).not.toBe(digestOf(changes));
    expect(digestOf([second, first, ...rest])).not.toBe(digestOf(changes));
    const deleted = changes.findIndex(({ tag }) => tag === "delete");
    const blurred = changes.map((change, at) => (at === deleted ? { ...change, row: change.row.with(7, null) } : change));
    expect(digestOf(blurred)).toBe(digestOf(changes));
  });
});
