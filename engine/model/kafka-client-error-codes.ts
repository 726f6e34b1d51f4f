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
  "DB-KAF-009": {
    meaning: "no trusted TLS connection to a broker could be made",
    usualCause: "the certificate has expired, is for another host or from an unknown authority, or the listener offers no TLS",
    remedy:
      "Renew or correct the certificate, or name the right authority with sslrootcert; dongbo never falls back to plain text by itself",
    retry: "operator",
  },
  "DB-KAF-010": {
    meaning: "the brokers answered in a way that dongbo does not know",
    usualCause: "their version is newer or much older than those that dongbo was tested with",
    remedy: "Compare the versions with those in README.md, and report the message",
    retry: "operator",
  },
  "DB-KAF-011": {
    meaning: "another producer has taken over the transactional id",
    usualCause: "a second process publishes with the same configuration, or this one was away for longer than its transaction may take",
    remedy: "Nothing: the newer producer goes on; see that only one process publishes a source",
    retry: "timed",
  },
  "DB-KAF-012": {
    meaning: "a record is larger than the topic allows",
    usualCause: "max.message.bytes of the topic is less than one row needs",
    remedy: "Raise max.message.bytes of the topic that the message names",
    retry: "operator",
  },
  "DB-KAF-013": {
    meaning: "the records are compressed in a way that cannot be read here",
    usualCause: "the connector's producer uses a compression.type that this version of Node.js lacks",
    remedy: "Set compression.type of the topic or of the connector's producer to none, gzip, snappy or lz4",
    retry: "operator",
  },
  "DB-KAF-014": {
    meaning: "the topic holds records written in transactions, which the client kafkajs cannot tell from aborted ones for certain",
    usualCause: "the connector runs with exactly-once support, or another dongbo publishes the topic",
    remedy: "Set `client: platformatic` for this source; nothing was read past the place",
    retry: "operator",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
