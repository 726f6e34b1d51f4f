import type { TableMapping } from "../model/share.ts";
import type { Lane } from "../pipeline/lane.ts";
import type { LoadProgress } from "../ports/change-target.ts";

/** One copy of one table that is being loaded. */
export interface LoadMember {
  readonly lane: Lane;
  /** Index in Subscription.tables. */
  readonly table: number;
  readonly mapping: TableMapping;
  readonly progress: LoadProgress;
}

/** Names one copy in a window. */
export function memberKey(lane: Lane, table: number): string {
  return `${table}:${lane.subscription.id}`;
}
