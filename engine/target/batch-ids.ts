// Batch ids where several slices write one table: `dongbo_batch` tells which slice wrote a row, so that each can sweep and
// empty what is its own. The id of a slice's batch leaves the slice's index when divided by `slicesMax`.
import type { Slice } from "../model/share.ts";

/** So many slices a subscription can have. */
const slicesMax = 1024;

/** From one batch id to the next. */
export function batchStep(slice: Slice | undefined): number {
  return slice === undefined ? 1 : slicesMax;
}

/** First id that every slice's batches have passed which begin after `newest`: rows with an older one are of an earlier life. */
export function firstBatchAfter(newest: number): number {
  return (Math.floor(newest / slicesMax) + 1) * slicesMax;
}

/** Id of a slice's first batch in tables where batches of this life begin at `first`. */
export function firstBatchOf({ index }: Pick<Slice, "index">, first: number): number {
  return firstBatchAfter(first - 1) + index;
}

/** The rows that a slice owns of a table, as SQL over its column `batch`; null: all. Rows of an earlier life are everybody's. */
export function ownRowsSql(slice: Slice | undefined, batch: string, first: number): string | null {
  return slice === undefined ? null : `(MOD(${batch}, ${slicesMax}) = ${slice.index} OR ${batch} < ${first})`;
}
