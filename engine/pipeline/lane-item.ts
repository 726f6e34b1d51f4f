import type { Micros } from "../model/change-message.ts";
import type { Position } from "../model/position.ts";
import type { RowList } from "../model/packed-rows.ts";
import type { MappedChange } from "../ports/change-mapper.ts";
import type { LoadProgress } from "../ports/change-target.ts";

/**
 * What waits in a subscription's queue, in the order in which the target must see it. Plain data only: items are spilled
 * to disk with structured cloning. `table` is the index in Subscription.tables.
 */
export type LaneItem =
  /** A source transaction with changes for this subscription begins. */
  | { readonly tag: "begin"; readonly position: Position }
  | { readonly tag: "change"; readonly table: number; readonly change: MappedChange }
  /** `completeAt`: see TransactionCommit. */
  | { readonly tag: "commit"; readonly position: Position; readonly committedAt: Micros; readonly completeAt: Micros }
  /** The source confirmed that it had nothing newer than `position` at `at`. */
  | { readonly tag: "progress"; readonly position: Position; readonly at: Micros }
  /** Whoever pushed it wants to know when everything before it is durable. */
  | { readonly tag: "mark"; readonly id: number }
  /** A table is to be loaded from now on, all of it or, with a filter, a part. */
  | { readonly tag: "load"; readonly table: number; readonly progress: LoadProgress; readonly sweep: boolean }
  /** Rows of a snapshot chunk, and the changes that the chunk did not see although they came before this item. */
  | {
      readonly tag: "chunk";
      readonly table: number;
      readonly rows: RowList;
      readonly replay: readonly MappedChange[];
      readonly advance: ChunkAdvance;
    };

/** What a chunk adds to the progress of its load. */
export interface ChunkAdvance {
  readonly range: number;
  /** Key of the last row read, as LoadRange.after; null: unchanged. */
  readonly after: readonly string[] | null;
  readonly done: boolean;
  /** Null: see Chunk. */
  readonly position: Position | null;
}

/** Items after which a target transaction may be committed: never inside a source transaction. */
export function isBoundary(item: LaneItem): boolean {
  return item.tag !== "begin" && item.tag !== "change";
}

/** Rough memory of an item, in bytes. */
export function itemBytes(item: LaneItem): number {
  switch (item.tag) {
    case "change":
      return changeBytes(item.change);
    case "chunk":
      return 200 + rowsBytes(item.rows) + item.replay.reduce((sum, change) => sum + changeBytes(change), 0);
    default:
      return 150;
  }
}

function rowsBytes(rows: RowList): number {
  if (rows.bytes !== undefined) return rows.bytes;
  let bytes = 0;
  for (const row of rows) bytes += valuesBytes(row);
  return bytes;
}

/** Rough memory of one mapped change, in bytes. */
export function changeBytes(change: MappedChange): number {
  switch (change.tag) {
    case "upsert":
      return 250 + valuesBytes(change.row);
    case "delete":
    case "refetch":
      return 250 + valuesBytes(change.key);
    default:
      return 150;
  }
}

function valuesBytes(values: readonly (Buffer | number | null)[]): number {
  let bytes = 16 * values.length;
  for (const value of values) if (value instanceof Buffer) bytes += value.length + 96;
  return bytes;
}
