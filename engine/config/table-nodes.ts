// What a table's entry in the file says of names and columns, for the checks and for the configuration alike.
import type { TableName } from "../model/table.ts";
import { child, items, textOf, type ConfigNode, type Place } from "./config-node.ts";
import { parseTableName } from "./names.ts";

/** A column as written: its name in the source, where that stands, and its options if it has any. */
export interface ColumnEntry {
  readonly source: string;
  readonly target: string;
  readonly place: Place;
  readonly options: ConfigNode | undefined;
}

/** The table that a node names; undefined when it names none. */
export function tableNameAt(node: ConfigNode | undefined): TableName | undefined {
  const parts = items(node).map((part) => textOf(part) ?? "");
  const reading = parseTableName(textOf(node) ?? parts);
  return reading.ok ? reading.value : undefined;
}

/** The schema that the table's rows lie in: as named, or the target's own with `_copy` behind it. */
export function physicalSchemaOf(table: ConfigNode): string | undefined {
  const target = tableNameAt(child(table, "target"));
  return textOf(child(table, "physical_schema")) ?? (target === undefined ? undefined : `${target.schema}_copy`);
}

/** The columns that are listed; null when all are shared. Entries that are no columns are left out. */
export function columnEntries(table: ConfigNode): readonly ColumnEntry[] | null {
  const node = child(table, "columns");
  if (node === undefined || node.kind === "scalar") return null;
  if (node.kind === "map") return entriesOf(node);
  return node.items.flatMap((item) => {
    const source = textOf(item);
    return source === undefined ? entriesOf(item) : [{ source, target: source, place: item, options: undefined }];
  });
}

function entriesOf(node: ConfigNode): ColumnEntry[] {
  if (node.kind !== "map") return [];
  return [...node.entries.values()].map((entry) => ({
    source: entry.key,
    target: textOf(child(entry.node, "to")) ?? entry.key,
    place: entry,
    options: entry.node,
  }));
}

/** The key columns that are listed; empty when the key is the primary key. */
export function keyEntries(table: ConfigNode): readonly { readonly column: string; readonly place: Place }[] {
  return items(child(table, "key")).flatMap((node) => {
    const column = textOf(node);
    return column === undefined ? [] : [{ column, place: node }];
  });
}
