import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** DB-MY-031 to 059: what `check` looks at on a MySQL or MariaDB source before anything runs. */
export const mysqlPreflightErrorCodes = {
  "DB-MY-031": {
    meaning: "how long the server keeps its binary log",
    usualCause: "the server removes its log by a rule of its own, whoever still needs it",
    remedy: "Keep the log for longer than dongbo may ever be away: whoever comes later than that must be loaded again",
    retry: "operator",
  },
  "DB-MY-032": {
    meaning: "the server does not number its transactions",
    usualCause: "gtid_mode is not ON",
    remedy:
      "Turn gtid_mode on (OFF_PERMISSIVE, ON_PERMISSIVE, ON, with enforce_gtid_consistency): without it positions do not survive a change of the master, and each chunk of a load stops all commits for an instant",
    retry: "operator",
  },
  "DB-MY-033": {
    meaning: "the server leaves the database out of its binary log",
    usualCause: "binlog_do_db or binlog_ignore_db in its configuration",
    remedy: "Take the filter out of the server's configuration and restart it",
    retry: "operator",
  },
  "DB-MY-034": {
    meaning: "the server does not log what it gets from its own master",
    usualCause: "it is a replica with log_replica_updates (log_slave_updates) off",
    remedy: "Turn it on in the server's configuration and restart it, or read from the master itself",
    retry: "operator",
  },
  "DB-MY-036": {
    meaning: "the largest packet that the server sends is small",
    usualCause: "max_allowed_packet is below 16 MB",
    remedy: "Set max_allowed_packet above the largest row, 64M or more: a larger row can be neither read nor logged",
    retry: "operator",
  },
  "DB-MY-037": {
    meaning: "the table cannot be read as of one instant",
    usualCause: "its engine is not InnoDB, or it is system-versioned, so that its log holds rows of the past",
    remedy: "Convert the table to InnoDB; share a plain table in place of a versioned one",
    retry: "operator",
  },
  "DB-MY-038": {
    meaning: "the server has no number of its own",
    usualCause: "server_id is 0",
    remedy: "Set server_id in the server's configuration: without one it lets nobody read its log",
    retry: "operator",
  },
  "DB-MY-039": {
    meaning: "a foreign key changes rows of the table by itself, and the binary log does not tell",
    usualCause: "it was declared with CASCADE, SET NULL or SET DEFAULT; the server logs the change of the other table alone",
    remedy: "Declare the foreign key with RESTRICT and let the application change these rows, or leave the table out of every share",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
