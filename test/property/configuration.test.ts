import fc from "fast-check";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { bindParameters } from "../../engine/config/bind-parameters.ts";
import { catalogTable, column as catalogColumn } from "../support/table-builders.ts";
import { canonicalContract, canonicalPredicate, readContract } from "../../engine/config/contract-text.ts";
import { readConfiguration } from "../../engine/config/load-config.ts";
import { Report } from "../../engine/config/report.ts";
import { parseServerUrl } from "../../engine/config/server-url.ts";
import { parseWhere } from "../../engine/config/where-parser.ts";
import { readYaml } from "../../engine/config/yaml-tree.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { ColumnMapping } from "../../engine/model/share.ts";

const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => !text.includes("\0"));
const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
);

test("a URL gives back the parts it was made of, whatever their letters", () => {
  const url = fc.record({ user: part, password: part, host, port: fc.integer({ min: 1, max: 65_535 }), database: part });
  fc.assert(
    fc.property(url, ({ user, password, host, port, database }) => {
      const text = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${encodeURIComponent(database)}`;
      // As a whole from a secret, percent-encoded, and with the password alone by reference, literally.
      const direct = parseServerUrl("${env:URL}", { env: { URL: text }, directory: "/", kind: "postgres" });
      const template = text.replace(`:${encodeURIComponent(password)}@`, () => ":${env:PASSWORD}@");
      const byPart = parseServerUrl(template, { env: { PASSWORD: password }, directory: "/", kind: "postgres" });
      for (const { address, problems } of [direct, byPart]) {
        expect(problems).toEqual([]);
        expect(address).toMatchObject({
          user: user,
          host: host.replace(/[[\]]/g, ""),
          port,
          database: database,
        });
      }
      expect(direct.address?.password?.reveal()).toBe(password);
      expect(byPart.address?.password?.reveal()).toBe(password);
    }),
  );
});

test("no text makes the loader throw, and a finding always names a place in it", () => {
  const yaml = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json().map((json) => stringify(JSON.parse(json))),
    fc
      .array(
        fc.constantFrom(
          "version: 1\n",
          "shares:\n",
          "  - ",
          "where: ",
          "{ a: ",
          "}",
          "[",
          "]",
          "&a ",
          "*a",
          "${env:X}",
          "url: ",
          "? ",
          "\t",
          "'",
          '"',
          "|\n",
        ),
        { maxLength: 40 },
      )
      .map((words) => words.join("")),
  );
  fc.assert(
    fc.property(yaml, (text) => {
      const { configuration, findings } = readConfiguration(text, "x.yaml", {});
      expect(configuration).toBeNull();
      expect(findings.length).toBeGreaterThan(0);
      const lines = text.split("\n").length;
      for (const { location } of findings) {
        expect(location?.line).toBeGreaterThanOrEqual(1);
        expect(location?.line).toBeLessThanOrEqual(lines);
        expect(location?.column).toBeGreaterThanOrEqual(1);
      }
    }),
    { numRuns: 500 },
  );
});

const column = fc.constantFrom("a", "b", "Mã tỉnh", "in", "c.d");
const value = fc.oneof(fc.constantFrom("1", "1.10", "079", "", " ", "null", "true", "~", "x y", "it's"), part);
const predicate: fc.Arbitrary<Predicate> = fc.letrec<{ tree: Predicate; leaf: Predicate }>((tie) => ({
  leaf: fc.oneof(
    fc.record({ op: fc.constantFrom("eq", "ne", "lt", "lte", "gt", "gte"), column, value }),
    fc.record({ op: fc.constant("starts_with" as const), column, value }),
    fc.record({ op: fc.constantFrom("in", "not_in"), column, values: fc.uniqueArray(value, { minLength: 1, maxLength: 5 }) }),
    fc.record({ op: fc.constant("is_null" as const), column, value: fc.boolean() }),
  ) as fc.Arbitrary<Predicate>,
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie("leaf"),
    fc.record({ op: fc.constantFrom("all", "any"), of: fc.array(tie("tree"), { minLength: 1, maxLength: 3 }) }) as fc.Arbitrary<Predicate>,
    fc.record({ op: fc.constant("not" as const), of: tie("tree") }),
  ),
})).tree;

function literal(text: string): string {
  return text.startsWith("$") ? `$${text}` : text;
}

/** The predicate as a user would write it. */
function written(node: Predicate): unknown {
  if (node.op === "all" || node.op === "any") return { [node.op]: node.of.map(written) };
  if (node.op === "not") return { not: written(node.of) };
  if (node.op === "is_null") return { [node.column]: { is_null: node.value } };
  if ("values" in node) return { [node.column]: { [node.op]: node.values.map(literal) } };
  return { [node.column]: { [node.op]: literal(node.value) } };
}

test("a filter that is written down reads back as itself", () => {
  fc.assert(
    fc.property(predicate, (node) => {
      const report = new Report();
      const tree = readYaml(stringify(written(node), { lineWidth: 0 }), "x.yaml", report);
      const clause = tree === null ? null : parseWhere(tree, report);
      expect(report.findings()).toEqual([]);
      expect(clause === null ? null : bindParameters(clause, new Map())).toEqual(node);
    }),
  );
});

/** The same predicate written otherwise: lists shuffled and repeated, conditions shuffled, wrapped, negated twice. */
function rewritten(node: Predicate, random: (below: number) => number): Predicate {
  const shuffled = <T>(list: readonly T[]): T[] =>
    list
      .map((item) => ({ item, order: random(1e9) }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ item }) => item);
  const inner = ((): Predicate => {
    if (node.op === "all" || node.op === "any") {
      const parts = shuffled([...node.of, ...node.of.slice(0, random(2))]).map((child) => rewritten(child, random));
      const nested = parts.length > 1 && random(2) === 0;
      return { op: node.op, of: nested ? [{ op: node.op, of: parts.slice(1) }, ...parts.slice(0, 1)] : parts };
    }
    if (node.op === "not") return { op: "not", of: rewritten(node.of, random) };
    if ("values" in node) return { ...node, values: shuffled([...node.values, ...node.values.slice(0, random(3))]) };
    if (node.op === "eq" && random(2) === 0) return { op: "in", column: node.column, values: [node.value, node.value] };
    return { value: node.value, column: node.column, op: node.op } as Predicate;
  })();
  const wrap = random(6);
  if (wrap === 0) return { op: "all", of: [inner] };
  if (wrap === 1) return { op: "any", of: [inner, inner] };
  if (wrap === 2) return { op: "not", of: { op: "not", of: inner } };
  return inner;
}

const text = {
  family: "postgres",
  identity: "25:-1",
  declaration: "text",
  bare: "text",
  kind: "base",
  category: "text",
  definitions: [],
  extension: null,
} as const;

function mapping(source: string, target: string, targetType: string | null = null): ColumnMapping {
  return { source, target, sourceType: text, targetType, nullable: true };
}

const catalog = catalogTable([catalogColumn("a", "text"), catalogColumn("b", "text"), catalogColumn("c", "text")]);

test("a contract's text does not depend on the order in which the same filter and columns are written", () => {
  fc.assert(
    fc.property(predicate, fc.infiniteStream(fc.nat()), (node, stream) => {
      const random = (below: number): number => (stream.next().value as number) % below;
      const columns = [mapping("a", "a"), mapping("b", "B", "varchar(9)"), mapping("c", "c")];
      const contract = canonicalContract(columns, node, catalog);
      expect(canonicalContract(columns.toReversed(), rewritten(node, random), catalog)).toBe(contract);
      expect(canonicalPredicate(canonicalPredicate(node))).toEqual(canonicalPredicate(node));
      expect(readContract(contract)?.filter).toEqual(canonicalPredicate(node));
    }),
  );
});

test("a contract's text tells every change of columns and filter", () => {
  const base = canonicalContract([mapping("a", "a")], { op: "eq", column: "a", value: "1" }, catalog);
  const others = [
    canonicalContract([mapping("a", "b")], { op: "eq", column: "a", value: "1" }, catalog),
    canonicalContract([mapping("a", "a", "varchar(9)")], { op: "eq", column: "a", value: "1" }, catalog),
    canonicalContract([{ ...mapping("a", "a", "varchar(9)"), conversion: "lossy" }], { op: "eq", column: "a", value: "1" }, catalog),
    canonicalContract([mapping("a", "a"), mapping("b", "b")], { op: "eq", column: "a", value: "1" }, catalog),
    canonicalContract([mapping("a", "a")], { op: "eq", column: "a", value: "01" }, catalog),
    canonicalContract([mapping("a", "a")], { op: "ne", column: "a", value: "1" }, catalog),
    canonicalContract([mapping("a", "a")], null, catalog),
    canonicalContract([mapping("a", "a")], { op: "eq", column: "a", value: "1" }, { ...catalog, id: "16501" }),
    canonicalContract([mapping("a", "a")], { op: "eq", column: "a", value: "1" }, catalogTable([catalogColumn("a", "text", { id: "2" })])),
  ];
  expect(new Set([base, ...others]).size).toBe(others.length + 1);
  expect(canonicalContract([mapping("a", "a")], { op: "in", column: "a", values: ["1"] }, catalog)).toBe(base);
});

test("a list that grows keeps its place among the other conditions, so that what was added can be told", () => {
  const other: Predicate = { op: "gt", column: "b", value: "1" };
  for (const values of [["1"], ["1", "2"]]) {
    const filter = canonicalPredicate({ op: "all", of: [other, { op: "in", column: "a", values }] });
    expect(filter).toMatchObject({ of: [{ column: "a" }, { column: "b" }] });
  }
});

test("a contract that this build did not write is no contract", () => {
  for (const stored of ["", "null", "{", "[]", '{"version":1,"columns":[],"filter":null}']) expect(readContract(stored)).toBeNull();
});
