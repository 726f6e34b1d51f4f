import { printTable, tableKey } from "../model/table.ts";
import { child, items, textOf, type ConfigNode } from "./config-node.ts";
import { batchColumn, parseName, parseTargetSchema } from "./names.ts";
import type { Report } from "./report.ts";
import { columnEntries, keyEntries, physicalSchemaOf, tableNameAt, type ColumnEntry } from "./table-nodes.ts";

/** Checks each table of a share by itself: the names it would get in the target, its columns and its key. */
export function checkTables(share: ConfigNode, report: Report): void {
  const targets = new Set<string>();
  for (const table of items(child(share, "tables"))) {
    checkTargetNames(table, report);
    checkColumns(table, report);
    const node = child(table, "target");
    const target = tableNameAt(node);
    if (node === undefined || target === undefined) continue;
    if (targets.has(tableKey(target))) {
      report.error("DB-CFG-062", node, { cause: `two tables of the share would be written into ${printTable(target)}` });
    }
    targets.add(tableKey(target));
  }
}

/** Databases of a MySQL or MariaDB server's own. */
const mysqlOwn: ReadonlySet<string> = new Set(["mysql", "sys", "performance_schema"]);

/** A share may be written into targets of several kinds: its names must be free in all of them. */
export function checkServerNames(root: ConfigNode, share: ConfigNode, report: Report): void {
  const targets = child(root, "targets");
  const connectors = items(child(share, "subscriptions")).map((subscription) => {
    return textOf(child(child(targets, textOf(child(subscription, "target")) ?? ""), "connector"));
  });
  if (!connectors.includes("mysql")) return;
  for (const table of items(child(share, "tables"))) {
    const node = child(table, "target");
    const schemas = [tableNameAt(node)?.schema, physicalSchemaOf(table)];
    if (node === undefined || !schemas.some((schema) => schema !== undefined && mysqlOwn.has(schema.toLowerCase()))) continue;
    report.error("DB-CFG-041", node, { cause: "the database belongs to the MySQL or MariaDB server itself" });
  }
}

function checkTargetNames(table: ConfigNode, report: Report): void {
  const node = child(table, "target");
  const target = tableNameAt(node);
  if (node === undefined || target === undefined) return;
  report.take(parseTargetSchema(target.schema), node);
  const written = child(table, "physical_schema");
  const physical = physicalSchemaOf(table);
  if (physical === undefined) return;
  if (written !== undefined) {
    const schema = report.take(parseTargetSchema(physical), written);
    if (schema === target.schema) {
      report.error("DB-CFG-042", written, { cause: "the physical table would take the place of the view that readers query" });
    }
  } else if (!parseName(physical).ok) {
    report.error("DB-CFG-042", node, {
      cause: `the schema's name with _copy behind it takes ${Buffer.byteLength(physical)} bytes; a server keeps at most 63`,
    });
  }
}

function checkColumns(table: ConfigNode, report: Report): void {
  const columns = columnEntries(table);
  const key = keyEntries(table);
  const keyNames = new Set<string>();
  for (const { column, place } of key) {
    if (keyNames.has(column)) report.error("DB-CFG-043", place, { cause: "the column is in the key twice" });
    keyNames.add(column);
  }
  if (columns === null) return;
  checkColumnForms(table, report);
  checkColumnNames(columns, report);
  const shared = new Set(columns.map(({ source }) => source));
  for (const { column, place } of key) {
    if (!shared.has(column)) {
      report.error("DB-CFG-043", place, { cause: "a key column is not among the columns that are shared", remedy: "Add it to `columns:`" });
    }
  }
}

function checkColumnForms(table: ConfigNode, report: Report): void {
  const node = child(table, "columns");
  if (node?.kind === "map" && node.entries.size === 0)
    report.error("DB-CFG-043", node, { cause: "no column is shared", remedy: "Name columns, or `all`" });
  for (const item of items(node)) {
    if (item.kind === "map" && item.entries.size !== 1) {
      const cause = `an entry of the list names one column with its options, ${item.entries.size} are written`;
      report.error("DB-CFG-043", item, { cause, remedy: "Begin each column with a new `-`" });
    }
  }
}

function checkColumnNames(columns: readonly ColumnEntry[], report: Report): void {
  const sources = new Set<string>();
  const targets = new Set<string>();
  for (const { source, target, place, options } of columns) {
    if (sources.has(source)) report.error("DB-CFG-043", place, { cause: "the column is shared twice" });
    else if (targets.has(target)) report.error("DB-CFG-043", place, { cause: "two columns would have the same name in the target" });
    if (target === batchColumn && child(options, "to") === undefined) {
      const remedy = "Give the column another name with `to:`";
      report.error("DB-CFG-041", place, { cause: `dongbo keeps ${batchColumn} for itself`, remedy });
    }
    sources.add(source);
    targets.add(target);
  }
}
