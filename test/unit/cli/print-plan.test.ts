import { describe, expect, test } from "vitest";
import type { ConfigurationPlan, CountedChange, CountedTable } from "../../../deploy/processes/configuration-plan.ts";
import type { PlannedConversion } from "../../../deploy/processes/plan-conversions.ts";
import { planJson, planLines, printPlan } from "../../../deploy/processes/output/print-plan.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";

function plan(changes: readonly CountedChange[], basedOn = 3, conversions: readonly PlannedConversion[] = []): ConfigurationPlan {
  const document = { format: 1, subscriptions: [] } as const;
  return { basedOn, before: document, document, configuration: {} as Configuration, changes, conversions, problems: [] };
}

const table: CountedTable = {
  kind: "changed",
  source: { schema: "public", name: "citizen" },
  target: "population.citizen",
  columnsAdded: ["birth_date"],
  columnsRemoved: ["phone"],
  columnsRetyped: ["note"],
  remade: false,
  rows: { before: null, after: null },
  rowsDisclosed: 1204,
  rowsWithdrawn: 0,
};

const change: CountedChange = {
  subscription: "population/hcm",
  source: "population",
  target: "hcm",
  kind: "changed",
  movedFrom: null,
  loadedAnew: false,
  terms: ["agreement: TT-07/2026 → TT-09/2026"],
  parameters: [{ name: "provinces", added: ["46"], removed: [] }],
  tables: [table],
};

const held = { subscription: "population/hcm", table: "population.citizen", lossAccepted: false, key: false };
const conversions: readonly PlannedConversion[] = [
  { ...held, column: "gender", from: "kinds.gender", to: "varchar(63)", fidelity: "widened", note: "the label" },
  { ...held, column: "born", from: "timestamp", to: "datetime", fidelity: "lossy", note: "digits of a second", lossAccepted: true },
  { ...held, column: "owner", from: "regrole", to: null, fidelity: "none", note: "values mean nothing elsewhere" },
];

describe("printed plan", () => {
  test("what the target holds otherwise than the master stands below, column by column", () => {
    expect(printPlan(plan([{ ...change, terms: [], parameters: [] }], 3, conversions))).toContain(
      [
        "",
        "SUBSCRIPTION    TABLE               COLUMN  AT THE MASTER  IN THE COPY  HELD     NOTE",
        "population/hcm  population.citizen  gender  kinds.gender   varchar(63)  widened  the label",
        "population/hcm  population.citizen  born    timestamp      datetime     lossy    digits of a second",
        "population/hcm  population.citizen  owner   regrole        -            none     values mean nothing elsewhere",
        "",
      ].join("\n"),
    );
  });

  test("nothing to apply is one line", () => {
    expect(printPlan(plan([]))).toBe("nothing to apply: version 3 is in force\n");
  });

  test("rows and columns are aligned, terms and parameters are sentences below", () => {
    const text = printPlan(plan([change]));
    expect(text).toBe(
      [
        "configuration version 3 → 4",
        "",
        "SUBSCRIPTION    TABLE               CHANGE   ROWS DISCLOSED  ROWS WITHDRAWN  COLUMNS",
        "population/hcm  population.citizen  changed           1,204               0  +birth_date -phone ~note",
        "",
        "population/hcm: agreement: TT-07/2026 → TT-09/2026",
        "population/hcm: parameter provinces: +46",
        "",
      ].join("\n"),
    );
  });

  test("what could not be counted is a question mark, never zero", () => {
    expect(printPlan(plan([{ ...change, tables: [{ ...table, rowsDisclosed: null, rowsWithdrawn: null }] }]))).toMatch(/changed +\? +\? /);
  });

  test("a change of terms alone has a line, and a long list of values is cut", () => {
    const added = Array.from({ length: 63 }, (_, index) => String(index));
    const text = printPlan(plan([{ ...change, tables: [], parameters: [{ name: "provinces", added, removed: [] }] }]));
    expect(text).toMatch(/^population\/hcm +- +terms +0 +0$/m);
    expect(text).toContain("+11 and +51 more\n");
  });

  test("the first version and a removed subscription say so", () => {
    expect(printPlan(plan([{ ...change, kind: "removed" }], 0))).toMatch(/^configuration version 1, the first\n/);
    expect(printPlan(plan([{ ...change, kind: "removed" }]))).toContain("its copy is refused from now on");
  });

  test("the log of run has one line a change", () => {
    expect(planLines(plan([{ ...change, kind: "added", terms: [], parameters: [] }]))).toEqual([
      "population/hcm population.citizen: subscription added +birth_date -phone ~note",
    ]);
  });

  test("JSON has stable names", () => {
    expect(planJson(plan([change]))).toEqual({
      version: { in_force: 3, next: 4 },
      changes: [
        {
          subscription: "population/hcm",
          change: "changed",
          terms: ["agreement: TT-07/2026 → TT-09/2026"],
          loaded_anew: false,
          parameters: [{ name: "provinces", added: ["46"], removed: [] }],
          tables: [
            {
              table: "population.citizen",
              source: "public.citizen",
              change: "changed",
              rows_disclosed: 1204,
              rows_withdrawn: 0,
              columns_added: ["birth_date"],
              columns_removed: ["phone"],
              columns_retyped: ["note"],
              loaded_anew: false,
            },
          ],
        },
      ],
      conversions: [],
    });
    expect(planJson(plan([change], 3, conversions))).toMatchObject({
      conversions: [
        {
          subscription: "population/hcm",
          table: "population.citizen",
          column: "gender",
          from: "kinds.gender",
          to: "varchar(63)",
          held: "widened",
          note: "the label",
          loss_accepted: false,
        },
        { column: "born", held: "lossy", loss_accepted: true },
        { column: "owner", to: null, held: "none" },
      ],
    });
  });
});
