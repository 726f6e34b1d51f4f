import { ChangeDecoder } from "../../connectors/postgres/decode/to-change-message.ts";
import type { ChangeMessage } from "../../engine/model/change-message.ts";
import { ABSENT, type Row, UNCHANGED } from "../../engine/model/row.ts";
import { printTable, type StreamedTable } from "../../engine/model/table.ts";
import { parsePgoutput } from "../../connectors/postgres/decode/pgoutput-parser.ts";

/** Change messages that one stream's bytes stand for. */
export function decodeAll(messages: readonly Buffer[]): ChangeMessage[] {
  const decoder = new ChangeDecoder();
  return messages.map((bytes) => decoder.decode(parsePgoutput(bytes))).filter((message) => message !== null);
}

/** One line a change, and one for each table description before the first change under it. See pgoutput-scenarios.ts. */
export function printChanges(messages: readonly ChangeMessage[]): string[] {
  const described = new Set<StreamedTable>();
  const lines: string[] = [];
  const describe = (table: StreamedTable): void => {
    if (!described.has(table)) lines.push(printDescription(table));
    described.add(table);
  };
  for (const message of messages) {
    if (message.tag === "truncate") {
      message.tables.forEach(describe);
      lines.push(`truncate ${message.tables.map((table) => printTable(table.table)).join(", ")}`);
    } else if (message.tag === "replaced") {
      lines.push(`replaced ${printTable(message.table)}: ${message.cause}`);
    } else if (message.tag === "column lost") {
      lines.push(`column lost ${printTable(message.table)}: ${message.column} ${message.newName ?? ""}`.trim());
    } else if ("table" in message) {
      describe(message.table);
      lines.push(`${message.tag} ${printTable(message.table.table)} ${printImages(message.before, message.after)}`);
    } else lines.push(message.tag);
  }
  return lines;
}

function printDescription(table: StreamedTable): string {
  const columns = table.columns.map((column) => `${column.name}${column.inIdentity ? "*" : ""} ${printType(column.typeIdentity)}`);
  return `table ${printTable(table.table)} v${table.version} ${table.identity} (${columns.join(", ")})`;
}

/** Types that are not built in have another number on each server. */
function printType(identity: string): string {
  const [id = "", modifier = ""] = identity.split(":");
  return `${Number(id) >= 16_384 ? "user" : id}:${modifier}`;
}

function printImages(before: Row | null, after: Row | null): string {
  if (before === null) return after === null ? "" : printRow(after);
  return after === null ? `before ${printRow(before)}` : `before ${printRow(before)} after ${printRow(after)}`;
}

function printRow(row: Row): string {
  const values = row.map((value) => {
    if (value === ABSENT) return "-";
    if (value === UNCHANGED) return "~";
    return value === null ? "null" : JSON.stringify(value.toString("utf8"));
  });
  return `(${values.join(", ")})`;
}
