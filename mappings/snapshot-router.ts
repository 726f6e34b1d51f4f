// Rows of one snapshot read, routed to all the copies that it was made for.
import type { CatalogTable } from "../engine/model/table.ts";
import type { Row } from "../engine/model/row.ts";
import type { SnapshotMember, SnapshotRouter } from "../engine/ports/change-mapper.ts";
import { assert } from "../engine/model/assert.ts";
import { FilterIndex } from "./filter-index.ts";

/** `columns`: source names, in the order of the rows; every member's columns and filter columns are among them. */
export function snapshotRouter(table: CatalogTable, columns: readonly string[], members: readonly SnapshotMember[]): SnapshotRouter {
  const catalogued = columns.map((name) => table.columns.find((column) => column.name === name) ?? null);
  const index = new FilterIndex<number>(catalogued);
  const picks = members.map((member) => member.table.columns.map((column) => columns.indexOf(column.source)));
  assert(
    picks.every((positions) => positions.every((position) => position >= 0)),
    "a snapshot reads every column of its members",
  );
  for (const [place, member] of members.entries()) index.add(place, member.filter);
  return {
    route: (rows) => {
      const routed: Row[][] = members.map(() => []);
      for (const row of rows) {
        index.matches(row, (place, verdict) => {
          assert(verdict === true, "a row read from the source tells whether a filter is true");
          routed[place]?.push((picks[place] ?? []).map((from) => row[from] ?? null));
        });
      }
      return routed;
    },
  };
}
