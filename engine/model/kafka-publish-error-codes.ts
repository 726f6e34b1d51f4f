import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 160–179: publishing to Kafka. */
export const kafkaPublishErrorCodes = {
  "DB-KAF-160": {
    meaning: "the topics of the prefix belong to another subscription",
    usualCause: "two shares are published to one Kafka target, or two configurations use one prefix",
    remedy:
      "Give each subscription a Kafka target with its own `topics.prefix`: heartbeats and transactions speak for all topics of a prefix",
    retry: "operator",
  },
  "DB-KAF-161": {
    meaning: "the table's name cannot be part of a topic's name",
    usualCause: "it has other characters than letters without accents, digits, `.`, `_` and `-`, or is too long",
    remedy: "Give the share's table another `target:`",
    retry: "operator",
  },
  "DB-KAF-162": {
    meaning: "a topic of the prefix is not as publishing needs it",
    usualCause: "it was made by hand, or by somebody else",
    remedy: "Correct the topic, delete it so that dongbo makes it, or give the target another prefix",
    retry: "operator",
  },
  "DB-KAF-163": {
    meaning: "consumers cannot be told that the table was emptied",
    usualCause: "the table was truncated or is to be loaded again, and its topic has several partitions or is compacted",
    remedy: "Delete the table's topic and let consumers drop what they hold of it, then run `dongbo resync`; dongbo publishes it anew",
    retry: "operator",
  },
  "DB-KAF-164": {
    meaning: "a topic cannot be asked for a single row",
    usualCause: "the subscription is published to Kafka, where events lie in their order and not under their keys",
    remedy: "Ask a copy that a consumer of the topic keeps",
    retry: "never",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
