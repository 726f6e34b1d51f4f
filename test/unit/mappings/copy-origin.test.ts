import { describe, expect, test } from "vitest";
import { canonicalContract } from "../../../engine/config/contract-text.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { StoppedTable } from "../../../engine/model/share.ts";
import type { CatalogColumn, CatalogTable } from "../../../engine/model/table.ts";
import { objectionTo } from "../../../mappings/copy-origin.ts";
import { catalogTable, column, columnType, tableMapping } from "../../support/table-builders.ts";

const columns = [column("id", "integer"), column("born", "date"), column("province", "text"), column("secret", "text")];
const filter = { op: "eq", column: "province", value: "79" } as const;
const before = tableMapping(catalogTable(columns), ["id", "born"], filter);
const contract = canonicalContract(before.columns, before.filter, before.catalog);

/** What is said of the copy when the table has become so; `change` makes of each column what it is now. */
function saidOf(change: (was: CatalogColumn) => CatalogColumn | null, overrides: Partial<CatalogTable> = {}): string | null {
  const now = catalogTable(
    columns.flatMap((was) => change(was) ?? []),
    overrides,
  );
  const kept = ["id", "born"].filter((name) => now.columns.some((other) => other.name === name));
  const gone = kept.length < 2 || !now.columns.some(({ name }) => name === "province");
  return objectionTo(gone ? stopped(now) : tableMapping(now, kept, filter), contract)?.message ?? null;
}

function stopped(catalog: CatalogTable | null): StoppedTable {
  const { source, target, physical } = before;
  const reason = new ReplicationError("DB-MAP-031", { subject: "public.citizen", cause: "so it is" });
  return { source, target, physical, catalog, columns: ["id", "born", "province"], reason };
}

const changed =
  (name: string, how: Partial<CatalogColumn>) =>
  (was: CatalogColumn): CatalogColumn =>
    was.name === name ? { ...was, ...how } : was;

describe("a copy goes on", () => {
  test("while the table is what its rows were read from, whatever happens to the columns it does not need", () => {
    expect(saidOf((was) => was)).toBeNull();
    expect(saidOf((was) => (was.name === "secret" ? null : was))).toBeNull();
    expect(saidOf(changed("secret", { id: "9", type: columnType("bytes") }))).toBeNull();
    expect(saidOf(changed("born", { nullable: false }))).toBeNull();
  });

  test("when there is nothing it could be held to", () => {
    const mapping = tableMapping(catalogTable(columns, { id: "2" }), ["id", "born"], filter);
    for (const text of [null, "", "{}"]) expect(objectionTo(mapping, text)).toBeNull();
  });

  test("when the configuration no longer wants what is gone", () => {
    const now = catalogTable(columns.filter(({ name }) => name === "id"));
    expect(objectionTo(tableMapping(now, ["id"]), contract)).toBeNull();
  });
});

describe("a copy stands still", () => {
  test.each([
    [
      "a column is gone",
      'DB-MAP-010: public.citizen: column "born" (date) is gone.',
      (was: CatalogColumn) => (was.name === "born" ? null : was),
    ],
    [
      "the filter's column is gone",
      'DB-MAP-010: public.citizen: column "province" (text) is gone.',
      (was: CatalogColumn) => (was.name === "province" ? null : was),
    ],
    [
      "a column was renamed",
      'DB-MAP-012: public.citizen: column "born" (date) is gone: it is called "birth_date" now.',
      changed("born", { name: "birth_date" }),
    ],
    [
      "a column was retyped",
      'DB-MAP-011: public.citizen: column "born" was date and is text now.',
      changed("born", { type: columnType("text") }),
    ],
    ["a column was made again", 'DB-MAP-015: public.citizen: column "born" was dropped and made again.', changed("born", { id: "9" })],
  ] as const)("when %s", (_, message, change) => {
    expect(saidOf(change)).toContain(message);
  });

  test("with all that has changed, when two columns have changed their names", () => {
    const swapped = (was: CatalogColumn): CatalogColumn =>
      was.name === "born" ? { ...was, name: "secret" } : was.name === "secret" ? { ...was, name: "born" } : was;
    expect(saidOf(swapped)).toContain('column "born" was dropped and made again');
  });

  test("when the table was made again, or cannot be followed for a reason of its own", () => {
    expect(saidOf((was) => was, { id: "2" })).toContain("DB-MAP-014: public.citizen: the table was dropped and made again.");
    expect(objectionTo(stopped(null), contract)?.message).toContain("so it is");
    expect(objectionTo(stopped(catalogTable(columns)), contract)?.message).toContain("so it is");
    expect(objectionTo(stopped(catalogTable(columns.slice(0, 1))), null)?.message).toContain("so it is");
  });
});
