// What names and drivers' words could do to the output: begin lines of their own, move the cursor, show values.
import { describe, expect, test } from "vitest";
import { assert } from "../../../engine/model/assert.ts";
import { reportFailure } from "../../../deploy/processes/command-failure.ts";
import { oneLineStatement } from "../../../deploy/processes/output/one-line.ts";
import { printFinding } from "../../../deploy/processes/output/print-finding.ts";
import { visible } from "../../../deploy/processes/output/visible.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import type { Terminal } from "../../../deploy/processes/terminal.ts";
import { redactText } from "../../../engine/telemetry/redact.ts";

describe("names", () => {
  test("cannot begin a line of a finding, nor of a statement that an administrator would run", () => {
    const name = 'public.x\nDB-RUN-001: forged"';
    const sql = ["GRANT SELECT\n  ON a TO b", 'GRANT SELECT ON "x\nDROP TABLE canary;\n--" TO b'];
    const text = printFinding(newFinding("DB-MAP-030", "error", name, { cause: "it is not there\nDB-RUN-002: forged", sql }));
    const lines = text.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toBe("  GRANT SELECT   ON a TO b;");
    expect(lines[2]).toMatch(/^ {2}-- a name in this statement holds a line feed/);
  });

  test("that hold a line feed are in no statement on one line: another name would be in its place", () => {
    for (const quoted of ['"a\nb"', '"a""\nb"', "`a\nb`", "`a``\nb`", "'a\nb'", "'a''\nb'"]) {
      expect(oneLineStatement(`GRANT SELECT ON ${quoted} TO c`)).toMatch(/^-- /);
    }
    expect(oneLineStatement("GRANT \"a'`b\"\n TO 'c\"`'")).toBe("GRANT \"a'`b\"  TO 'c\"`'");
  });

  test("cannot move the cursor, hide words or turn their direction", () => {
    expect(visible("Công\tdân\r\u001b[2J\u009b1m\u202E\u2066x\n")).toBe("Công\tdân\\u000d\\u001b[2J\\u009b1m\\u202e\\u2066x\n");
    expect(JSON.parse(visible(JSON.stringify({ name: "\u009b\u202e\u007f" })))).toEqual({ name: "\u009b\u202e\u007f" });
  });
});

describe("a defect", () => {
  function told(error: unknown): string {
    const lines: string[] = [];
    reportFailure(error, { out: (text: string) => lines.push(text), err: (text: string) => lines.push(text) } as unknown as Terminal, true);
    return lines.join("");
  }

  test("is told with its place and without a driver's words, statement and parameters", () => {
    const words = "Duplicate entry 'MARKEDVALUE' for key 'PRIMARY'\n    over two lines";
    const error = Object.assign(new Error(words, { cause: new Error("MARKEDVALUE") }), {
      sql: "INSERT 'MARKEDVALUE'",
      parameters: ["MARKEDVALUE"],
    });
    for (const thrown of [error, new SyntaxError(words), "MARKEDVALUE", { value: "MARKEDVALUE" }])
      expect(told(thrown)).not.toContain("MARKED");
    expect(told(error)).toContain("output-lines.test.ts");
  });

  test("keeps the words of a rule of ours", () => {
    let broken: unknown = null;
    try {
      assert(false, "an identifier has at least one character");
    } catch (error) {
      broken = error;
    }
    expect(told(broken)).toContain("AssertionError: an identifier has at least one character");
  });
});

test.each(["a.", "a://", "a:", "://@", "password", "password= ", "password='", "x ", "@"])(
  "a text of a million characters made of %j is searched for passwords once, not once for each character",
  (word) => {
    expect(redactText(`${word.repeat(1_000_000 / word.length)} postgres://u:canary-7f@h/d`)).not.toContain("canary-7f");
  },
);
