import { describe, expect, test } from "vitest";
import { columnDefinition } from "../../../connectors/mysql/apply/column-definition.ts";
import { deleteSql, upsertSql } from "../../../connectors/mysql/apply/table-sql.ts";
import type { ShapeColumn, TableShape } from "../../../connectors/mysql/apply/target-catalog.ts";
import type { Flavour } from "../../../connectors/mysql/mysql-client.ts";
import { mysqlType } from "../../support/family-types.ts";
import { catalogTable, column, tableMapping } from "../../support/table-builders.ts";

const mapping = tableMapping(catalogTable([column("id", "integer"), column("name", "text")]), ["id", "name"]);

function shape(flavour: Flavour, key: readonly number[] = [0]): TableShape {
  const made = (name: string, comparand: string): ShapeColumn => ({
    sourceType: mysqlType("int"),
    name,
    comparand,
    exact: name,
    binary: false,
    encode: (text) => text,
    verbatim: (_bytes, _start, end) => end,
  });
  return {
    mapping,
    flavour,
    physical: "`a_copy`.`t`",
    columns: [made("`id`", "CAST(? AS SIGNED)"), made("`name`", "?")],
    key,
    references: [],
    own: null,
  };
}

describe("an upsert", () => {
  test("takes the new values in each flavour's own way, and refuses a row that is there under another key", () => {
    expect(upsertSql(shape("mariadb"), 2)).toBe(
      "INSERT INTO `a_copy`.`t` (`id`, `name`, dongbo_batch) VALUES (?, ?, ?), (?, ?, ?) ON DUPLICATE KEY UPDATE `name` = VALUES(`name`), " +
        "dongbo_batch = IF(`a_copy`.`t`.`id` = VALUES(`id`), LAST_INSERT_ID(VALUES(dongbo_batch) + 4503599627370496) - 4503599627370496, NULL)",
    );
    // MySQL tells with each statement that VALUES() is going out of use.
    expect(upsertSql(shape("mysql"), 1)).toBe(
      "INSERT INTO `a_copy`.`t` (`id`, `name`, dongbo_batch) VALUES (?, ?, ?) AS fresh ON DUPLICATE KEY UPDATE `name` = fresh.`name`, " +
        "dongbo_batch = IF(`a_copy`.`t`.`id` = fresh.`id`, LAST_INSERT_ID(fresh.dongbo_batch + 4503599627370496) - 4503599627370496, NULL)",
    );
  });
});

test("rows are found by their keys in the keys' own types", () => {
  expect(deleteSql(shape("mysql"), 2)).toBe("DELETE FROM `a_copy`.`t` WHERE `id` IN (CAST(? AS SIGNED), CAST(? AS SIGNED))");
  expect(deleteSql(shape("mysql", [1, 0]), 2)).toBe(
    "DELETE FROM `a_copy`.`t` WHERE (`name` = ? AND `id` = CAST(? AS SIGNED)) OR (`name` = ? AND `id` = CAST(? AS SIGNED))",
  );
});

describe("a key's column", () => {
  const declared = (flavour: Flavour, type: string): string => {
    const columns = mapping.columns.map((one) => (one.source === "id" ? { ...one, targetType: type } : one));
    return columnDefinition(flavour, { ...mapping, columns }, "id");
  };

  test("tells text apart by every byte", () => {
    expect(declared("mariadb", "varchar(40)")).toBe("`id` varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL");
    expect(declared("mysql", "varchar(40)")).toBe("`id` varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL");
    expect(declared("mariadb", "char(36) CHARACTER SET ascii")).toBe("`id` char(36) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL");
    expect(declared("mysql", "enum('a','b')")).toContain("COLLATE utf8mb4_0900_bin");
    expect(declared("mysql", "varchar(40) COLLATE utf8mb4_bin")).toBe("`id` varchar(40) COLLATE utf8mb4_bin NOT NULL");
  });

  test("never takes the time of writing", () => {
    expect(declared("mysql", "timestamp(6)")).toBe("`id` timestamp(6) NOT NULL DEFAULT '1970-01-01 00:00:01'");
    expect(declared("mysql", "bigint unsigned")).toBe("`id` bigint unsigned NOT NULL");
  });
});
