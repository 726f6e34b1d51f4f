import { child, items, textOf, type ConfigNode, type Place } from "./config-node.ts";
import type { Report } from "./report.ts";
import { chooseAmong } from "./suggestion.ts";
import { columnEntries, keyEntries } from "./table-nodes.ts";

/** Checks what is said of tables that refer to the copies of a share, as far as the file names the copies' columns. */
export function checkReferencing(share: ConfigNode, report: Report): void {
  for (const table of items(child(share, "tables"))) {
    for (const reference of items(child(table, "referenced_by"))) checkReference(table, reference, report);
  }
}

function checkReference(table: ConfigNode, reference: ConfigNode, report: Report): void {
  const columns = namesAt(child(reference, "columns"));
  const to = child(reference, "to");
  const referred = to === undefined ? keyEntries(table) : namesAt(to);
  refuseRepeated(columns, "the column is named twice", report);
  refuseRepeated(namesAt(to), "the column is referred to twice", report);
  // A key that is not listed is the source's primary key, which only the source knows.
  if (columns.length > 0 && referred.length > 0 && columns.length !== referred.length) {
    const counted = to === undefined ? `the key has ${referred.length}` : `\`to\` names ${referred.length}`;
    report.error("DB-CFG-044", child(reference, "columns") ?? reference, { cause: `${columns.length} columns are named, ${counted}` });
  }
  const shared = columnEntries(table);
  if (shared === null) return;
  const known = shared.map(({ target }) => target);
  for (const { column, place } of namesAt(to)) {
    if (known.includes(column)) continue;
    report.error("DB-CFG-044", place, { cause: "the copy has no column of this name", remedy: chooseAmong(column, known) });
  }
}

interface NamedColumn {
  readonly column: string;
  readonly place: Place;
}

function namesAt(node: ConfigNode | undefined): NamedColumn[] {
  return items(node).flatMap((item) => {
    const column = textOf(item);
    return column === undefined ? [] : [{ column, place: item }];
  });
}

function refuseRepeated(columns: readonly NamedColumn[], cause: string, report: Report): void {
  const seen = new Set<string>();
  for (const { column, place } of columns) {
    if (seen.has(column)) report.error("DB-CFG-044", place, { cause, remedy: "Name each column once" });
    seen.add(column);
  }
}
