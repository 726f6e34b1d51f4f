import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 020–039: Debezium topics as a change log. */
export const kafkaCaptureErrorCodes = {
  "DB-KAF-020": {
    meaning: "a row must be read at the master, and nothing but its topics is known",
    usualCause: "the connector left values out that did not change, and the copy does not hold them",
    remedy: "Configure `master`, a read-only connection, or set REPLICA IDENTITY FULL at the source; then `dongbo resync`",
    retry: "operator",
  },
  "DB-KAF-021": {
    meaning: "the beginning of a topic was deleted, so that not all rows of its table can be read from it",
    usualCause: "the topic's retention is shorter than its history",
    remedy:
      "Let the connector take a new snapshot, from which dongbo goes on by itself, configure `master`, a read-only connection, or set the topic's cleanup.policy to compact",
    retry: "operator",
  },
  "DB-KAF-022": {
    meaning: "the transaction topic has several partitions, so that the order of transactions is lost",
    usualCause: "the broker made it with its default number of partitions",
    remedy: "Make the topic anew with one partition, or leave `transactions` out of the configuration",
    retry: "operator",
  },
  "DB-KAF-023": {
    meaning: "a compacted topic was not read for longer than it keeps deletes: rows that are gone may not be told any more",
    usualCause: "dongbo was away for longer than the topic's delete.retention.ms",
    remedy: "Re-sync the subscriptions of this source with `dongbo resync`, and raise delete.retention.ms",
    retry: "operator",
  },
  "DB-KAF-024": {
    meaning: "a transaction of the transaction topic does not end, or lacks events",
    usualCause: "the connector was made anew, lost its place, or left changes out, while it wrote the transaction",
    remedy: "Let the connector take a new snapshot into new topics, then run `dongbo resync` for the subscriptions of this source",
    retry: "operator",
  },
  "DB-KAF-025": {
    meaning: "a topic has more partitions than before, and the order of its rows' changes across them cannot be told",
    usualCause: "partitions were added to a topic that had several, or while the source is read in several slices",
    remedy: "Let the connector write the table to a new topic, then run `dongbo resync`; or configure `master` and run it",
    retry: "operator",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
