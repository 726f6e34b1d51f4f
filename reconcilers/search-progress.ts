// How far the search for rows that may differ has come. Pure.
import type { CanonicalKey, KeyRange } from "../engine/ports/compared-table.ts";
import { DigestSum } from "./digest-difference.ts";

/** A range that holds rows which may differ, in these groups. */
export interface BadRange {
  readonly range: KeyRange;
  /** Of the master, about. */
  readonly rows: number;
  readonly groups: number;
  readonly wanted: readonly number[];
}

/** How far a search has come: what it takes to go on after a crash, or with what others have read. Plain data. */
export interface SearchProgress {
  /** When its first range was read, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Ranges up to this key were read; null: all. */
  readonly after: CanonicalKey | null;
  readonly copyRows: number;
  /** How rows were hashed, as QuickHash.word names it; null: MD5. */
  readonly hash: string | null;
  /** Of the copy's rows, 32 hexadecimal digits. */
  readonly digest: string;
  readonly masterRows: number;
  readonly bad: readonly BadRange[];
}

/** What the searches of all parts of a table came to, as one; null: some of them hashed rows in another way, and say nothing together. */
export function joinProgress(parts: readonly SearchProgress[]): SearchProgress | null {
  const [first] = parts;
  if (first === undefined || parts.some(({ hash }) => hash !== first.hash)) return null;
  const sum = new DigestSum();
  for (const { copyRows, digest } of parts) sum.join(DigestSum.of(copyRows, digest));
  return {
    startedAt: Math.min(...parts.map(({ startedAt }) => startedAt)),
    after: null,
    copyRows: sum.rows,
    hash: first.hash,
    digest: sum.toString(),
    masterRows: parts.reduce((rows, part) => rows + part.masterRows, 0),
    bad: parts.flatMap(({ bad }) => bad),
  };
}
