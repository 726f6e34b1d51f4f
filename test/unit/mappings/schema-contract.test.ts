import { describe, expect, test } from "vitest";
import type { StreamedColumn, StreamedTable } from "../../../engine/model/table.ts";
import { checkContract } from "../../../mappings/schema-contract.ts";
import { catalogTable, column, streamedTable, tableMapping } from "../../support/table-builders.ts";

const catalog = catalogTable([
  column("id", "integer"),
  column("full_name", "text"),
  column("birth_date", "date"),
  column("province", "text"),
  column("secret", "text"),
]);
const mapping = tableMapping(catalog, ["id", "full_name", "birth_date"], { op: "eq", column: "province", value: "79" });
const streamed = streamedTable(catalog);

function changed(change: (columns: StreamedColumn[]) => StreamedColumn[], overrides: Partial<StreamedTable> = {}): StreamedTable {
  return { ...streamed, columns: change([...streamed.columns]), ...overrides, version: 2 };
}

const identifiedBy = (covers: (name: string) => boolean) => (columns: StreamedColumn[]) =>
  columns.map((one) => ({ ...one, inIdentity: covers(one.name) }));
const without = (name: string) => changed((columns) => columns.filter((one) => one.name !== name));
const renamed = (from: string, to: string) => changed((columns) => columns.map((one) => (one.name === from ? { ...one, name: to } : one)));
const retyped = (name: string, typeIdentity: string) =>
  changed((columns) => columns.map((one) => (one.name === name ? { ...one, typeIdentity } : one)));

describe("goes on", () => {
  test("while the stream is as the catalogue was", () => {
    expect(checkContract(streamed, mapping)).toBeNull();
  });

  test("when an unshared column comes, goes, is renamed or retyped, or columns change places", () => {
    expect(checkContract(without("secret"), mapping)).toBeNull();
    expect(checkContract(renamed("secret", "open"), mapping)).toBeNull();
    expect(checkContract(retyped("secret", "17:-1"), mapping)).toBeNull();
    expect(
      checkContract(
        changed((columns) => [...columns, { name: "new", typeIdentity: "3802:-1", inIdentity: false }]),
        mapping,
      ),
    ).toBeNull();
    expect(
      checkContract(
        changed((columns) => columns.toReversed()),
        mapping,
      ),
    ).toBeNull();
  });

  test("when the replica identity grows or becomes the whole row", () => {
    expect(
      checkContract(
        changed(
          identifiedBy(() => true),
          { identity: "full" },
        ),
        mapping,
      ),
    ).toBeNull();
    expect(
      checkContract(
        changed(
          identifiedBy(() => true),
          { identity: "index" },
        ),
        mapping,
      ),
    ).toBeNull();
  });
});

describe("stops", () => {
  test("when a shared column, a key column or one that only the filter names is gone", () => {
    for (const name of ["id", "birth_date", "province"]) {
      const error = checkContract(without(name), mapping);
      expect(error?.code).toBe("DB-MAP-010");
      expect(error?.message).toContain(`public.citizen: column "${name}"`);
    }
    expect(checkContract(without("birth_date"), mapping)?.message).toContain('"birth_date" (date) is gone');
  });

  test("when such a column has another type or modifier, saying what was and what is", () => {
    const error = checkContract(retyped("birth_date", "1114:-1"), mapping);
    expect(error?.code).toBe("DB-MAP-011");
    expect(error?.explanation).toBe('column "birth_date" was date and is another type (type and modifier 1114:-1, was 1082:-1) now');
    const named = checkContract(retyped("birth_date", "1114:-1"), mapping, () => "timestamp without time zone");
    expect(named?.explanation).toBe('column "birth_date" was date and is timestamp without time zone now');
    expect(checkContract(retyped("province", "1043:7"), mapping)?.code).toBe("DB-MAP-011");
    expect(checkContract(retyped("id", "20:-1"), mapping)?.code).toBe("DB-MAP-011");
  });

  test("when such a column seems to be renamed, with the new name", () => {
    const error = checkContract(renamed("full_name", "name"), mapping);
    expect(error?.code).toBe("DB-MAP-012");
    expect(error?.explanation).toBe('column "full_name" (text) is gone, and "name" of the same type has come: it was probably renamed');
  });

  test("guessing a new name only from the same place or a single candidate", () => {
    const moved = changed((columns) => [
      ...columns.filter((one) => one.name !== "full_name"),
      { name: "name", typeIdentity: "25:-1", inIdentity: false },
    ]);
    expect(checkContract(moved, mapping)?.explanation).toContain('"name" of the same type');
    const two = { ...moved, columns: [...moved.columns, { name: "alias", typeIdentity: "25:-1", inIdentity: false }] };
    expect(checkContract(two, mapping)?.code).toBe("DB-MAP-010");
    const other = { ...moved, columns: moved.columns.map((one) => (one.name === "name" ? { ...one, typeIdentity: "17:-1" } : one)) };
    expect(checkContract(other, mapping)?.code).toBe("DB-MAP-010");
  });

  test("when the identity no longer holds the key, so that updates and deletes name no row of the copy", () => {
    const error = checkContract(
      changed(
        identifiedBy((name) => name === "province"),
        { identity: "index" },
      ),
      mapping,
    );
    expect(error?.code).toBe("DB-MAP-013");
    expect(error?.explanation).toContain('"id"');
    expect(checkContract({ ...streamed, identity: "nothing" }, mapping)?.code).toBe("DB-MAP-013");
  });

  test("when the table is another one: made again, or renamed", () => {
    expect(checkContract({ ...streamed, id: "16999" }, mapping)?.code).toBe("DB-MAP-014");
    const error = checkContract({ ...streamed, table: { schema: "public", name: "person" } }, mapping);
    expect(error?.code).toBe("DB-MAP-014");
    expect(error?.explanation).toBe("the table is called public.person now");
  });

  test("naming every difference at once", () => {
    const many = changed((columns) =>
      columns
        .filter((one) => one.name !== "province")
        .map((one) => (one.name === "id" ? { ...one, typeIdentity: "20:-1", inIdentity: false } : one)),
    );
    const error = checkContract(many, mapping);
    expect(error?.explanation.split("; ")).toHaveLength(3);
    expect(error?.remedy).not.toBe("");
  });
});
