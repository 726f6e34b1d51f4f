// Cuts a table into ranges of similar size by walking its key's index: the server offers no sample of its pages. A walk that
// takes too long ends with the cuts it has; the last range is then the largest.
import type { Key } from "../../../engine/model/row.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";
import { readKey } from "./read-part.ts";
import type { TablePart } from "./read-sql.ts";

/** The session's own limit of a statement ended it: ER_STATEMENT_TIMEOUT of MariaDB, ER_QUERY_TIMEOUT of MySQL. */
const outOfTime: ReadonlySet<number> = new Set([1969, 3024]);

/** Keys that begin ranges 2, 3 … of a part cut in `parts`, by the server's estimate of its rows. */
export async function splitKeys(session: MysqlSession, part: TablePart, parts: number): Promise<Key[]> {
  const step = Math.ceil(part.table.estimatedRows / parts);
  if (step <= 0) return [];
  const cuts: Key[] = [];
  try {
    while (cuts.length < parts - 1) {
      const next = await readKey(session, { ...part, after: cuts.at(-1) ?? null }, step);
      if (next === null) break;
      cuts.push(next);
    }
  } catch (error) {
    if (!outOfTime.has(errorNumber(error) ?? 0)) throw error;
  }
  return cuts;
}
