import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 040–059: one source read by several processes, its copies written in slices. */
export const kafkaSliceErrorCodes = {
  "DB-KAF-040": {
    meaning: "a foreign key was added to a copy that is written in slices",
    usualCause: "rows of different slices come in no common order, so that a row may come before the one it refers to",
    remedy: "Drop the foreign key from the physical table, or set `slices: 1` for the source; then `dongbo resync` the table",
    retry: "operator",
  },
  "DB-KAF-041": {
    meaning: "this process was given another configuration than the one that leads has applied",
    usualCause: "the file was changed on one machine and not on the other",
    remedy: "Give all processes the same file; `dongbo apply` changes what runs",
    retry: "timed",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
