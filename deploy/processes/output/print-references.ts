// What tables of the consumer's refer to and a copy does not have, for people and for machines (RC-02).
import type { ReconcileConfiguration } from "../../../engine/config/configuration.ts";
import type { DanglingReference, ReferenceReport } from "../../../engine/model/copy-reference.ts";
import { keyFingerprint } from "../../../engine/model/key-fingerprint.ts";
import { printExplanation } from "./print-finding.ts";
import { printCount } from "./print-time.ts";

/** Values of one table that are shown to people. */
const valuesShown = 20;

/** How values are shown, and of which subscription they are. */
export interface ValuesShown {
  readonly subscription: string;
  readonly keys: ReconcileConfiguration["keys"];
}

/** One line. */
export function printReference(reference: ReferenceReport, shown: ValuesShown): string {
  const { problem, valuesCount } = reference;
  const found = valuesCount > 0 ? [danglingText(reference, shown)] : [];
  const why = problem === null ? [] : [`${problem.code}: ${printExplanation(problem)}`];
  const parts = [...found, ...why];
  return `${nameOf(reference)}: ${parts.length === 0 ? "refers to nothing that the copy does not have." : parts.join(" ")}`;
}

/** One of `references` in `reconcile --json`. */
export function referenceJson(reference: ReferenceReport, shown: ValuesShown): object {
  const { table, columns, valuesCount, rowsCount, dangling, problem } = reference;
  return {
    table,
    columns,
    values_count: valuesCount,
    rows_count: rowsCount,
    dangling: dangling.map((value) => ({ values: valuesJson(reference, value, shown), rows: value.rows, cause: value.cause })),
    problem,
  };
}

/** Table and columns, for people. */
export function nameOf({ table, columns }: { readonly table: string; readonly columns: readonly string[] }): string {
  return `${table} (${columns.join(", ")})`;
}

function danglingText(reference: ReferenceReport, shown: ValuesShown): string {
  const { valuesCount, rowsCount, dangling } = reference;
  const listed = dangling.slice(0, valuesShown);
  const more = valuesCount > listed.length ? [`and ${printCount(valuesCount - listed.length)} more`] : [];
  const values = listed.map((value) => `${printValues(reference, value, shown)} (${counted(value.rows, "row")}, ${value.cause})`);
  return `${counted(valuesCount, "value")} in ${counted(rowsCount, "row")} ${valuesCount === 1 ? "is" : "are"} not in the copy: ${[...values, ...more].join(", ")}.`;
}

function printValues(reference: ReferenceReport, value: DanglingReference, shown: ValuesShown): string {
  const values = valuesJson(reference, value, shown);
  if (typeof values === "string") return values;
  return values.length === 1 ? (values[0] ?? "") : `[${values.join(", ")}]`;
}

/** As text, or one digest where values are not to be shown. */
function valuesJson(
  reference: ReferenceReport,
  { values }: DanglingReference,
  { subscription, keys }: ValuesShown,
): readonly string[] | string {
  if (keys === "exact") return values;
  return keyFingerprint(
    subscription,
    reference.table,
    values.map((value) => Buffer.from(value, "utf8")),
  );
}

function counted(number: number, what: string): string {
  return `${printCount(number)} ${what}${number === 1 ? "" : "s"}`;
}
