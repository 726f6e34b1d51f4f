import { expect, test } from "vitest";
import type { Predicate } from "../../../engine/model/predicate.ts";
import { ABSENT, UNCHANGED, type Row } from "../../../engine/model/row.ts";
import { FilterIndex } from "../../../mappings/filter-index.ts";
import { column, row } from "../../support/table-builders.ts";

const columns = [
  column("id", "integer"),
  column("home", "text"),
  column("work", "text"),
  column("status", "text"),
  column("age", "integer"),
];

function eq(name: string, value: string): Predicate {
  return { op: "eq", column: name, value };
}

const all = (...of: Predicate[]): Predicate => ({ op: "all", of });
const any = (...of: Predicate[]): Predicate => ({ op: "any", of });

function indexOf(filters: Readonly<Record<string, Predicate | null>>): FilterIndex<string> {
  const index = new FilterIndex<string>(columns);
  for (const [name, predicate] of Object.entries(filters)) index.add(name, predicate);
  return index;
}

/** `hcm` for true, `hcm?` for unknown, sorted. */
function matches(index: FilterIndex<string>, image: Row): string[] {
  const found: string[] = [];
  index.matches(image, (entry, verdict) => found.push(verdict === true ? entry : `${entry}?`));
  return found.toSorted();
}

/** How often the index looks at a column of the row: its work, counted without a clock. */
function looks(index: FilterIndex<unknown>, image: Row): number {
  let count = 0;
  const watched = new Proxy(image, {
    get: (target, property) => {
      count += 1;
      return Reflect.get(target, property) as unknown;
    },
  });
  index.matches(watched, () => {});
  return count;
}

test("a row goes to the subscriptions of its province, overlapping ones included, and to those without a filter", () => {
  const index = indexOf({
    hcm: eq("home", "79"),
    south: { op: "in", column: "home", values: ["79", "74", "75"] },
    north: { op: "in", column: "home", values: ["01", "31"] },
    nation: null,
  });
  expect(matches(index, row("1", "79", null, null, null))).toEqual(["hcm", "nation", "south"]);
  expect(matches(index, row("1", "01", null, null, null))).toEqual(["nation", "north"]);
  expect(matches(index, row("1", null, null, null, null))).toEqual(["nation"]);
  expect(matches(index, row("1", "790", null, null, null))).toEqual(["nation"]);
});

test("what the index leaves open is still evaluated", () => {
  const index = indexOf({
    adults: all(eq("home", "79"), { op: "gte", column: "age", value: "18" }),
    others: all(eq("home", "79"), { op: "not", of: eq("status", "dead") }),
  });
  expect(matches(index, row("1", "79", null, "dead", "20"))).toEqual(["adults"]);
  expect(matches(index, row("1", "79", null, "alive", "17"))).toEqual(["others"]);
  expect(matches(index, row("1", "79", null, null, null))).toEqual([]);
});

test("branches of an OR are found through one column or several, and each subscription once", () => {
  const index = indexOf({
    hcm: any(eq("home", "79"), eq("work", "79")),
    hanoi: any(eq("home", "01"), eq("work", "01")),
    two: any(eq("home", "79"), all(eq("home", "01"), eq("status", "x"))),
  });
  expect(matches(index, row("1", "79", "79", null, null))).toEqual(["hcm", "two"]);
  expect(matches(index, row("1", "79", "01", null, null))).toEqual(["hanoi", "hcm", "two"]);
  expect(matches(index, row("1", "01", null, "x", null))).toEqual(["hanoi", "two"]);
  expect(matches(index, row("1", null, "01", "x", null))).toEqual(["hanoi"]);
});

test("an OR with a branch that no look-up finds is evaluated for each row", () => {
  const index = indexOf({ odd: any(eq("home", "79"), { op: "lt", column: "age", value: "6" }), never: any(), always: all() });
  expect(matches(index, row("1", "01", null, null, "5"))).toEqual(["always", "odd"]);
  expect(matches(index, row("1", "01", null, null, null))).toEqual(["always"]);
});

test("without the indexed column every subscription that it could decide may be concerned", () => {
  const index = indexOf({ hcm: eq("home", "79"), hanoi: all(eq("home", "01"), eq("status", "x")), worker: eq("work", "79"), nation: null });
  for (const missing of [ABSENT, UNCHANGED] as const) {
    expect(matches(index, row("1", missing, "01", "x", "5"))).toEqual(["hanoi?", "hcm?", "nation"]);
    // Another column may still rule it out.
    expect(matches(index, row("1", missing, "01", "y", "5"))).toEqual(["hcm?", "nation"]);
  }
  expect(matches(index, row("1", ABSENT, ABSENT, ABSENT, ABSENT))).toEqual(["hanoi?", "hcm?", "nation", "worker?"]);
});

test("a value that cannot be read may concern every subscription of its column", () => {
  const index = indexOf({ a: eq("age", "1"), b: eq("age", "2"), c: eq("home", "79") });
  expect(matches(index, row("1", "01", null, null, "many"))).toEqual(["a?", "b?"]);
});

test("equal values are found however they are written", () => {
  const index = indexOf({ a: eq("age", "+07"), b: { op: "in", column: "age", values: ["7", "8"] } });
  expect(matches(index, row("1", null, null, null, "7"))).toEqual(["a", "b"]);
});

test("subscriptions come and go", () => {
  const index = indexOf({ hcm: eq("home", "79") });
  const image = row("1", "79", null, null, null);
  expect(matches(index, image)).toEqual(["hcm"]);
  index.add("south", { op: "in", column: "home", values: ["79", "a longer value"] });
  expect(matches(index, image)).toEqual(["hcm", "south"]);
  expect(index.remove("hcm")).toBe(true);
  expect(index.remove("hcm")).toBe(false);
  expect(matches(index, image)).toEqual(["south"]);
  expect(index.size).toBe(1);
  expect(() => index.add("south", null)).toThrow("once");
});

test.each([
  ["one constant", (n: number) => eq("home", String(n))],
  ["a list", (n: number): Predicate => ({ op: "in", column: "home", values: [String(n), `x${n}`] })],
  ["a condition that all share beside it", (n: number) => all(eq("status", "alive"), eq("home", String(n)))],
  ["one of two columns", (n: number) => any(eq("home", String(n)), eq("work", String(n)))],
] as const)("a row costs the same with 10 and with 1,000 subscriptions: %s", (_, filterOf) => {
  const image = row("1", "7", "8", "alive", "30");
  const cost = (subscriptions: number): number => {
    const index = new FilterIndex<number>(columns);
    for (let n = 0; n < subscriptions; n += 1) index.add(n, filterOf(n));
    return looks(index, image);
  };
  expect(cost(1000)).toBe(cost(10));
  expect(cost(1000)).toBeGreaterThan(0);
  expect(cost(1000)).toBeLessThan(10);
});
