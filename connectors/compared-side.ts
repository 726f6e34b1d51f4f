// One side of a comparison as a connector sees it: a table of its own server, its compared columns, and which rows count.
import type { CanonicalForm, ComparedCopy } from "../engine/model/canonical-form.ts";
import type { Predicate } from "../engine/model/predicate.ts";
import type { CatalogColumn, CatalogTable } from "../engine/model/table.ts";
import type { CanonicalKey } from "../engine/ports/compared-table.ts";

/** A compared column as it is on this side. */
export interface SideColumn extends CatalogColumn {
  readonly form: CanonicalForm;
}

export interface ComparedSide {
  readonly table: CatalogTable;
  /** In the order of ComparedCopy.columns, which is the same on both sides. */
  readonly columns: readonly SideColumn[];
  /** Those of the key, in key order. */
  readonly key: readonly SideColumn[];
  /** Rows that count; null: all. */
  readonly filter: Predicate | null;
}

/** The master's side; null: a column is not there. */
export function masterSide(copy: ComparedCopy): ComparedSide | null {
  return sideOf(copy, copy.table.catalog, "source");
}

/** The copy's, whose table was just described; all its rows count. */
export function copySide(copy: ComparedCopy, physical: CatalogTable): ComparedSide | null {
  return sideOf(copy, physical, "target");
}

function sideOf(copy: ComparedCopy, table: CatalogTable, names: "source" | "target"): ComparedSide | null {
  const bySource = new Map<string, SideColumn>();
  for (const column of copy.columns) {
    const found = table.columns.find(({ name }) => name === column[names]);
    if (found === undefined) return null;
    bySource.set(column.source, { ...found, form: column.form });
  }
  const key = copy.table.key.flatMap((name) => bySource.get(name) ?? []);
  if (key.length < copy.table.key.length) return null;
  return { table, columns: [...bySource.values()], key, filter: names === "source" ? copy.table.filter : null };
}

/** Keys in one statement. */
const keysPerStatement = 500;

export function keyBatches(keys: readonly CanonicalKey[]): (readonly CanonicalKey[])[] {
  const batches: (readonly CanonicalKey[])[] = [];
  for (let from = 0; from < keys.length; from += keysPerStatement) batches.push(keys.slice(from, from + keysPerStatement));
  return batches;
}
