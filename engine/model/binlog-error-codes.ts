import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** SLOT, from 020: the binary log of a MySQL or MariaDB source. */
export const binlogErrorCodes = {
  "DB-SLOT-020": {
    meaning: "the binary log does not hold what dongbo needs",
    usualCause: "the server does not log at all, or not with binlog_format=ROW, binlog_row_image=FULL and binlog_row_metadata=FULL",
    remedy:
      "Set the named variable on the server, also in its configuration file; where the log itself already lacks something, re-sync the subscriptions of this source with `dongbo resync`",
    retry: "operator",
  },
  "DB-SLOT-021": {
    meaning: "a column of the binary log cannot be read exactly",
    usualCause: "its type is of an old format, or its character set is one that dongbo does not know",
    remedy: "Convert the column at the source, or leave its table out of every share; nothing was guessed",
    retry: "operator",
  },
  "DB-SLOT-022": {
    meaning: "the binary log is written in a form that dongbo does not read",
    usualCause: "binlog_transaction_compression or binlog_row_value_options is set on the server or in a session",
    remedy: "Turn it off on the server, then re-sync the subscriptions of this source with `dongbo resync`; nothing was skipped",
    retry: "operator",
  },
  "DB-SLOT-023": {
    meaning: "the binary log holds a distributed transaction, whose rows are logged before it is decided",
    usualCause: "an application uses XA PREPARE and XA COMMIT",
    remedy: "End it at the source, re-sync the subscriptions of this source with `dongbo resync`, and use plain transactions there",
    retry: "operator",
  },
  "DB-SLOT-024": {
    meaning: "the binary log tells that changes were lost, or not wholly undone",
    usualCause: "the server ran out of disk or memory while it logged, or a transaction mixed tables of InnoDB with others",
    remedy: "Re-sync the subscriptions of this source with `dongbo resync`",
    retry: "operator",
  },
  "DB-SLOT-025": {
    meaning: "the binary log holds a statement that dongbo does not understand",
    usualCause: "a session logs its changes as statements, or the server is newer than this dongbo",
    remedy:
      "Look at what it was; re-sync the subscriptions of this source with `dongbo resync`, and keep binlog_format at ROW in every session",
    retry: "operator",
  },
  "DB-SLOT-026": {
    meaning: "another reader of the binary log has come with the same server_id, and the server has ended ours",
    usualCause: "a replica or another dongbo is configured with this number",
    remedy: "Give each reader of this server a number of its own, then start the source again; leave server_id out to have one chosen",
    retry: "operator",
  },
  "DB-SLOT-027": {
    meaning: "the server cannot send an event of its binary log",
    usualCause: "the event is larger than the server's max_allowed_packet, or a log file is damaged",
    remedy: "Raise max_allowed_packet on the server; a damaged log needs `dongbo resync` of this source's subscriptions",
    retry: "operator",
  },
  "DB-SLOT-028": {
    meaning:
      "a transaction has a number that its replication domain had passed before, so that positions cannot tell whether it was applied",
    usualCause: "two servers write in one domain while gtid_strict_mode is off, for example a replica that is written to by itself",
    remedy:
      "Set gtid_strict_mode = ON, give each server that is written to a gtid_domain_id of its own, then re-sync the subscriptions of this source with `dongbo resync`",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
