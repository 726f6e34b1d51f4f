import { describe, expect, it } from "vitest";
import type { Position } from "../../../engine/model/position.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import type { LoadProgress, StoredCopy } from "../../../engine/ports/change-target.ts";
import { addedRows, planLoad } from "../../../engine/snapshot/load-plan.ts";
import { advanceLoad, loadComplete, newLoad } from "../../../engine/snapshot/load-progress.ts";

const provinces = (...values: string[]): Predicate => ({ op: "in", column: "province_code", values });
const contract = (filter: Predicate | null, columns = ["a", "b"]): string => JSON.stringify({ columns, filter });
const read = (text: string): { columns: string[]; filter: Predicate | null } =>
  JSON.parse(text) as { columns: string[]; filter: Predicate | null };
const copy = (parts: Partial<StoredCopy>): StoredCopy => ({
  table: {} as TableMapping,
  load: null,
  stopped: null,
  contract: null,
  expired: false,
  empty: parts.contract === undefined && parts.load === undefined,
  awaitsLoad: false,
  ...parts,
});

const order = {
  parse: (text: string) => text as Position,
  covers: (reached: Position, wanted: Position) => Number(reached) >= Number(wanted),
  least: (all: readonly Position[]) => all.toSorted((a, b) => Number(a) - Number(b))[0] as Position,
  join: (a: Position, b: Position) => (Number(a) > Number(b) ? a : b),
  bytesBetween: () => null,
};

describe("what a copy owes when its subscription starts", () => {
  it("is everything, without sweeping, when it was never loaded", () => {
    expect(planLoad(copy({}), contract(null), null, read)).toEqual({ kind: "begin", filter: null, sweep: false });
  });

  it("is everything, with sweeping, when it was never loaded and rows lie there nonetheless", () => {
    expect(planLoad(copy({ empty: false }), contract(null), null, read)).toEqual({ kind: "begin", filter: null, sweep: true });
  });

  it("is nothing when it obeys the wanted contract, also while it is stopped", () => {
    expect(planLoad(copy({ contract: contract(null) }), contract(null), null, read)).toEqual({ kind: "none" });
    expect(planLoad(copy({ contract: contract(null), stopped: { code: "DB-MAP-001", message: "" } }), contract(null), null, read)).toEqual({
      kind: "none",
    });
  });

  it("is the rest of a load of the same contract", () => {
    const load: LoadProgress = newLoad(contract(null), null, []);
    expect(planLoad(copy({ load }), contract(null), null, read)).toEqual({ kind: "continue", progress: load });
  });

  it("is only the new rows when an `in` list grew", () => {
    const now = provinces("79", "46", "01");
    const stored = copy({ contract: contract(provinces("79", "01")) });
    expect(planLoad(stored, contract(now), now, read)).toEqual({ kind: "begin", filter: provinces("46"), sweep: false });
  });

  it("is everything, with sweeping, when rows are withdrawn, columns change or an unfinished load was of another contract", () => {
    const now = provinces("79");
    const whole = { kind: "begin", filter: now, sweep: true };
    expect(planLoad(copy({ contract: contract(provinces("79", "46")) }), contract(now), now, read)).toEqual(whole);
    expect(planLoad(copy({ contract: contract(now, ["a"]) }), contract(now), now, read)).toEqual(whole);
    expect(planLoad(copy({ load: newLoad(contract(provinces("46")), null, []) }), contract(now), now, read)).toEqual(whole);
    expect(planLoad(copy({ contract: contract(null) }), contract(now), now, read)).toEqual(whole);
  });

  it("is nothing but a new label when columns were only withdrawn", () => {
    const filter = provinces("79");
    expect(planLoad(copy({ contract: contract(filter, ["a", "b", "c"]) }), contract(filter), filter, read)).toEqual({ kind: "relabel" });
    const load = { ...newLoad("c", null, []), ranges: [] };
    expect(loadComplete(load, "1" as Position, order)).toBe(true);
  });

  it("is everything when the copy is stopped, however little of its contract changed: it has missed changes", () => {
    const [was, now] = [provinces("79"), provinces("79", "46")];
    const stopped = { stopped: { code: "DB-MAP-010", message: "" } };
    const grown = planLoad(copy({ contract: contract(was), ...stopped }), contract(now), now, read);
    expect(grown).toEqual({ kind: "begin", filter: now, sweep: true });
    const narrowed = planLoad(copy({ contract: contract(was, ["a", "b", "c"]), ...stopped }), contract(was), was, read);
    expect(narrowed).toEqual({ kind: "begin", filter: was, sweep: true });
  });

  it("is everything when it was closed for a load that never began, whatever is wanted now, unless it is stopped", () => {
    const [now, grown] = [provinces("79"), provinces("79", "46")];
    const closed = copy({ contract: contract(now), awaitsLoad: true });
    expect(planLoad(closed, contract(now), now, read)).toEqual({ kind: "begin", filter: now, sweep: true });
    expect(planLoad(closed, contract(grown), grown, read)).toEqual({ kind: "begin", filter: grown, sweep: true });
    expect(planLoad(closed, contract(now, ["a"]), now, read)).toMatchObject({ kind: "begin", sweep: true });
    expect(planLoad({ ...closed, stopped: { code: "DB-MAP-011", message: "" } }, contract(now), now, read)).toEqual({ kind: "none" });
  });

  it("VL-04 is everything when an expired copy under the policy resync gets another contract", () => {
    const now = provinces("79", "46");
    const stored = copy({ contract: contract(provinces("79")), expired: true });
    expect(planLoad(stored, contract(now), now, read)).toEqual({ kind: "begin", filter: now, sweep: true });
  });

  it("finds the grown list inside an `all`, and only when nothing else changed", () => {
    const alive: Predicate = { op: "eq", column: "life", value: "1" };
    const all = (...of: Predicate[]): Predicate => ({ op: "all", of });
    expect(addedRows(all(alive, provinces("79")), all(alive, provinces("79", "46")))).toEqual(all(alive, provinces("46")));
    expect(addedRows(all(alive, provinces("79")), all({ ...alive, value: "2" }, provinces("79", "46")))).toBeNull();
    expect(addedRows({ op: "eq", column: "province_code", value: "79" }, provinces("79", "46"))).toEqual(provinces("46"));
    expect(addedRows(provinces("79"), { op: "in", column: "other", values: ["79", "46"] })).toBeNull();
  });
});

describe("the progress of a load", () => {
  it("cuts ranges between the given keys, open at both ends", () => {
    const load = newLoad("c", null, [[Buffer.from("g")], [Buffer.from("p")]]);
    const key = (text: string): string[] => [Buffer.from(text).toString("base64")];
    expect(load.ranges.map(({ after, until }) => [after, until])).toEqual([
      [null, key("g")],
      [key("g"), key("p")],
      [key("p"), null],
    ]);
  });

  it("is complete only when every range is done and the stream has passed all that chunks have seen", () => {
    let load = newLoad("c", null, [[Buffer.from("g")]]);
    load = advanceLoad(load, { range: 0, after: ["eA=="], done: true, position: "20" as Position }, 3, order);
    expect(loadComplete(load, "99" as Position, order)).toBe(false);
    load = advanceLoad(load, { range: 1, after: null, done: true, position: "10" as Position }, 2, order);
    expect(load).toMatchObject({ rows: 5, fence: "20" });
    expect(loadComplete(load, "19" as Position, order)).toBe(false);
    expect(loadComplete(load, "20" as Position, order)).toBe(true);
  });
});
