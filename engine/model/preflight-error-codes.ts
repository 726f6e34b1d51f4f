import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** The part of the register about what `check` looks at before anything runs: 030–059 of PG, 037–059 of MAP, 030–049 of TGT. */
export const preflightErrorCodes = {
  "DB-PG-031": {
    meaning: "row security hides rows from dongbo's role",
    usualCause: "the table has row security enabled and the role neither owns it nor has BYPASSRLS",
    remedy: "Give the role BYPASSRLS; a filter on what each consumer gets belongs into the share",
    retry: "operator",
  },
  "DB-PG-032": {
    meaning: "the publication does not hold all that the shares need",
    usualCause: "it was never made, or tables or columns were added to a share since",
    remedy: "Let the owner of the tables run the statements",
    retry: "operator",
  },
  "DB-PG-033": {
    meaning: "the table cannot be loaded yet: transactions that began before it was published are still writing to it",
    usualCause: "a transaction has been open since before the publication was changed",
    remedy: "None needed when it ends; else end the transactions that hold locks on the table (pg_locks)",
    retry: "timed",
  },
  "DB-PG-034": {
    meaning: "the publication makes updates and deletes at the source fail",
    usualCause: "its column list leaves out a column of the table's replica identity",
    remedy: "Run the statements at once: the source's own applications are affected",
    retry: "operator",
  },
  "DB-PG-036": {
    meaning: "the server's limit on retained log does not fit dongbo's",
    usualCause: "max_slot_wal_keep_size is unlimited, or smaller than limits.wal_retained_max of the source",
    remedy: "Set max_slot_wal_keep_size a little above limits.wal_retained_max",
    retry: "operator",
  },
  "DB-PG-037": {
    meaning: "the server would not notice in good time that a replication connection is dead, or takes a slow one for dead",
    usualCause: "wal_sender_timeout is off, or shorter than ten seconds",
    remedy: "Set wal_sender_timeout to one minute, the default",
    retry: "operator",
  },
  "DB-PG-038": {
    meaning: "a transaction has been open for long",
    usualCause: "a forgotten session, a long report or a prepared transaction nobody ended",
    remedy: "End it: making the replication slot and loading wait for it",
    retry: "timed",
  },
  "DB-PG-039": {
    meaning: "the server's clock and this machine's differ",
    usualCause: "one of them is not synchronised",
    remedy: "Synchronise both with the same time service: the validity of copies is counted by these clocks",
    retry: "operator",
  },
  "DB-PG-040": {
    meaning: "the database's encoding is not UTF8",
    usualCause: "it was created with another encoding",
    remedy: "Use a UTF8 database",
    retry: "operator",
  },
  "DB-PG-041": {
    meaning: "the server gives up replication slots that rest for a while",
    usualCause: "idle_replication_slot_timeout is set",
    remedy: "Set idle_replication_slot_timeout to 0, or longer than dongbo may ever be away",
    retry: "operator",
  },
  "DB-MAP-037": {
    meaning: "this is not a table whose changes can be followed",
    usualCause: "it is a view, a materialized view, a foreign table or a sequence",
    remedy: "Share the tables behind it",
    retry: "operator",
  },
  "DB-MAP-038": {
    meaning: "the table's changes are not written to the log",
    usualCause: "it is unlogged or temporary",
    remedy: "Make it a logged table",
    retry: "operator",
  },
  "DB-MAP-039": {
    meaning: "the key has a column whose values cannot stand for a row",
    usualCause: "different bytes may be equal in it, or its type has no order that dongbo knows",
    remedy: "Use another unique key",
    retry: "operator",
  },
  "DB-MAP-040": {
    meaning: "the source does not log which row an update or a delete concerned",
    usualCause: "the replica identity is nothing, its index was dropped, or it lacks columns of the key",
    remedy: "Let the table's owner run the statement",
    retry: "operator",
  },
  "DB-MAP-041": {
    meaning: "the filter uses columns of which the source does not log the old value",
    usualCause: "they are outside the replica identity",
    remedy: "None needed: each update then costs a delete by key in the copies it does not concern; the statement spares that",
    retry: "operator",
  },
  "DB-MAP-042": {
    meaning: "some changes of a partitioned table are not published",
    usualCause: "attaching or detaching a partition, and TRUNCATE of a single partition, send no row changes",
    remedy: "After such a change run `dongbo resync` for the table; reconciling finds what was missed",
    retry: "operator",
  },
  "DB-MAP-043": {
    meaning: "a partition does not log what its partitioned table promises",
    usualCause: "the replica identity of a partition is set for itself, not inherited",
    remedy: "Let the table's owner run the statement, and do the same for partitions made later",
    retry: "operator",
  },
  "DB-MAP-044": {
    meaning: "other tables inherit from this one and are not part of the share",
    usualCause: "table inheritance: a query on the parent shows the children's rows too",
    remedy: "Share the children as tables of their own if their rows are wanted",
    retry: "operator",
  },
  "DB-MAP-045": {
    meaning: "the source publishes a partition's changes in its partitioned table's name",
    usualCause: "shares name both a partitioned table and one of its partitions",
    remedy: "Name one of them, with a filter where only a part is wanted",
    retry: "operator",
  },
  "DB-MAP-046": {
    meaning: "values of this type mean nothing outside their own database",
    usualCause: "the type refers to tables, types, functions or roles of the server",
    remedy: "Leave the column out",
    retry: "operator",
  },
  "DB-MAP-047": {
    meaning: "a partition lies on another server",
    usualCause: "the partition is a foreign table: its changes are not in this server's log",
    remedy: "Share the partitions that lie here, each by its own name",
    retry: "operator",
  },
  "DB-TGT-030": {
    meaning: "a reader's role can read the copy past the gate",
    usualCause:
      "the role is a superuser, may replicate, is a member of pg_read_all_data, of a role that reads the server's files or of dongbo's own role, or may become one (CREATEROLE before PostgreSQL 16)",
    remedy: "Let readers use a role without these attributes and memberships: a view cannot refuse them an expired copy",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
