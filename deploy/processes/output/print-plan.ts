// `dongbo plan` for people and for machines: what would be newly disclosed, what withdrawn.
import type { ParameterChange } from "../../../engine/config/configuration-changes.ts";
import type { ConfigurationPlan, CountedChange, CountedTable } from "../configuration-plan.ts";
import { printTable, type TextColumn } from "./print-table.ts";
import { printCount } from "./print-time.ts";

const columns: readonly TextColumn[] = [
  { title: "SUBSCRIPTION" },
  { title: "TABLE" },
  { title: "CHANGE" },
  { title: "ROWS DISCLOSED", align: "right" },
  { title: "ROWS WITHDRAWN", align: "right" },
  { title: "COLUMNS" },
];

const conversionColumns: readonly TextColumn[] = [
  { title: "SUBSCRIPTION" },
  { title: "TABLE" },
  { title: "COLUMN" },
  { title: "AT THE MASTER" },
  { title: "IN THE COPY" },
  { title: "HELD" },
  { title: "NOTE" },
];

/** Values of a parameter that are listed by name. */
const valuesShown = 12;

export function printPlan(plan: ConfigurationPlan): string {
  const { basedOn, changes } = plan;
  if (changes.length === 0) return `nothing to apply: version ${basedOn} is in force\n`;
  const rows = changes.flatMap((change) => tableRows(change));
  const lead = basedOn === 0 ? "configuration version 1, the first\n\n" : `configuration version ${basedOn} → ${basedOn + 1}\n\n`;
  const notes = changes.flatMap((change) => remarks(change));
  const below = notes.length === 0 ? [] : ["\n", ...notes.map((note) => `${note}\n`)];
  return [lead, printTable(columns, rows), ...below, ...conversionTable(plan)].join("");
}

/** One line a change, for the log of `run`, which does not count. */
export function planLines(plan: ConfigurationPlan): string[] {
  return plan.changes.flatMap((change) => [
    ...change.tables.map(
      (table) => `${change.subscription} ${table.target}: ${[changeWord(change, table), columnText(table)].join(" ").trim()}`,
    ),
    ...remarks(change),
  ]);
}

/** The shape of `plan --json` and `apply --json`. */
export function planJson(plan: ConfigurationPlan): object {
  return {
    version: { in_force: plan.basedOn, next: plan.changes.length === 0 ? plan.basedOn : plan.basedOn + 1 },
    changes: plan.changes.map((change) => ({
      subscription: change.subscription,
      change: change.kind,
      terms: change.terms,
      loaded_anew: change.loadedAnew,
      parameters: change.parameters,
      tables: change.tables.map((table) => ({
        table: table.target,
        source: `${table.source.schema}.${table.source.name}`,
        change: table.kind,
        rows_disclosed: table.rowsDisclosed,
        rows_withdrawn: table.rowsWithdrawn,
        columns_added: table.columnsAdded,
        columns_removed: table.columnsRemoved,
        columns_retyped: table.columnsRetyped,
        loaded_anew: table.remade,
      })),
    })),
    conversions: plan.conversions.map(({ subscription, table, column, from, to, fidelity, note, lossAccepted }) => ({
      subscription,
      table,
      column,
      from,
      to,
      held: fidelity,
      note,
      loss_accepted: lossAccepted,
    })),
  };
}

/** Columns that are not held as the master has them; nothing when there are none. */
function conversionTable({ conversions }: ConfigurationPlan): string[] {
  if (conversions.length === 0) return [];
  const rows = conversions.map(({ subscription, table, column, from, to, fidelity, note, lossAccepted }) => [
    subscription,
    table,
    column,
    from,
    to ?? "-",
    fidelity === "lossy" && !lossAccepted ? "lossy, not accepted" : fidelity,
    note ?? "",
  ]);
  return ["\n", printTable(conversionColumns, rows)];
}

function tableRows(change: CountedChange): string[][] {
  if (change.tables.length === 0) return [[change.subscription, "-", "terms", "0", "0", ""]];
  return change.tables.map((table) => [
    change.subscription,
    table.target,
    changeWord(change, table),
    countText(table.rowsDisclosed),
    countText(table.rowsWithdrawn),
    columnText(table),
  ]);
}

function changeWord(change: CountedChange, table: CountedTable): string {
  if (change.kind !== "changed") return `subscription ${change.kind}`;
  return table.remade ? "made anew" : table.kind;
}

function countText(rows: number | null): string {
  return rows === null ? "?" : printCount(rows);
}

function columnText(table: CountedTable): string {
  return [...signed("+", table.columnsAdded), ...signed("-", table.columnsRemoved), ...signed("~", table.columnsRetyped)].join(" ");
}

function signed(sign: string, names: readonly string[]): string[] {
  return names.map((name) => `${sign}${name}`);
}

function remarks(change: CountedChange): string[] {
  return [
    ...change.terms.map((term) => `${change.subscription}: ${term}`),
    ...(change.loadedAnew
      ? [`${change.subscription}: loaded anew, and refused meanwhile: source ${change.source} keeps no log for it yet`]
      : []),
    ...change.parameters.map((parameter) => `${change.subscription}: parameter ${parameterText(parameter)}`),
    ...(change.kind === "removed"
      ? [`${change.subscription}: removed: its copy is refused from now on, its rows stay until they are purged`]
      : []),
  ];
}

function parameterText({ name, added, removed }: ParameterChange): string {
  return `${name}: ${[...someSigned("+", added), ...someSigned("-", removed)].join(" ")}`;
}

function someSigned(sign: string, values: readonly string[]): string[] {
  const more = values.length > valuesShown ? [`and ${sign}${values.length - valuesShown} more`] : [];
  return [...signed(sign, values.slice(0, valuesShown)), ...more];
}
