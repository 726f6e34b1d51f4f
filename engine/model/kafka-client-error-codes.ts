import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 001–019: what a Kafka client meets. */
export const kafkaClientErrorCodes = {
  "DB-KAF-001": {
    meaning: "the brokers cannot be reached",
    usualCause: "they are down, the address is wrong, or the network is cut",
    remedy: "Check the address in the configuration and that the brokers run; dongbo tries again by itself",
    retry: "timed",
  },
  "DB-KAF-002": {
    meaning: "the brokers refuse the authentication",
    usualCause: "mechanism, user or password is wrong, or the listener wants TLS",
    remedy: "Correct `url` or its secret",
    retry: "operator",
  },
  "DB-KAF-003": {
    meaning: "the brokers do not allow what dongbo must do",
    usualCause: "the account lacks READ or DESCRIBE on a topic, or READ on the group",
    remedy: "Grant the account what the message names",
    retry: "operator",
  },
  "DB-KAF-004": {
    meaning: "a topic does not exist",
    usualCause: "the connector has not written to it yet, or the topic has another name",
    remedy: "Check `topics` in the configuration; dongbo tries again by itself",
    retry: "timed",
  },
  "DB-KAF-005": {
    meaning: "a broker answered with a failure that may pass",
    usualCause: "a partition has no leader just now, or the broker is overloaded",
    remedy: "Nothing: dongbo tries again by itself; when it lasts, look at the brokers",
    retry: "timed",
  },
  "DB-KAF-006": {
    meaning: "the group gave partitions of this process to another member",
    usualCause: "a process joined or left, or this one was not heard of in time",
    remedy: "Nothing: whoever has the partitions goes on with them",
    retry: "timed",
  },
  "DB-KAF-007": {
    meaning: "an offset is outside the topic's log",
    usualCause: "records were deleted before they were read, or the topic was made anew",
    remedy: "Re-sync the subscriptions of this source with `dongbo resync`; nothing was skipped",
    retry: "operator",
  },
  "DB-KAF-008": {
    meaning: "nothing was heard from a broker although it was asked",
    usualCause: "the broker hangs, or the connection is half open",
    remedy: "Nothing: dongbo connects anew; when it lasts, look at the broker",
    retry: "timed",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
