import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 140–159: what `check` and `status` look at around a Debezium connector: its topics, its settings, whether it lives. */
export const kafkaPreflightErrorCodes = {
  "DB-KAF-140": {
    meaning: "the topic of a table does not exist",
    usualCause: "the connector has not written to it yet, does not capture the table, or the topic has another name",
    remedy: "Check the connector's table.include.list and `topics` in the configuration",
    retry: "operator",
  },
  "DB-KAF-141": {
    meaning: "the partitions of a topic do not fit",
    usualCause: "more `slices` than partitions, or a topic in several partitions whose records need one order",
    remedy: "Make the topics with as many partitions as `slices` says, and that of transactions with one",
    retry: "operator",
  },
  "DB-KAF-142": {
    meaning: "a topic does not keep every row from the connector's snapshot on",
    usualCause: "cleanup.policy=delete with a retention: what is older was, or will be, deleted",
    remedy:
      "Set retention.ms=-1 on the topic, or cleanup.policy=compact where no `topics.transactions` is named, and have the connector make a new snapshot; or configure `master`",
    retry: "operator",
  },
  "DB-KAF-143": {
    meaning: "the connector has not been heard of",
    usualCause: "connector, Kafka Connect or the master is down, or heartbeats are off: nobody vouches for the copies being current",
    remedy: "Look at the connector's state in Kafka Connect, and set heartbeat.interval.ms there; until then the copies expire",
    retry: "operator",
  },
  "DB-KAF-144": {
    meaning: "Kafka Connect does not tell the connector's configuration",
    usualCause: "its REST interface is down, the URL is wrong, or it has no connector of this name",
    remedy: "Correct `connect`; the settings that lose data were not looked at",
    retry: "operator",
  },
  "DB-KAF-145": {
    meaning: "the connector does not run",
    usualCause: "it failed, was paused or stopped",
    remedy: "Look into Kafka Connect's log for the reason, remove it, and restart the connector",
    retry: "operator",
  },
  "DB-KAF-146": {
    meaning: "the connector is another one than the configuration describes",
    usualCause: "another connector's name in `connect`, or another topic.prefix in `topics`",
    remedy: "Make both name the same connector",
    retry: "operator",
  },
  "DB-KAF-147": {
    meaning: "a setting of the connector leaves changes out",
    usualCause: "it was set to save space or to keep going, or is Debezium's default",
    remedy: "Change the setting in the connector's configuration as named",
    retry: "operator",
  },
  "DB-KAF-148": {
    meaning: "a setting of the connector changes values",
    usualCause: "it was set for consumers with simpler types, or is a default",
    remedy: "Change the setting in the connector's configuration as named, and have it make a new snapshot",
    retry: "operator",
  },
  "DB-KAF-149": {
    meaning: "a setting of the connector gives its records another form",
    usualCause: "a transform or a converter that was made for other consumers",
    remedy: "Remove it, or run a connector of its own for dongbo",
    retry: "operator",
  },
  "DB-KAF-150": {
    meaning: "the connector's heartbeats do not vouch for a quiet master",
    usualCause: "heartbeat.interval.ms is 0, Debezium's default, or longer than the validity period allows",
    remedy: "Set heartbeat.interval.ms to 10000 in the connector's configuration: copies expire while nothing changes otherwise",
    retry: "operator",
  },
  "DB-KAF-151": {
    meaning: "transaction metadata is not as configured",
    usualCause: "provide.transaction.metadata and `topics.transactions` were not set together",
    remedy: "Set both, or neither: without them copies follow each row in order, and not whole transactions",
    retry: "operator",
  },
  "DB-KAF-152": {
    meaning: "the connector's snapshot does not bring every row",
    usualCause: "snapshot.mode, or a list or statement that limits the snapshot",
    remedy: "Set snapshot.mode=initial and have the connector make a new snapshot, or configure `master`",
    retry: "operator",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
