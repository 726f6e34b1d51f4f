import type { ColumnLost, RowChange, TableReplaced, Truncate } from "../model/change-message.ts";
import type { Predicate } from "../model/predicate.ts";
import type { PackedRow } from "../model/packed-rows.ts";
import type { Key, Row } from "../model/row.ts";
import type { Subscription, TableMapping } from "../model/share.ts";

/**
 * The map stage of one source: routes each change to the subscriptions it concerns, filtered and projected. Pure and
 * synchronous; `T` is the caller's own handle of a subscription. A subscription may be added and removed between
 * transactions.
 */
export interface ChangeMapper<T> {
  add(handle: T, subscription: Subscription): void;
  /** Whether changes of one table, by index, are routed to the subscription; they are unless this said otherwise. */
  setActive(handle: T, table: number, active: boolean): void;
  remove(handle: T): void;
  /** Calls `emit` once or more for each subscription that must change; `table` is the index in Subscription.tables. */
  map(change: RowChange | Truncate | TableReplaced | ColumnLost, emit: MapEmit<T>): void;
}

export type MapEmit<T> = (handle: T, table: number, change: MappedChange) => void;

/**
 * What one source change means for one table of one copy. Rows are in the mapping's column order. Values are parts of what was read
 * from the source, all of which lives on with them: who keeps changes copies them.
 */
export type MappedChange =
  /** Insert or replace. A row with UNCHANGED columns had them before under `oldKey`, or under its own key when that is null. */
  | {
      readonly tag: "upsert";
      readonly key: Key;
      readonly row: Row;
      readonly oldKey: Key | null;
      readonly partial: boolean;
      /** The same as `row`, which is complete, under its old key, and has the key's columns. */
      readonly packed?: PackedRow;
      readonly growth?: Growth;
    }
  | { readonly tag: "delete"; readonly key: Key; readonly growth?: Growth }
  /** The change alone cannot say what the row is now: read it from the source. `oldKey` differs when the key changed. */
  | { readonly tag: "refetch"; readonly key: Key; readonly oldKey: Key | null; readonly growth?: Growth }
  | { readonly tag: "truncate" }
  /** The source table no longer fits the mapping: the table stops. Code and message as the operator will see them. */
  | { readonly tag: "mismatch"; readonly code: string; readonly message: string };

/**
 * By how many rows a copy grows that has what the source had before the change: 1, 0 or -1. NaN, and left out: the images do not tell
 * whether the row was, or is, the copy's.
 */
export type Growth = number;

/** Routes rows of a snapshot chunk, read once for several copies, to each copy whose filter they pass. */
export interface SnapshotRouter {
  /** One array of rows a member, in the member's mapping column order. */
  route(rows: Iterable<Row>): Row[][];
}

/** One copy that takes part in a snapshot read. */
export interface SnapshotMember {
  readonly table: TableMapping;
  /** Rows of this load; null: all. */
  readonly filter: Predicate | null;
}
