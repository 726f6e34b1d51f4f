// Names of slices: of the whole, and of each of its parts.
import type { Slice, Subscription } from "./share.ts";

/** Which part of what is shared out, without saying of what. */
export type SliceNumber = Pick<Slice, "index" | "of">;

/** `population/hcm#1of4`, and likewise of a source. No id of the configuration holds a `#`. */
export function sliceId(whole: string, { index, of }: SliceNumber): string {
  return `${whole}#${index}of${of}`;
}

/** The id without the slice that it may name. */
export function wholeId(id: string): string {
  return id.split("#", 1)[0] ?? id;
}

/** The id that readers of the copies know. */
export function wholeOf({ id, slice }: Pick<Subscription, "id" | "slice">): string {
  return slice?.whole ?? id;
}

/** All that write the whole: its slices, or itself. */
export function partIds({ id, slice }: Pick<Subscription, "id" | "slice">): string[] {
  if (slice === undefined) return [id];
  return Array.from({ length: slice.of }, (_, index) => sliceId(slice.whole, { index, of: slice.of }));
}

/** One slice of a whole subscription. */
export function inSlice(subscription: Subscription, { index, of }: SliceNumber): Subscription {
  const { id } = subscription;
  return { ...subscription, id: sliceId(id, { index, of }), slice: { whole: id, index, of } };
}
