import { describe, expect, test } from "vitest";
import { changedValue, refusalOf, RowsRefused, rowsRefused } from "../../../connectors/mysql/apply/refusal.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";

function serverError(errno: number, message: string, sqlState = "23000"): Error {
  return Object.assign(new Error(message), { errno, sqlState });
}

describe("what a server's error says of a row", () => {
  const told: readonly (readonly [number, string, string, string, string | null])[] = [
    [1048, "23000", "Column 'name' cannot be null", "DB-ROW-002", "column name"],
    [1062, "23000", "Duplicate entry 'Kín' for key 'by_name'", "DB-ROW-003", "constraint by_name"],
    [
      1452,
      "23000",
      "Cannot add or update a child row: a foreign key constraint fails (`a_copy`.`c`, CONSTRAINT `c_fk` FOREIGN KEY (`p`) REFERENCES `p` (`id`))",
      "DB-ROW-004",
      "constraint c_fk",
    ],
    [4025, "23000", "CONSTRAINT `young` failed for `a_copy`.`c`", "DB-ROW-005", "constraint young"],
    [3819, "HY000", "Check constraint 'young' is violated.", "DB-ROW-005", "constraint young"],
    [1644, "45000", "Kín is not welcome", "DB-ROW-006", null],
    [1118, "42000", "Row size too large", "DB-ROW-007", null],
    [1406, "22001", "Data too long for column 'name' at row 3", "DB-ROW-001", "column name"],
    [1366, "22007", "Incorrect integer value: 'Kín' for column `a_copy`.`c`.`age` at row 1", "DB-ROW-001", "column age"],
  ];
  test.each(told)("error %i, SQLSTATE %s", (number, state, message, code, detail) => {
    expect(rowsRefused(serverError(number, message, state))?.refusal).toEqual({ code, sqlstate: state, detail });
  });

  test("holds no value of the row, even one that looks like the server's own words", () => {
    const values = ["x' for key 'Kín", "x' for column 'Kín' at row 1", "Column 'Kín' cannot be null", "x', CONSTRAINT `Kín` FOREIGN KEY ("];
    for (const value of values) {
      for (const message of [
        `Duplicate entry '${value}' for key 'k'`,
        `Incorrect integer value: '${value}' for column \`a\`.\`b\`.\`c\` at row 1`,
      ]) {
        expect(JSON.stringify(rowsRefused(serverError(1062, message)))).not.toContain("Kín");
      }
    }
  });

  test("that is no fault of the rows is none", () => {
    expect(rowsRefused(serverError(1213, "Deadlock found", "40001"))).toBeNull();
    expect(rowsRefused(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", errno: -104 }))).toBeNull();
  });

  test("keeps the code of a value that its column cannot hold", () => {
    expect(refusalOf(new ReplicationError("DB-ROW-010", { subject: "public.citizen.height" }))).toEqual({
      code: "DB-ROW-010",
      sqlstate: null,
      detail: null,
    });
  });

  test("tells whether other rows may make way", () => {
    const passes = (number: number): boolean => rowsRefused(serverError(number, ""))?.mayPassLater ?? false;
    expect([1062, 1451, 1452].map(passes)).toEqual([true, true, true]);
    expect([1048, 1406, 4025].map(passes)).toEqual([false, false, false]);
  });
});

describe("a warning", () => {
  const rounded = { number: 1265, message: "Data truncated for column 'height' at row 2" };

  test("tells of a changed value, unless the column may lose something", () => {
    expect(changedValue([rounded], [])).toBeInstanceOf(RowsRefused);
    expect(changedValue([rounded], ["height"])).toBeNull();
    expect(changedValue([rounded, { number: 1265, message: "Data truncated for column 'age' at row 1" }], ["height"])?.refusal.detail).toBe(
      "column age",
    );
    expect(changedValue([{ number: 1265, message: "in another language" }], ["height"])).toBeInstanceOf(RowsRefused);
  });
});
