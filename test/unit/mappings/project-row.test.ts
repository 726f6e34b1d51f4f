import { describe, expect, test } from "vitest";
import type { RowChange } from "../../../engine/model/change-message.ts";
import { ABSENT, UNCHANGED, type Row } from "../../../engine/model/row.ts";
import type { StreamedTable } from "../../../engine/model/table.ts";
import { compileProjection, isSameKey, rowImages } from "../../../mappings/project-row.ts";
import { catalogTable, column, row, streamedTable, tableMapping } from "../../support/table-builders.ts";

const catalog = catalogTable([column("id", "integer"), column("province", "text"), column("name", "text"), column("photo", "text")]);
const mapping = tableMapping(catalog, ["photo", "id"]);
const streamed = streamedTable(catalog);

function change(tag: RowChange["tag"], before: Row | null, after: Row | null, table: StreamedTable = streamed): RowChange {
  return { tag, table, before, after };
}

function keyOf(...parts: readonly string[]): Buffer[] {
  return parts.map((part) => Buffer.from(part));
}

describe("projection", () => {
  const projection = compileProjection(streamed, mapping);

  test("CP-03 ships the mapping's columns in the mapping's order and nothing else", () => {
    expect(projection.row(row("1", "79", "Lê", "p"))).toEqual(row("p", "1"));
  });

  test("keeps NULL, absent and unchanged apart", () => {
    expect(projection.row(row("1", "79", "Lê", null))).toEqual([null, Buffer.from("1")]);
    expect(projection.row(row("1", "79", "Lê", UNCHANGED))).toEqual([UNCHANGED, Buffer.from("1")]);
    expect(projection.row(row("1", "79", "Lê", ABSENT))).toEqual([ABSENT, Buffer.from("1")]);
    expect(projection.row(row("1"))).toEqual([ABSENT, Buffer.from("1")]);
  });

  test("tells how much of the shipped columns an image holds; others do not count", () => {
    expect(projection.content(row("1", UNCHANGED, ABSENT, "p"))).toBe("complete");
    expect(projection.content(row("1", "79", "Lê", null))).toBe("complete");
    expect(projection.content(row("1", "79", "Lê", UNCHANGED))).toBe("partial");
    expect(projection.content(row(UNCHANGED, "79", "Lê", ABSENT))).toBe("lacking");
    expect(projection.content(row("1"))).toBe("lacking");
  });

  test("extracts the key in key order, and none where a part is NULL or missing", () => {
    const keyed = compileProjection(streamed, { ...mapping, key: ["name", "id"] });
    expect(keyed.key(row("1", "79", "Lê", "p"))).toEqual([Buffer.from("Lê"), Buffer.from("1")]);
    for (const missing of [null, ABSENT, UNCHANGED] as const) expect(keyed.key(row("1", "79", missing, "p"))).toBeNull();
    expect(keyed.key(row("1"))).toBeNull();
  });

  test("finds columns by name after unshared ones have come, gone and changed places", () => {
    const columns = [
      { name: "new", typeIdentity: "25:-1", inIdentity: false },
      ...streamed.columns.filter(({ name }) => name !== "province").toReversed(),
    ];
    const moved = compileProjection({ ...streamed, columns, version: 2 }, mapping);
    expect(moved.row(row("n", "p", "Lê", "1"))).toEqual(row("p", "1"));
    expect(moved.key(row("n", "p", "Lê", "1"))).toEqual(row("1"));
  });

  test("a column that is not in the stream is a defect here: the contract is checked before", () => {
    expect(() => compileProjection({ ...streamed, columns: [] }, mapping)).toThrow("every column of the mapping");
  });
});

describe("images of a change", () => {
  const after = row("1", "79", "Lê", UNCHANGED);
  const indexed = { ...streamed, identity: "index" as const, columns: streamed.columns.map((one, at) => ({ ...one, inIdentity: at < 2 })) };

  test("an insert has no row before, a delete none after", () => {
    expect(rowImages(change("insert", null, after))).toEqual({ old: null, next: after });
    expect(rowImages(change("delete", row("1", ABSENT, ABSENT, ABSENT), null))).toEqual({
      old: row("1", ABSENT, ABSENT, ABSENT),
      next: null,
    });
  });

  test("an update without a before image left the identity alone: its columns were what they are", () => {
    expect(rowImages(change("update", null, after))).toEqual({ old: row("1", ABSENT, ABSENT, ABSENT), next: after });
    expect(rowImages(change("update", null, after, indexed)).old).toEqual(row("1", "79", ABSENT, ABSENT));
  });

  test("without an identity, or with a whole-row one that sent nothing, nothing is known of before", () => {
    for (const identity of ["full", "nothing"] as const) {
      const columns = streamed.columns.map((one) => ({ ...one, inIdentity: identity === "full" }));
      expect(rowImages(change("update", null, after, { ...streamed, identity, columns })).old).toEqual(row(ABSENT, ABSENT, ABSENT, ABSENT));
    }
  });

  test("unchanged values are taken from the before image where it has them", () => {
    const photo = Buffer.from("before");
    const full: Row = [...row("1", "01", "Lê"), photo];
    expect(rowImages(change("update", full, after)).next).toEqual([...row("1", "79", "Lê"), photo]);
    expect(rowImages(change("update", row("0", ABSENT, ABSENT, ABSENT), after)).next).toEqual(after);
    expect(rowImages(change("update", row("1", "01", "Lê", null), after)).next).toEqual(row("1", "79", "Lê", null));
    expect(rowImages(change("update", row("1", "01", "Lê", UNCHANGED), after)).next).toEqual(after);
  });

  test("images that are complete are passed on as they are, without a copy", () => {
    const before = row("0", "01", "Lê", "p");
    const next = row("1", "79", "Lê", "p");
    const images = rowImages(change("update", before, next));
    expect(images.old).toBe(before);
    expect(images.next).toBe(next);
    expect(after[3]).toBe(UNCHANGED);
  });
});

test("keys are the same only part by part", () => {
  expect(isSameKey(keyOf("1", "a"), keyOf("1", "a"))).toBe(true);
  expect(isSameKey(keyOf("1", "a"), keyOf("1", "b"))).toBe(false);
  expect(isSameKey(keyOf("1"), keyOf("1", "a"))).toBe(false);
  expect(isSameKey(keyOf("1a", ""), keyOf("1", "a"))).toBe(false);
});
