// Cuts a table into ranges of similar size from a sample of its pages.
import type { CatalogTable } from "../../../engine/model/table.ts";
import { quoteIdentifiers, quoteTable } from "../quote.ts";

/** Pages looked at for each range wanted: enough for ranges that differ by a third or so. */
const pagesPerPart = 20;
const pageBytes = 8192;

/**
 * Lists, in key order, the keys that begin ranges 2, 3 … of a table cut in `parts`, as `row_number` and the key's columns.
 * SYSTEM sampling reads whole pages picked over the table, so its cost does not grow with the table. The seed is fixed: the
 * same table is cut alike again.
 */
export function sampleKeys(table: CatalogTable, key: readonly string[], parts: number): string {
  const pages = Math.max(1, table.estimatedBytes / pageBytes);
  const percent = Math.min(100, (100 * pagesPerPart * parts) / pages);
  const columns = quoteIdentifiers(key);
  return `
WITH sampled AS (
  SELECT ${columns}, row_number() OVER (ORDER BY ${columns}) - 1 AS "dongbo place", count(*) OVER () AS "dongbo rows"
  FROM ${table.partitioned ? "" : "ONLY "}${quoteTable(table.table)} TABLESAMPLE SYSTEM (${percent.toFixed(6)}) REPEATABLE (1)
)
SELECT ${columns} FROM sampled
WHERE "dongbo place" > 0 AND "dongbo place" * ${parts} / "dongbo rows" > ("dongbo place" - 1) * ${parts} / "dongbo rows"
ORDER BY "dongbo place"`;
}
