import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** SLOT: the replication slot and the change stream. */
export const slotErrorCodes = {
  "DB-SLOT-001": {
    meaning: "the replication slot does not exist",
    usualCause: "it was dropped, the server was restored from a backup, or a standby without the slot was promoted",
    remedy: "Changes may have been lost since: re-sync the subscriptions of this source with `dongbo resync`",
    retry: "operator",
  },
  "DB-SLOT-002": {
    meaning: "the replication slot was invalidated: the server has removed log that dongbo had not read",
    usualCause: "dongbo was away for longer than max_slot_wal_keep_size or idle_replication_slot_timeout allows",
    remedy: "Re-sync the subscriptions of this source with `dongbo resync`, and raise the limit on the server",
    retry: "operator",
  },
  "DB-SLOT-003": {
    meaning: "the replication slot is in use by another process",
    usualCause: "another dongbo runs for the same source, or the server has not noticed yet that the last connection is gone",
    remedy: "Stop the other process; dongbo keeps trying",
    retry: "timed",
  },
  "DB-SLOT-004": {
    meaning: "the server is not the one that the position belongs to",
    usualCause: "the address leads to another server, it was restored to an earlier time, or a standby was promoted",
    remedy: "Correct the address, or re-sync the subscriptions of this source with `dongbo resync`",
    retry: "operator",
  },
  "DB-SLOT-005": {
    meaning: "the replication slot starts later than what was applied: changes in between are lost to us",
    usualCause: "the slot was dropped and made again, or moved on by hand",
    remedy: "Re-sync the subscriptions of this source with `dongbo resync`",
    retry: "operator",
  },
  "DB-SLOT-006": {
    meaning: "a replication slot of this name belongs to somebody else",
    usualCause: "its plugin or its database is not ours",
    remedy: "Drop or rename that slot, or rename the source in the configuration",
    retry: "operator",
  },
  "DB-SLOT-007": {
    meaning: "the publication does not exist",
    usualCause: "it was dropped, or made only after the slot",
    remedy: "Make the publication; `dongbo check` prints the statement",
    retry: "operator",
  },
  "DB-SLOT-008": {
    meaning: "the change stream has gone silent",
    usualCause: "the network drops packets without closing the connection, or the server hangs",
    remedy: "None needed; dongbo connects again",
    retry: "timed",
  },
  "DB-SLOT-009": {
    meaning: "the change stream holds a message that dongbo does not know",
    usualCause: "the server is newer than this dongbo, or sends what was not asked for",
    remedy: "Upgrade dongbo; nothing was skipped",
    retry: "operator",
  },
  "DB-SLOT-010": {
    meaning: "the change stream cannot be read",
    usualCause: "bytes were lost or changed on the way, or a defect",
    remedy: "Connect to the server without anything in between that rewrites traffic; collect the log and report it",
    retry: "operator",
  },
  "DB-SLOT-011": {
    meaning: "the replication slot could not be made in time: it waits for transactions that run since before",
    usualCause: "a transaction on the server has been open for long",
    remedy: "End the named transaction or wait for it; dongbo keeps trying",
    retry: "timed",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
