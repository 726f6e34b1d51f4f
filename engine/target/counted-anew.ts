import type { Subscription, TableMapping } from "../model/share.ts";
import type { CheckpointWrite } from "../ports/change-target.ts";
import type { RowTally } from "./row-tally.ts";

/**
 * Tables whose rows are counted in this transaction, since the tally knows nothing of what somebody did to them before they were
 * repaired. Of a copy that is written in slices nobody could tell whose rows are counted.
 */
export function countedAnew(
  { slice }: Subscription,
  { repaired }: Pick<CheckpointWrite, "repaired">,
  tally: RowTally,
): readonly TableMapping[] {
  return slice === undefined ? repaired.filter((table) => tally.resized(table)) : [];
}
