import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 040–059: one source read by several processes, its copies written in slices. */
export const kafkaSliceErrorCodes = {
  "DB-KAF-040": {
    meaning: "a foreign key was added to a copy that is written in slices",
    usualCause: "rows of different slices come in no common order, so that a row may come before the one it refers to",
    remedy: "Drop the foreign key from the physical table, or set `slices: 1` for the source; then `dongbo resync` the table",
    retry: "operator",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
