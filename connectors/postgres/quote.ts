// SQL text from names and values. Every statement that is put together from parts goes through here.
import { assert } from "../../engine/model/assert.ts";
import type { TableName } from "../../engine/model/table.ts";

/** An identifier, always quoted, so that capitals, spaces and reserved words stay as they are. */
export function quoteIdentifier(name: string): string {
  assert(name.length > 0, "an identifier has at least one character");
  rejectNul(name);
  return `"${name.replaceAll('"', '""')}"`;
}

/** `"schema"."table"`. */
export function quoteTable(table: TableName): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}

/** Several identifiers, separated by commas. */
export function quoteIdentifiers(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(", ");
}

/** A string constant that means the same whatever `standard_conforming_strings` says. */
export function quoteLiteral(value: string): string {
  rejectNul(value);
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** A NUL would cut the statement off in the middle: the protocol ends strings with it. */
function rejectNul(text: string): void {
  assert(!text.includes("\0"), "text for SQL holds no NUL character");
}
