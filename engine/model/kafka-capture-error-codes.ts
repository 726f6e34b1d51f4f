import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 020–039: Debezium topics as a change log. */
export const kafkaCaptureErrorCodes = {
  "DB-KAF-020": {
    meaning: "a row must be read at the master, and nothing but its topics is known",
    usualCause: "the connector left values out that did not change, and the copy does not hold them",
    remedy: "Configure `master`, a read-only connection, or set REPLICA IDENTITY FULL at the source; then `dongbo resync`",
    retry: "operator",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
