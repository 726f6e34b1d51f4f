// Which tables and columns a connector captures, and which values it masks, against what the shares need → findings. Pure.
import type { Finding } from "../../../engine/model/finding.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import type { ConnectorFacts } from "./connector-facts.ts";

type Settings = ReadonlyMap<string, string>;

export function judgeCoverage({ settings }: ConnectorFacts, tables: readonly TableName[], mappings: readonly TableMapping[]): Finding[] {
  const findings = tables.flatMap((table) => judgeTable(settings, table));
  for (const mapping of mappings) {
    const wanted = new Set(mapping.columns.map(({ source }) => source));
    for (const column of wanted) findings.push(...judgeColumn(settings, `${printTable(mapping.source)}.${column}`));
  }
  return findings;
}

function judgeTable(settings: Settings, table: TableName): Finding[] {
  const subject = printTable(table);
  const names = { schema: table.schema, database: table.schema, table: subject };
  for (const [level, name] of Object.entries(names)) {
    const leftOut = leaver(settings, `${level}.include.list`, `${level}.exclude.list`, name);
    if (leftOut === null) continue;
    const cause = `the connector's ${leftOut} leaves the table out`;
    return [newFinding("DB-KAF-147", "error", subject, { cause, remedy: `Change ${leftOut} in the connector's configuration` })];
  }
  return [];
}

function judgeColumn(settings: Settings, column: string): Finding[] {
  const findings: Finding[] = [];
  const leftOut = leaver(settings, "column.include.list", "column.exclude.list", column);
  if (leftOut !== null) {
    const remedy = `Change ${leftOut} in the connector's configuration`;
    findings.push(newFinding("DB-KAF-147", "error", column, { cause: `the connector's ${leftOut} leaves the column out`, remedy }));
  }
  for (const [setting, patterns] of settings) {
    if (!/^column\.(?:mask|truncate)\./.test(setting) || matches(patterns, column) !== true) continue;
    // A hash's setting holds its salt.
    const named = setting.startsWith("column.mask.hash") ? "column.mask.hash" : setting;
    const cause = `the connector's ${named} changes the column's values`;
    findings.push(
      newFinding("DB-KAF-148", "error", column, {
        cause,
        remedy: "Remove the column from it: what a share may not show is left out by its `columns`",
      }),
    );
  }
  return findings;
}

/** The setting that leaves the name out; null: none does, as far as can be told. */
function leaver(settings: Settings, include: string, exclude: string, name: string): string | null {
  const [included, excluded] = [settings.get(include) ?? "", settings.get(exclude) ?? ""];
  if (included.trim() !== "" && matches(included, name) === false) return include;
  return excluded.trim() !== "" && matches(excluded, name) === true ? exclude : null;
}

/**
 * Debezium's lists: regular expressions separated by commas, each of which must match the whole name, capitals or not. Null: one
 * of them is written in Java's own way and cannot be judged here.
 */
export function matches(patterns: string, name: string): boolean | null {
  let unknown = false;
  for (const pattern of patterns.split(/(?<!\\),/).map((part) => part.trim().replaceAll("\\,", ","))) {
    try {
      if (new RegExp(`^(?:${pattern})$`, "iu").test(name)) return true;
    } catch {
      unknown = true;
    }
  }
  return unknown ? null : false;
}
