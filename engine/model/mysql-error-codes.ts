import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** MY: a MySQL or MariaDB server, as source or target. */
export const mysqlErrorCodes = {
  "DB-MY-001": {
    meaning: "the server cannot be reached",
    usualCause: "it is down, the address is wrong, or the network between is cut",
    remedy: "Start the server or correct the address; dongbo keeps trying",
    retry: "timed",
  },
  "DB-MY-002": {
    meaning: "the server refused the user or the password",
    usualCause: "wrong or rotated password, unknown user, or the user may not connect from this host",
    remedy: "Correct the URL or the secret it refers to, or create the user for this host",
    retry: "operator",
  },
  "DB-MY-003": {
    meaning: "a privilege is missing",
    usualCause: "the user was not granted what it needs, or a grant was revoked",
    remedy: "Grant it; `dongbo check` prints the statements",
    retry: "operator",
  },
  "DB-MY-004": {
    meaning: "no trusted TLS connection could be made",
    usualCause: "the certificate has expired, is for another host or from an unknown authority, or the server offers no TLS",
    remedy:
      "Renew or correct the certificate, or name the right authority with sslrootcert; dongbo never falls back to plain text by itself",
    retry: "operator",
  },
  "DB-MY-005": {
    meaning: "the database does not exist on this server",
    usualCause: "a typing mistake, or the database was dropped",
    remedy: "Correct the name, or create the database",
    retry: "operator",
  },
  "DB-MY-006": {
    meaning: "the server has no connection left for us",
    usualCause: "max_connections or the user's connection limit is reached",
    remedy: "Raise the limit or end other sessions; dongbo keeps trying",
    retry: "timed",
  },
  "DB-MY-007": {
    meaning: "the server's disk is full",
    usualCause: "the volume of its data or of its binary log has no space left",
    remedy: "Free space on the server; dongbo goes on by itself",
    retry: "timed",
  },
  "DB-MY-008": {
    meaning: "the server only accepts reads",
    usualCause: "it is a replica, or read_only is on",
    remedy: "Point the URL at the writable server or make this one writable; dongbo keeps trying",
    retry: "timed",
  },
  "DB-MY-009": {
    meaning: "the server ended the session, or takes none yet",
    usualCause: "a restart, an administrator's KILL, or a time limit of the server for idle sessions",
    remedy: "Wait for the server; dongbo keeps trying",
    retry: "timed",
  },
  "DB-MY-010": {
    meaning: "the statement lost against a concurrent one",
    usualCause: "a deadlock or a lock that was not given in time",
    remedy: "None needed; dongbo tries again",
    retry: "timed",
  },
  "DB-MY-011": {
    meaning: "this server cannot serve dongbo",
    usualCause: "its version is not supported, or a proxy answers in its place",
    remedy: "Connect directly to MariaDB 10.6 or later, or MySQL 8.0 or later",
    retry: "operator",
  },
  "DB-MY-013": {
    meaning: "a statement was cancelled or took too long",
    usualCause: "max_statement_time or max_execution_time ran out, or an administrator cancelled it",
    remedy: "None needed when it passes; else look for what blocks or slows the server",
    retry: "timed",
  },
  "DB-MY-014": {
    meaning: "the server lacks memory or another resource",
    usualCause: "out of memory, or a configured limit of the server is reached",
    remedy: "Free memory or raise the limit on the server; dongbo keeps trying",
    retry: "timed",
  },
  "DB-MY-015": {
    meaning: "the connection to the server was lost",
    usualCause: "the server ended, the network was cut, or a firewall closed the connection",
    remedy: "None needed; dongbo connects again",
    retry: "timed",
  },
  "DB-MY-016": {
    meaning: "a packet was larger than the server takes",
    usualCause: "a row with its statement is larger than max_allowed_packet",
    remedy: "Raise max_allowed_packet on the server above the largest row; a row set aside for that comes with a replay of the quarantine",
    retry: "operator",
  },
  "DB-MY-017": {
    meaning: "the server refused a statement",
    usualCause: "an object or a setting on the server is not as dongbo expects",
    remedy: "Look at the error number and the server's log, mend the cause and start again",
    retry: "operator",
  },
  "DB-MY-019": {
    meaning: "the server refused a value or a row",
    usualCause: "it breaks a type, a range or a constraint",
    remedy: "Look at the named table, column or constraint and at the server's log",
    retry: "operator",
  },
  "DB-MY-020": {
    meaning: "something that dongbo needs does not exist on the server",
    usualCause: "a table, column or function was dropped or renamed",
    remedy: "Restore it, or change the configuration to what is there",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
