import { describe, expect, it } from "vitest";
import { DriftAccount } from "../../../engine/pipeline/drift.ts";
import { catalogTable, column, tableMapping } from "../../support/table-builders.ts";

const [citizen, visit] = ["citizen", "visit"].map((name) =>
  tableMapping(catalogTable([column("id", "integer")], { table: { schema: "public", name } }), ["id"]),
);
const tables = [citizen!, visit!];

function driftsOf(account: DriftAccount, grown: number | null): [string, number][] {
  return account.drifts(tables, () => grown).map(({ table, rows }) => [table.source.name, rows]);
}

function account(...told: readonly number[]): DriftAccount {
  const made = new DriftAccount();
  for (const growth of told) made.add(0, growth);
  return made;
}

describe("a copy's growth", () => {
  it("is what the stream told, whatever came and went in between", () => {
    expect(driftsOf(account(1, 1, -1, 0, 1), 2)).toEqual([]);
    expect(driftsOf(new DriftAccount(), 5)).toEqual([]);
  });

  it.each([
    ["an update that inserted its row", 0, 1],
    ["a delete that found none", -1, 0],
    ["an insert that found its row", 1, 0],
  ])("tells of %s", (_, told, grown) => {
    expect(driftsOf(account(told), grown)).toEqual([["citizen", 1]]);
  });

  it("says nothing where an image does not tell, where rows came by other ways, and where the target cannot tell", () => {
    expect(driftsOf(account(1, Number.NaN), 7)).toEqual([]);
    const spoilt = account(1);
    spoilt.spoil(0);
    spoilt.add(0, 1);
    expect(driftsOf(spoilt, 7)).toEqual([]);
    expect(driftsOf(account(1), null)).toEqual([]);
  });

  it("is told table by table", () => {
    const both = account(1);
    both.add(1, 1);
    const drifts = both.drifts(tables, (table) => (table === visit ? 3 : 1));
    expect(drifts).toEqual([{ table: visit, rows: 2 }]);
  });
});
