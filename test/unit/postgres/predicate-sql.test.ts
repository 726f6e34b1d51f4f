import { expect, test } from "vitest";
import { predicateWithLiterals, predicateWithParameters } from "../../../connectors/postgres/predicate-sql.ts";
import { column, columnType } from "../../support/table-builders.ts";

const columns = [
  column("id", "integer"),
  column("Tỉnh", "text"),
  column("code", "padded"),
  column("colour", "enum"),
  column("shade", "enum", { type: columnType("enum", { kind: "domain" }) }),
  column("document", "other"),
];

test("constants become parameters, one for a whole list, numbered from where the statement wants", () => {
  const sql = predicateWithParameters(
    {
      op: "all",
      of: [
        { op: "in", column: "Tỉnh", values: ["79", 'a"\\'] },
        { op: "lt", column: "id", value: "5" },
      ],
    },
    columns,
    3,
  );
  expect(sql.sql).toBe(
    '(("Tỉnh" OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.text[])) AND ("id" OPERATOR(pg_catalog.<) $4::pg_catalog.int4))',
  );
  expect(sql.parameters).toEqual(['{"79","a\\"\\\\"}', "5"]);
});

test("the same with literals for statements without parameters", () => {
  const sql = predicateWithLiterals({ op: "not", of: { op: "not_in", column: "Tỉnh", values: ["it's"] } }, columns);
  expect(sql).toBe(`(NOT ("Tỉnh" OPERATOR(pg_catalog.<>) ALL ('{"it''s"}'::pg_catalog.text[])))`);
});

test("text is ordered by bytes, char(n) compares as char(n), prefixes as text", () => {
  expect(predicateWithLiterals({ op: "gte", column: "Tỉnh", value: "a" }, columns)).toContain(
    '"Tỉnh" COLLATE pg_catalog."C" OPERATOR(pg_catalog.>=)',
  );
  expect(predicateWithLiterals({ op: "eq", column: "code", value: "a " }, columns)).toBe(
    `("code" OPERATOR(pg_catalog.=) 'a '::pg_catalog.bpchar)`,
  );
  expect(predicateWithLiterals({ op: "starts_with", column: "code", value: "a" }, columns)).toBe(
    `pg_catalog.starts_with("code", 'a'::pg_catalog.text)`,
  );
});

test("enum types are never named: that would need rights on their schema", () => {
  expect(predicateWithLiterals({ op: "eq", column: "colour", value: "red" }, columns)).toBe(`("colour" OPERATOR(pg_catalog.=) 'red')`);
  expect(predicateWithLiterals({ op: "ne", column: "shade", value: "red" }, columns)).toBe(
    `("shade"::pg_catalog.text OPERATOR(pg_catalog.<>) 'red'::pg_catalog.text)`,
  );
});

test("a value of any type can be asked for NULL, a row of NULLs is not one", () => {
  expect(predicateWithLiterals({ op: "is_null", column: "id", value: true }, columns)).toBe('("id" IS NULL)');
  expect(predicateWithLiterals({ op: "is_null", column: "document", value: false }, columns)).toBe(
    '(NOT "document" IS NOT DISTINCT FROM NULL)',
  );
});

test("no filter, all of nothing and any of nothing", () => {
  expect(predicateWithLiterals(null, columns)).toBe("TRUE");
  expect(predicateWithLiterals({ op: "all", of: [] }, columns)).toBe("TRUE");
  expect(predicateWithLiterals({ op: "any", of: [] }, columns)).toBe("FALSE");
});

test("a column that is not there is a defect here: filters are checked before", () => {
  expect(() => predicateWithLiterals({ op: "eq", column: "nobody", value: "1" }, columns)).toThrow("columns of its table");
});
