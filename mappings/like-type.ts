// What stands in another database family for a type, and how the tables of such types write their entries.
import type { ColumnType } from "../engine/model/table.ts";

export type Family = ColumnType["family"];

/**
 * exact: every value comes back as it was, in an equal type · widened: every value is held exactly, in a wider type or as
 * text · lossy: something of a value, or of what the type means, is lost · none: there is no such type.
 */
export type Fidelity = "exact" | "widened" | "lossy" | "none";

/** The type that stands for another one. `note`: what becomes of the values, where that needs saying. */
export type LikeType =
  | { readonly fidelity: Exclude<Fidelity, "none">; readonly declaration: string; readonly note: string | null }
  | { readonly fidelity: "none"; readonly declaration: null; readonly note: string };

/** Where in the copy a column stands. */
export interface ColumnRole {
  readonly key: boolean;
  /** Bytes that a text or bytes of bounded length may take; a longer one becomes unbounded, or, as a key, shorter. */
  readonly bytesMax: number;
  /** A short text that may take more than this is declared so long that it may lie outside of its row. */
  readonly insideMax: number;
}

export function exact(declaration: string): LikeType {
  return { declaration, fidelity: "exact", note: null };
}

export function widened(declaration: string, note: string): LikeType {
  return { declaration, fidelity: "widened", note };
}

export function none(note: string): LikeType {
  return { declaration: null, fidelity: "none", note };
}
