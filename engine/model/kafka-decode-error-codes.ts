import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 100–139: records that cannot be understood. */
export const kafkaDecodeErrorCodes = {
  "DB-KAF-100": {
    meaning: "a record is not a Debezium envelope",
    usualCause: "the topic holds something else, or another converter wrote it",
    remedy: "Check `topics` and `converter` in the configuration; nothing was skipped",
    retry: "operator",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
