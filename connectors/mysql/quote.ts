// SQL text from names and values. Every statement that is put together from parts goes through here.
import { assert } from "../../engine/model/assert.ts";
import type { TableName } from "../../engine/model/table.ts";

/** An identifier, always quoted, so that capitals, spaces and reserved words stay as they are. */
export function quoteIdentifier(name: string): string {
  assert(name.length > 0, "an identifier has at least one character");
  assert(!name.includes("\0"), "text for SQL holds no NUL character");
  return `\`${name.replaceAll("`", "``")}\``;
}

/** `database`.`table`: what TableName calls a schema is a database here. */
export function quoteTable(table: TableName): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}

/** Several identifiers, separated by commas. */
export function quoteIdentifiers(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(", ");
}

/** A string constant that means the same whatever sql_mode and the session's character set say: hexadecimal UTF-8. */
export function quoteLiteral(value: string): string {
  return `CONVERT(X'${Buffer.from(value, "utf8").toString("hex")}' USING utf8mb4)`;
}
