import { describe, expect, test } from "vitest";
import type { ColumnType, TypeDefinition } from "../../../engine/model/table.ts";
import { canHold, danglingCause } from "../../../reconcilers/dangling-cause.ts";
import { mysqlType, postgresType } from "../../support/family-types.ts";

describe("why something refers to a row that the copy does not have (RC-02)", () => {
  const mine = { passes: true };
  const others = { passes: false };
  test.each([
    ["no row of the copy has it", null],
    ["not in the master", { master: null, quarantined: false }],
    ["not in the master", { master: null, quarantined: true }],
    ["outside the share's filter", { master: others, quarantined: false }],
    ["outside the share's filter", { master: others, quarantined: true }],
    ["in quarantine", { master: mine, quarantined: true }],
    ["missing in the copy", { master: mine, quarantined: false }],
  ])("%s: %j", (cause, facts) => {
    expect(danglingCause(facts)).toBe(cause);
  });
});

describe("a text that a column of the master cannot hold is not looked for there", () => {
  const label: TypeDefinition = { kind: "enum", name: { schema: "public", name: "level" }, labels: ["thấp", "cao"] };
  const level: ColumnType = { ...postgresType("text"), kind: "enum", category: "enum", bare: "public.level", definitions: [label] };
  test.each<[string, ColumnType, readonly string[], readonly string[]]>([
    ["smallint", postgresType("int2"), ["0", "-32768", "32767"], ["32768", "-32769", "", "x", "1.5", " 1"]],
    ["integer", postgresType("int4"), ["2147483647", "007"], ["2147483648", "1e3"]],
    ["bigint", postgresType("int8"), ["-9223372036854775808"], ["9223372036854775808"]],
    ["MySQL's integers", mysqlType("int"), ["18446744073709551615"], ["x"]],
    ["numeric", postgresType("numeric"), ["1", "-1.50"], ["NaN", "1.", "một"]],
    ["boolean", postgresType("bool"), ["t", "0"], ["true", ""]],
    ["uuid", postgresType("uuid"), ["00000000-0000-0000-0000-00000000000a"], ["0000", "00000000-0000-0000-0000-00000000000g"]],
    ["enum", level, ["cao"], ["Cao", ""]],
    ["text", postgresType("text"), ["", "gì cũng được"], []],
  ])("%s", (_, type, held, refused) => {
    expect(held.filter((text) => !canHold(type, text))).toEqual([]);
    expect(refused.filter((text) => canHold(type, text))).toEqual([]);
  });
});
