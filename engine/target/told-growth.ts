import type { TableMapping } from "../model/share.ts";
import type { CommitOutcome } from "../ports/change-target.ts";
import type { QuarantineBook } from "./quarantine-book.ts";
import type { RowTally } from "./row-tally.ts";

/** By how many rows a copy has grown; null where rows in quarantine are not there although they should be, or were not. */
export function growthIn(tally: RowTally, book: QuarantineBook): Required<CommitOutcome>["grownBy"] {
  return (table: TableMapping) => (book.count(table) > 0 || book.touches(table) ? null : tally.growth(table));
}
