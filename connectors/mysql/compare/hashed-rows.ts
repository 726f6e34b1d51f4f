// Reads digests of rows, and notices rows that the server could not hash.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { GroupChoice, GroupDigest, KeyRange, RowDigest } from "../../../engine/ports/compared-table.ts";
import { toGroups, toRowDigest } from "../../compared-answers.ts";
import { type OpenCompare, rowsOf } from "./compare-session.ts";
import { digestSql, listSql } from "./compared-rows.ts";

/** Throws DB-MY-016 as `requireDigests` does. */
export async function readGroups(open: OpenCompare, range: KeyRange, groups: number): Promise<GroupDigest[]> {
  const rows = await rowsOf(open.session, digestSql(open, range, groups));
  const unhashed = rows.some(([, count, , , hashed]) => count !== hashed);
  if (unhashed) throw tooLarge(open);
  return toGroups(rows);
}

/** Throws DB-MY-016 as `requireDigests` does. */
export async function readList(open: OpenCompare, range: KeyRange, choice: GroupChoice): Promise<readonly RowDigest[]> {
  if (choice.wanted.length === 0) return [];
  const rows = await rowsOf(open.session, listSql(open, range, choice));
  return requireDigests(
    open,
    rows.map((row) => toRowDigest(row, open.side.key.length)),
  );
}

/** The same rows. Throws DB-MY-016 where one was too large for the server to be hashed: its digest is NULL. */
export function requireDigests<Row extends RowDigest>(open: OpenCompare, rows: readonly Row[]): readonly Row[] {
  if (rows.some(({ digest }) => digest === "")) throw tooLarge(open);
  return rows;
}

function tooLarge({ side }: OpenCompare): ReplicationError {
  const cause = "the texts of a row's columns together are larger than max_allowed_packet";
  const remedy = "Raise max_allowed_packet on the server";
  return new ReplicationError("DB-MY-016", { subject: printTable(side.table.table), cause, remedy });
}
