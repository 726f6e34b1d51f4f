import { describe, expect, test } from "vitest";
import {
  exitCodeOf,
  overallVerdict,
  printReconcile,
  type ReconciledTable,
  reconcileJson,
} from "../../../deploy/processes/output/print-reconcile.ts";
import { keyFingerprint } from "../../../engine/model/key-fingerprint.ts";
import type { Difference, ReconcileReport, Verdict } from "../../../engine/model/reconcile-report.ts";
import { keyOf, reconcileReport, someDifferences, someReferences } from "../../support/reconcile-report.ts";

function table(changes: Partial<ReconcileReport> = {}, more: Partial<ReconciledTable> = {}): ReconciledTable {
  return { report: reconcileReport(changes), run: 7, keys: "exact", ...more };
}

const different = (changes: Partial<ReconcileReport> = {}, more: Partial<ReconciledTable> = {}): ReconciledTable =>
  table({ verdict: "different", differences: someDifferences, ...changes }, more);

/** The lines below the table that are of this copy, without its name. */
function remarks(text: string): string[] {
  const lead = "population/hcm population.citizen: ";
  return text.split("\n").flatMap((line) => (line.startsWith(lead) ? [line.slice(lead.length)] : []));
}

describe("the verdict of several tables", () => {
  test.each<[Verdict, number, readonly Verdict[]]>([
    ["equal", 0, ["equal", "equal"]],
    ["unverified", 4, ["equal", "unverified"]],
    ["different", 3, ["equal", "unverified", "different"]],
    ["different", 3, ["different"]],
    ["unverified", 4, []],
  ])("is %s, and the command leaves with %i, for %j", (verdict, code, verdicts) => {
    const tables = verdicts.map((each) => table({ verdict: each }));
    expect(overallVerdict(tables)).toBe(verdict);
    expect(exitCodeOf(verdict)).toBe(code);
    expect(reconcileJson(tables)).toMatchObject({ verdict });
  });
});

describe("reconcile for people (RC-10)", () => {
  test("one line a copy, and nothing more where all are equal", () => {
    const text = printReconcile([table(), table({ subscription: "population/hue", rowsChecked: 12, position: null, repaired: 1_000 })]);
    expect(text).toBe(
      [
        "SUBSCRIPTION    TABLE               VERDICT    CHECKED  MISSING  EXTRA  DIFFERENT  REPAIRED  POSITION",
        "population/hcm  population.citizen  equal    1,234,567        0      0          0         0  0/1A2B3C",
        "population/hue  population.citizen  equal           12        0      0          0     1,000  -",
        "",
      ].join("\n"),
    );
  });

  test("RC-09: keys are named by class, with the columns that differ, and what to do is said", () => {
    const text = printReconcile([different()]);
    expect(text).toMatch(/^population\/hcm {2}population\.citizen {2}different +1,234,567 +2 +1 +2 +0 +0\/1A2B3C$/m);
    expect(remarks(text)).toEqual([
      "missing: 079000000001, 079000000002.",
      "extra: 046000000001.",
      "1 row outside the share's filter: the master has them, this consumer has no right to them. Repair takes them away.",
      "different: 079000000003 (full_name, birth_date), 079000000004 (full_name).",
      "of 1 row nothing differs but how the same characters are composed (Unicode NFC or NFD).",
      "duplicate: 079000000005.",
      "nothing was repaired; `dongbo reconcile --subscription population/hcm --table population.citizen --repair review` proposes a repair.",
    ]);
  });

  test("of many keys twenty are shown and the rest counted", () => {
    const differences = Array.from({ length: 1_234 }, (_, index): Difference => ({
      class: "missing",
      key: keyOf(String(index).padStart(4, "0")),
    }));
    const [list] = remarks(printReconcile([different({ differences })]));
    expect(list).toBe(
      `missing: ${Array.from({ length: 20 }, (_, index) => `00${String(index).padStart(2, "0")}`).join(", ")}, and 1,214 more.`,
    );
  });

  test("keys of several parts, and keys that would break the line, are shown on one line", () => {
    const differences: readonly Difference[] = [{ class: "missing", key: keyOf("79", "a\nb\u001b[31m") }];
    expect(remarks(printReconcile([different({ differences })]))[0]).toBe("missing: [79, a\u{fffd}b\u{fffd}[31m].");
  });

  test("with digests no key is shown", () => {
    const text = printReconcile([different({}, { keys: "digests" })]);
    expect(text).not.toMatch(/0[47]\d0000/);
    expect(text).toContain(keyFingerprint("population/hcm", "population.citizen", keyOf("046000000001")));
  });

  test("what kept a copy from being compared is told with its remedy, what was left out with the reason", () => {
    const problem = { code: "DB-REC-001", cause: "the copy is 5 min behind", remedy: "Start `dongbo run`." };
    const skipped = [{ column: "photo", why: "no common form" }];
    expect(remarks(printReconcile([table({ verdict: "unverified", problem, skipped, unsettled: 1, quarantined: 3 })]))).toEqual([
      "DB-REC-001: the copy is 5 min behind. Start `dongbo run`.",
      "1 row never stood still for long enough to be judged; compare again at a quieter hour.",
      "3 rows in quarantine, no difference. Mend the cause, then `dongbo replay population/hcm`.",
      "not compared: photo (no common form).",
    ]);
  });

  test.each<[Partial<ReconcileReport>, number | null, string]>([
    [
      { action: { kind: "repaired", rows: 5 }, repaired: 5, verdict: "equal", differences: [] },
      7,
      "5 rows made what they are at the master.",
    ],
    [
      { action: { kind: "plan", breaker: null } },
      7,
      "a plan for the repair waits for somebody to approve it. Look at the rows, then `dongbo reconcile --approve 7`.",
    ],
    [{ action: { kind: "plan", breaker: null } }, null, "a plan for the repair waits for somebody to approve it."],
    [
      { action: { kind: "plan", breaker: "mass delete" }, policy: "auto" },
      8,
      "a plan for the repair waits for somebody to approve it, because of this: mass delete. Look at the rows, then `dongbo reconcile --approve 8`.",
    ],
    [
      { policy: "auto" },
      7,
      "not all was repaired; `dongbo reconcile --subscription population/hcm --table population.citizen --repair review` proposes a repair.",
    ],
    [
      { policy: "auto", sent: "different" },
      7,
      "nothing was repaired; `dongbo resync population/hcm --table population.citizen` loads it anew from its topic.",
    ],
  ])("RC-07: what was done: %j", (changes, run, told) => {
    expect(remarks(printReconcile([different(changes, { run })])).at(-1)).toBe(told);
  });
});

test("RC-07: a plan of more rows than anybody looks through is cut, and says what to do instead", () => {
  const many = Array.from({ length: 10_001 }, (_, at) => ({ class: "missing" as const, key: [Buffer.from(String(at))] }));
  const told = (rows: number): string[] =>
    remarks(
      printReconcile([different({ differences: many.slice(0, rows), action: { kind: "plan", breaker: "too many rows" } }, { run: 7 })]),
    );
  expect(told(10_001).at(-1)).toBe(
    "the plan holds 10,000 of the 10,001 rows; `dongbo resync population/hcm --table population.citizen` loads all of it anew.",
  );
  expect(told(10_000).at(-1)).toContain("a plan for the repair waits for somebody to approve it");
});

describe("a copy whose master could not be asked", () => {
  test.each([
    ["equal", "unverified", "unverified (as sent)"],
    ["different", "different", "different (from what was sent)"],
    ["unverified", "unverified", "unverified"],
  ] as const)("what was received and is %s is never said to equal the master", (sent, verdict, told) => {
    const copy = table({ sent, verdict });
    expect(printReconcile([copy])).toContain(` ${told} `);
    expect(overallVerdict([copy])).toBe(verdict);
    expect(reconcileJson([copy])).toMatchObject({ verdict, tables: [{ verdict, compared_with: "sent", sent }] });
  });
});

describe("reconcile --json (RC-10)", () => {
  test("has the shape that design section 5 promises", () => {
    expect(
      reconcileJson([different({ repaired: 4, unsettled: 2, quarantined: 1, skipped: [{ column: "photo", why: "no common form" }] })]),
    ).toEqual({
      verdict: "different",
      tables: [
        {
          compared_with: "master",
          sent: null,
          subscription: "population/hcm",
          table: "population.citizen",
          verdict: "different",
          problem: null,
          rows_checked: 1_234_567,
          missing: [["079000000001"], ["079000000002"]],
          missing_count: 2,
          extra: [["046000000001"]],
          extra_count: 1,
          outside_filter_count: 1,
          different: [
            { key: ["079000000003"], columns: ["full_name", "birth_date"], unicode_form_only: false },
            { key: ["079000000004"], columns: ["full_name"], unicode_form_only: true },
          ],
          different_count: 2,
          duplicate: [["079000000005"]],
          duplicate_count: 1,
          unsettled: 2,
          quarantined: 1,
          repaired: 4,
          position: "0/1A2B3C",
          digest: "d".repeat(32),
          skipped: [{ column: "photo", why: "no common form" }],
          bytes_sent: 4_096,
          references: [],
          action: { kind: "none" },
          run: 7,
        },
      ],
    });
  });

  test("lists a thousand keys of each class and counts all", () => {
    const of = (index: number): readonly Difference[] => [
      { class: "missing", key: keyOf(`m${index}`) },
      { class: "different", key: keyOf(`d${index}`), columns: ["a"], unicodeFormOnly: false },
    ];
    const differences = Array.from({ length: 1_500 }, (_, index) => of(index)).flat();
    const json = reconcileJson([different({ differences })]) as { tables: Record<string, unknown>[] };
    const [only] = json.tables;
    expect(only).toMatchObject({ missing_count: 1_500, different_count: 1_500, extra_count: 0, extra: [] });
    expect([only?.["missing"], only?.["different"]].map((list) => (list as unknown[]).length)).toEqual([1_000, 1_000]);
  });

  test("with digests a key is one text of 64 hexadecimal digits, another one in each copy", () => {
    const digests = (subscription: string): unknown => reconcileJson([different({ subscription }, { keys: "digests" })]);
    const [hcm, hue] = [JSON.stringify(digests("population/hcm")), JSON.stringify(digests("population/hue"))];
    for (const text of [hcm, hue]) expect(text).not.toMatch(/0[47]\d00000/);
    const { tables } = digests("population/hcm") as { tables: { missing: string[]; different: { key: string }[] }[] };
    expect(tables[0]?.missing.length).toBe(2);
    for (const key of [...(tables[0]?.missing ?? []), ...(tables[0]?.different ?? []).map((found) => found.key)]) {
      expect(key).toMatch(/^[0-9a-f]{64}$/);
      expect(hue).not.toContain(key);
    }
  });
});

describe("tables that refer to a copy (RC-02)", () => {
  test("are told by a line each, with the values, their rows and their causes, and leave the verdict alone", () => {
    const whole = { table: "app.vote", columns: ["province_code"], valuesCount: 0, rowsCount: 0, dangling: [], problem: null };
    const text = printReconcile([table({ references: [...someReferences, whole] })]);
    expect(text).toMatch(/^population\/hcm {2}population\.citizen {2}equal /m);
    expect(remarks(text)).toEqual([
      "app.resident (province_code): 4 values in 1,240 rows are not in the copy: 01 (1,200 rows, not in the master), 46 (38 rows, outside the share's filter), 92 (1 row, in quarantine), 93 (1 row, not in the master).",
      "app.house (province_code, ward): DB-REC-016: permission denied for table house (SQLSTATE 42501). Grant it.",
      "app.vote (province_code): refers to nothing that the copy does not have.",
    ]);
  });

  test("of many values twenty are shown and the rest counted; what could not be found out of them is told behind", () => {
    const dangling = Array.from({ length: 1_000 }, (_, index) => ({
      values: [`${index}`, "x\ny"],
      rows: 1,
      cause: "no row of the copy has it" as const,
    }));
    const problem = { code: "DB-PG-013", cause: "it took too long", remedy: "Wait" };
    const many = { table: "app.r", columns: ["a", "b"], valuesCount: 4_321, rowsCount: 5_000, dangling, problem };
    const [line = ""] = remarks(printReconcile([table({ references: [many] })]));
    expect(line).toMatch(
      /^app\.r \(a, b\): 4,321 values in 5,000 rows are not in the copy: \[0, x\u{fffd}y\] \(1 row, no row of the copy has it\), /u,
    );
    expect(line).toMatch(
      /\[19, x\u{fffd}y\] \(1 row, no row of the copy has it\), and 4,301 more\. DB-PG-013: it took too long\. Wait\.$/u,
    );
    expect(line).not.toContain("[20,");
  });

  test("for machines all that are listed, and what kept a table from being read", () => {
    const { tables } = reconcileJson([table({ references: someReferences })]) as { tables: { references: unknown }[] };
    expect(tables[0]?.references).toEqual([
      {
        table: "app.resident",
        columns: ["province_code"],
        values_count: 4,
        rows_count: 1_240,
        dangling: [
          { values: ["01"], rows: 1_200, cause: "not in the master" },
          { values: ["46"], rows: 38, cause: "outside the share's filter" },
          { values: ["92"], rows: 1, cause: "in quarantine" },
          { values: ["93"], rows: 1, cause: "not in the master" },
        ],
        problem: null,
      },
      {
        table: "app.house",
        columns: ["province_code", "ward"],
        values_count: 0,
        rows_count: 0,
        dangling: [],
        problem: someReferences[1]?.problem,
      },
    ]);
  });

  test("with digests no value is shown", () => {
    const one = {
      ...someReferences[0]!,
      dangling: [{ values: ["079000000001"], rows: 2, cause: "not in the master" as const }],
      valuesCount: 1,
    };
    const tables = [table({ references: [one] }, { keys: "digests" })];
    const digest = keyFingerprint("population/hcm", "app.resident", keyOf("079000000001"));
    for (const text of [printReconcile(tables), JSON.stringify(reconcileJson(tables))]) {
      expect(text).not.toContain("079000000001");
      expect(text).toContain(digest);
    }
  });
});

describe("fingerprints of keys", () => {
  test("tell apart what only looks the same", () => {
    const of = (...parts: readonly string[]): string => keyFingerprint("s", "t", keyOf(...parts));
    expect(new Set([of("ab", "c"), of("a", "bc"), of("abc"), of("a", "b", "c"), keyFingerprint("s", "tabc", keyOf(""))]).size).toBe(5);
  });
});
