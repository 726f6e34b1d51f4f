import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** PG: a PostgreSQL server, as source or target. */
export const serverErrorCodes = {
  "DB-PG-001": {
    meaning: "the server cannot be reached",
    usualCause: "it is down, the address is wrong, or the network between is cut",
    remedy: "Start the server or correct the address; dongbo keeps trying",
    retry: "timed",
  },
  "DB-PG-002": {
    meaning: "the server refused the user or the password",
    usualCause: "wrong or rotated password, unknown user, or no line in pg_hba.conf for it",
    remedy: "Correct the URL or the secret it refers to, or let the server admit the user in pg_hba.conf",
    retry: "operator",
  },
  "DB-PG-003": {
    meaning: "a privilege is missing",
    usualCause: "the role was not granted what it needs, or a grant was revoked",
    remedy: "Grant it; `dongbo check` prints the statements",
    retry: "operator",
  },
  "DB-PG-004": {
    meaning: "no trusted TLS connection could be made",
    usualCause: "the certificate has expired, is for another host or from an unknown authority, or the server offers no TLS",
    remedy:
      "Renew or correct the certificate, or name the right authority with sslrootcert; dongbo never falls back to plain text by itself",
    retry: "operator",
  },
  "DB-PG-005": {
    meaning: "the database does not exist on this server",
    usualCause: "a typing mistake in the URL, or the database was dropped or renamed",
    remedy: "Correct the database name in the URL",
    retry: "operator",
  },
  "DB-PG-006": {
    meaning: "the server has no connection left for us",
    usualCause: "max_connections, max_wal_senders or the role's connection limit is reached",
    remedy: "Raise the limit or end other sessions; dongbo keeps trying",
    retry: "timed",
  },
  "DB-PG-007": {
    meaning: "the server's disk is full",
    usualCause: "the tablespace or the WAL volume has no space left",
    remedy: "Free space on the server; dongbo goes on by itself",
    retry: "timed",
  },
  "DB-PG-008": {
    meaning: "the server only accepts reads",
    usualCause: "it is a standby, or default_transaction_read_only is on",
    remedy: "Point the URL at the writable server or make this one writable; dongbo keeps trying",
    retry: "timed",
  },
  "DB-PG-009": {
    meaning: "the server ended the session, or takes none yet",
    usualCause: "a restart, a crash recovery, an administrator, or a time limit of the server for sessions and transactions",
    remedy: "Wait for the server; dongbo keeps trying",
    retry: "timed",
  },
  "DB-PG-010": {
    meaning: "the statement lost against a concurrent one",
    usualCause: "a deadlock, a serialization failure or a lock that was not given in time",
    remedy: "None needed; dongbo tries again",
    retry: "timed",
  },
  "DB-PG-011": {
    meaning: "this server cannot serve dongbo",
    usualCause: "its version is not supported, it is a standby, or a connection pooler answers in its place",
    remedy: "Connect directly to a primary server of PostgreSQL 15 to 18",
    retry: "operator",
  },
  "DB-PG-012": {
    meaning: "the server does not log what logical replication needs",
    usualCause: "wal_level is not logical",
    remedy: "Set wal_level to logical and restart the server",
    retry: "operator",
  },
  "DB-PG-013": {
    meaning: "a statement was cancelled or took too long",
    usualCause: "statement_timeout ran out, or an administrator cancelled it",
    remedy: "None needed when it passes; else look for what blocks or slows the server",
    retry: "timed",
  },
  "DB-PG-014": {
    meaning: "the server lacks memory or another resource",
    usualCause: "out of memory, or a configured limit of the server is reached",
    remedy: "Free memory or raise the limit on the server; dongbo keeps trying",
    retry: "timed",
  },
  "DB-PG-015": {
    meaning: "the connection to the server was lost",
    usualCause: "the server ended, the network was cut, or a firewall closed the connection",
    remedy: "None needed; dongbo connects again",
    retry: "timed",
  },
  "DB-PG-016": {
    meaning: "the server has no free replication slot",
    usualCause: "max_replication_slots is reached",
    remedy: "Drop slots that nobody uses or raise max_replication_slots and restart the server",
    retry: "operator",
  },
  "DB-PG-017": {
    meaning: "the server refused a statement",
    usualCause: "an object or a setting on the server is not as dongbo expects",
    remedy: "Look at the SQLSTATE and the server's log, mend the cause and start again",
    retry: "operator",
  },
  "DB-PG-018": {
    meaning: "the server failed internally",
    usualCause: "damaged data or a defect of the server",
    remedy: "Look into the server's log at the time of this error",
    retry: "operator",
  },
  "DB-PG-019": {
    meaning: "the server refused a value or a row",
    usualCause: "it breaks a type, a range or a constraint",
    remedy: "Look at the named table, column or constraint and at the server's log",
    retry: "operator",
  },
  "DB-PG-020": {
    meaning: "something that dongbo needs does not exist on the server",
    usualCause: "a schema, table, column, type or function was dropped or renamed",
    remedy: "Restore it, or change the configuration to what is there",
    retry: "operator",
  },
  "DB-PG-021": {
    meaning: "the server cannot read or write its own files",
    usualCause: "an I/O error, or a file that is missing or not permitted",
    remedy: "Look into the server's log and check its disks",
    retry: "timed",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
