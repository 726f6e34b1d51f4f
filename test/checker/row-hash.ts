// The checker's own hash of a row, computed by the servers, so that no client's idea of a value comes between.
import type { TrackedTable } from "./master-model.ts";
import { type Family, normalForm } from "./normal-forms.ts";

/**
 * SQL for 60 bits of the row's SHA-256, as an integer that is never negative. Each value goes in with its length before it, so that
 * NULL, '' and separators stay apart; the same row has the same hash on both kinds of servers.
 */
export function rowHash(family: Family, table: TrackedTable, columns: readonly string[], prefix = ""): string {
  const values = columns.map((column) => normalForm(family, table.forms[column] ?? "text", prefix + column));
  if (family === "mysql") {
    const parts = values.map((value) => `COALESCE(CONCAT(OCTET_LENGTH(${value}), ':', ${value}), '~')`);
    return `CAST(CONV(LEFT(SHA2(CONCAT(${parts.join(", ")}), 256), 15), 16, 10) AS UNSIGNED)`;
  }
  const parts = values.map((value) => `coalesce(octet_length(${value}) || ':' || ${value}, '~')`);
  return `('x0' || left(encode(sha256(convert_to(${parts.join(" || ")}, 'UTF8')), 'hex'), 15))::bit(64)::bigint`;
}

/** SQL for the key as one text, a JSON array of the parts' texts: unambiguous for composite keys. */
export function keyText(family: Family, key: readonly string[], prefix = ""): string {
  const parts = key.map((column) => (family === "mysql" ? `CAST(${prefix}${column} AS CHAR)` : `${prefix}${column}::text`));
  return family === "mysql" ? `JSON_ARRAY(${parts.join(", ")})` : `jsonb_build_array(${parts.join(", ")})::text`;
}

/** Columns that tell of one row of a tracked table all that its effect needs; `t` must be the table's alias. */
export function describedRow(family: Family, table: TrackedTable): string {
  const hashes = Object.values(table.projections).map((columns, index) => `${rowHash(family, table, columns, "t.")} AS hash_${index}`);
  const bucket = table.bucket.map((column) => `coalesce(t.${column}, '')`).join(", '/', ");
  return `${keyText(family, table.key, "t.")} AS row_key, concat(${bucket}) AS bucket, ${hashes.join(", ")}`;
}

/** Reads what `describedRow` asked for. */
export function readDescribedRow(table: TrackedTable, row: Readonly<Record<string, string | null>>) {
  const hashes = Object.keys(table.projections).map((_, index) => BigInt(row[`hash_${index}`] ?? 0));
  return { key: row["row_key"] ?? "", bucket: row["bucket"] ?? "", hashes };
}
