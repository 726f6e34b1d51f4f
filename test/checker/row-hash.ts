// The checker's own hash of a row, computed by the servers, so that no client's idea of a value comes between.
import type { TrackedTable } from "./master-model.ts";

/** SQL for 64 bits of the row's MD5, as a bigint. The text form of ROW keeps NULL, '' and separators apart. */
export function rowHash(columns: readonly string[], prefix = ""): string {
  const row = columns.map((column) => prefix + column).join(", ");
  return `('x' || left(md5(ROW(${row})::text), 16))::bit(64)::bigint`;
}

/** SQL for the key as one text, a JSON array of the parts' texts: unambiguous for composite keys. */
export function keyText(key: readonly string[], prefix = ""): string {
  return `jsonb_build_array(${key.map((column) => `${prefix}${column}::text`).join(", ")})::text`;
}

/** What a statement on a tracked table returns of each row it leaves behind; `t` must be the table's alias. */
export function returningRow(table: TrackedTable): string {
  const hashes = Object.values(table.projections).map((columns) => `${rowHash(columns, "t.")}::text`);
  return `${keyText(table.key, "t.")} AS key, ${table.bucket} AS bucket, ARRAY[${hashes.join(", ")}]::text AS hashes`;
}

/** Reads the array that `returningRow` asks for: `{1,-2}`. */
export function parseHashes(text: string): bigint[] {
  return text.slice(1, -1).split(",").map(BigInt);
}
