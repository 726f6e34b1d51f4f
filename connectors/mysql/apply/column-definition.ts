// How a column of a copy is declared.
import { assert } from "../../../engine/model/assert.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import type { Flavour } from "../mysql-client.ts";
import { quoteIdentifier } from "../quote.ts";

/** The copy's names of its key columns, in key order. */
export function keyColumns(table: TableMapping): string[] {
  return table.key.map((source) => table.columns.find((column) => column.source === source)?.target ?? source);
}

/**
 * Name, type and what keeps the type as the source has it: a key tells capitals, accents and trailing blanks apart, and a
 * TIMESTAMP never takes the time of writing by itself. Every column but the key's may be NULL: what the master demands, it
 * demands there.
 */
export function columnDefinition(flavour: Flavour, table: TableMapping, name: string): string {
  const column = table.columns.find((candidate) => candidate.target === name);
  assert(column !== undefined, "a column that is declared is in the mapping");
  const type = column.targetType ?? column.sourceType.declaration;
  if (!keyColumns(table).includes(name)) return `${quoteIdentifier(name)} ${type} NULL`;
  const ending = /^timestamp\b/i.test(type) ? " NOT NULL DEFAULT '1970-01-01 00:00:01'" : " NOT NULL";
  return `${quoteIdentifier(name)} ${type}${isText(type) ? keyCollation(flavour, type) : ""}${ending}`;
}

function isText(type: string): boolean {
  return (
    /^(national\s+)?(char|character|varchar|nchar|nvarchar|tinytext|text|mediumtext|longtext|enum|set)\b/i.test(type) &&
    !/\bcollate\b/i.test(type)
  );
}

/** Equal text is equal bytes: a collation that pads with blanks would not know `a` from `a `. */
function keyCollation(flavour: Flavour, type: string): string {
  const declared = /\b(?:character\s+set|charset)\s+'?(\w+)/i.exec(type)?.[1]?.toLowerCase();
  const charset = declared ?? "utf8mb4";
  const clause = declared === undefined ? ` CHARACTER SET ${charset}` : "";
  if (flavour === "mariadb") return `${clause} COLLATE ${charset}_nopad_bin`;
  return `${clause} COLLATE ${charset === "utf8mb4" ? "utf8mb4_0900_bin" : `${charset}_bin`}`;
}
