// Cuts a table into ranges of similar size by walking its key's index: the server offers no sample of its pages. Only the
// index is read, and without rows when it is not the primary key; a walk that takes too long ends with the cuts it has.
import type { Key } from "../../../engine/model/row.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { readKey } from "./read-part.ts";
import type { TablePart } from "./read-sql.ts";

/** A table whose index takes longer to walk is cut where the walk has come to; its last range is the largest. */
const walkMsMax = 30_000;

/** Keys that begin ranges 2, 3 … of a part cut in `parts`, by the server's estimate of its rows. */
export async function splitKeys(session: MysqlSession, part: TablePart, parts: number): Promise<Key[]> {
  const step = Math.ceil(part.table.estimatedRows / parts);
  const cuts: Key[] = [];
  const deadline = performance.now() + walkMsMax;
  if (step <= 0) return [];
  while (cuts.length < parts - 1 && performance.now() < deadline) {
    const next = await readKey(session, { ...part, after: cuts.at(-1) ?? null }, step);
    if (next === null) break;
    cuts.push(next);
  }
  return cuts;
}
