// Bytes of real servers → the events that the SQL behind them must give.
import { describe, expect, test } from "vitest";
import { lsnOrder } from "../../connectors/postgres/lsn.ts";
import { parsePgoutput } from "../../connectors/postgres/decode/pgoutput-parser.ts";
import type { PgoutputMessage } from "../../connectors/postgres/decode/pgoutput-messages.ts";
import type { Row } from "../../engine/model/row.ts";
import { goldenMajors, readGolden } from "./golden-file.ts";
import { rowScenarios } from "./pgoutput-scenarios.ts";
import { tableScenarios } from "./pgoutput-table-scenarios.ts";
import { binaryScenario, typesScenario } from "./pgoutput-types.ts";
import { decodeAll, printChanges } from "./print-changes.ts";

const scenarios = [...rowScenarios, ...tableScenarios];

describe.each(goldenMajors)("PostgreSQL %i", (major) => {
  const golden = readGolden(major);

  const messagesOf = (name: string): Buffer[] => {
    const captured = golden.scenarios[name];
    if (captured === undefined) throw new Error(`no bytes were captured for "${name}": run test/golden/capture-pgoutput.ts`);
    return captured.messages.map((hex) => Buffer.from(hex, "hex"));
  };

  const parsedOf = (name: string, tag: string): PgoutputMessage[] =>
    messagesOf(name)
      .map(parsePgoutput)
      .filter((message) => message.tag === tag);

  test("every captured scenario is one that is expected, and was captured from its SQL as it stands", () => {
    const wanted = [...scenarios, typesScenario, binaryScenario].filter((scenario) => (scenario.majorMin ?? 15) <= major);
    expect(golden.server).toMatch(new RegExp(`^${major}\\.`));
    expect(Object.keys(golden.scenarios).toSorted()).toEqual(wanted.map((scenario) => scenario.name).toSorted());
    for (const scenario of wanted) expect(golden.scenarios[scenario.name]?.sql).toEqual([...scenario.setup, ...scenario.sql]);
  });

  for (const scenario of scenarios.filter((scenario) => (scenario.majorMin ?? 15) <= major)) {
    test(scenario.name, () => {
      const messages = messagesOf(scenario.name);
      const letters = messages.map((bytes) => String.fromCharCode(bytes[0] ?? 0)).join("");
      expect(letters).toBe(scenario.wire.replaceAll(" ", ""));
      expect(printChanges(decodeAll(messages))).toEqual(scenario.expected);
    });
  }

  test(`${typesScenario.name} (I-6)`, () => {
    const rows = decodeAll(messagesOf(typesScenario.name)).flatMap((message) => (message.tag === "insert" ? [message.after] : []));
    const text = rows.map((row) => (row ?? []).map(printValue));
    expect(text).toEqual(golden.scenarios[typesScenario.name]?.selected);
    expect(text.length).toBeGreaterThan(5);
  });

  test("every commit lies after its own begin, and every begin after the commit before it (SPEC: prefix)", () => {
    for (const scenario of scenarios.filter((scenario) => (scenario.majorMin ?? 15) <= major)) {
      const positions = decodeAll(messagesOf(scenario.name)).flatMap((message) =>
        message.tag === "begin" || message.tag === "commit" ? [message.position] : [],
      );
      for (const [index, position] of positions.entries()) {
        const before = positions[index - 1];
        if (before !== undefined) expect(lsnOrder.covers(before, position), `${before} ${position}`).toBe(false);
      }
    }
  });

  test("commit times are the server's, in microseconds since 1970", () => {
    for (const message of decodeAll(messagesOf("a change of the key carries the old key"))) {
      if (message.tag !== "commit") continue;
      const at = new Date(message.committedAt / 1000);
      expect(at.getTime()).toBeGreaterThan(Date.parse("2025-01-01T00:00:00Z"));
      expect(at.getTime()).toBeLessThan(Date.parse("2100-01-01T00:00:00Z"));
    }
  });

  test("truncate says whether it cascaded and restarted sequences", () => {
    const parsed = messagesOf("truncate of several tables, by cascade and with restarted sequences").map(parsePgoutput);
    const truncates = parsed.flatMap((message) => (message.tag === "truncate" ? [message] : []));
    expect(truncates.map(({ cascade, restartIdentity }) => [cascade, restartIdentity])).toEqual([
      [false, false],
      [true, false],
      [false, true],
    ]);
  });

  test("origins, types and logical messages are read to the end", () => {
    expect(parsedOf("a transaction that was replicated to the source names its origin", "origin")).toEqual([
      { tag: "origin", lsn: { high: 0, low: 0x1234 }, name: "elsewhere" },
    ]);
    expect(parsedOf("enum, domain and composite types are named before their table", "type")).toMatchObject([
      // A domain is sent under its own number with its base type's name.
      { schema: "pg_catalog", name: "text" },
      { schema: "public", name: "gender" },
      { schema: "public", name: "address" },
    ]);
    const logical = parsedOf("logical messages come inside and outside of transactions and carry no row", "message");
    expect(logical).toMatchObject([
      { transactional: false, prefix: "alone", content: Buffer.from("x") },
      { transactional: true, prefix: "inside", content: Buffer.from("đ") },
      { transactional: true, prefix: "only", content: Buffer.alloc(0) },
    ]);
  });

  test("binary values can be told from text, and the decoder that asked for text refuses them with DB-SLOT-009", () => {
    const messages = messagesOf(binaryScenario.name);
    const insert = messages.map(parsePgoutput).find((message) => message.tag === "insert");
    expect(insert).toMatchObject({
      after: {
        binary: true,
        values: [
          Buffer.from("00000001", "hex"),
          Buffer.from("fffffffffffffffe", "hex"),
          Buffer.from("00ff", "hex"),
          Buffer.from("đ"),
          null,
        ],
      },
    });
    expect(() => decodeAll(messages)).toThrow(expect.objectContaining({ code: "DB-SLOT-009" }));
  });
});

function printValue(value: Row[number]): string | null {
  if (typeof value === "number") throw new Error("an inserted row holds every value");
  return value === null ? null : value.toString("utf8");
}
