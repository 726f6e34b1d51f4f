import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** The part of the register about comparing copies with their master, and about what was recorded of it. */
export const reconcileErrorCodes = {
  "DB-REC-001": {
    meaning: "the copy does not come to the position that the master had when its rows were read",
    usualCause: "no engine is running, or its target or the network is slower than the master's changes",
    remedy: "Start `dongbo run`, or see in `dongbo status` what holds the copy up, then compare again",
    retry: "timed",
  },
  "DB-REC-002": {
    meaning: "the copy is being loaded, or was never loaded: its rows are not of one instant",
    usualCause: "a first load or a re-sync has not come to its end",
    remedy: "Compare again when `dongbo status` shows no load",
    retry: "timed",
  },
  "DB-REC-003": {
    meaning: "the copy's table is stopped: it cannot be what the master is",
    usualCause: "its source table was altered, or too many of its rows are in quarantine",
    remedy: "Mend what `dongbo status` names, run `dongbo resync` for the table, then compare again",
    retry: "operator",
  },
  "DB-REC-004": {
    meaning: "the copy's rows obey another filter or other columns than the configuration names",
    usualCause: "the configuration was applied and the engine has not brought the copy in line with it yet",
    remedy: "Let `dongbo run` bring the copy in line, then compare again",
    retry: "timed",
  },
  "DB-REC-005": {
    meaning: "a column of the key has no form that is the same on both servers, so that rows cannot be told apart",
    usualCause: "the key is of a type that the two database families print differently",
    remedy: "Choose another key for the table, or give the column a `type:` that holds it as text",
    retry: "operator",
  },
  "DB-REC-006": {
    meaning: "rows changed each time they were looked at, so that they could not be judged",
    usualCause: "the master writes these rows all the time",
    remedy: "Compare again at a quieter hour",
    retry: "timed",
  },
  "DB-REC-007": {
    meaning: "the master cannot be asked for its rows",
    usualCause: "the source reads Debezium's topics and has no `master:`",
    remedy:
      "Give the source a `master:`, a connection that may read the tables; without one, what was sent is compared with what was received",
    retry: "operator",
  },
  "DB-REC-008": {
    meaning: "there is no such run, plan or notice",
    usualCause: "a mistyped number, or a run that found nothing to be repaired",
    remedy: "Take the number from the run's own output or from `dongbo reconcile --json`",
    retry: "never",
  },
  "DB-REC-009": {
    meaning: "the plan is no longer open",
    usualCause: "it was approved, carried out or dropped already",
    remedy: "Compare again: what still differs makes a new plan",
    retry: "never",
  },
  "DB-REC-010": {
    meaning: "the table cannot be read on one side",
    usualCause: "a privilege is missing, or the table was dropped or altered by hand",
    remedy: "Run `dongbo check` and grant what it names, or re-sync the table with `dongbo resync`",
    retry: "operator",
  },
  "DB-REC-011": {
    meaning: "the configuration in the file is not the one that is applied, so that it says nothing of the copies",
    usualCause: "the file was changed and not applied",
    remedy: "Look at `dongbo plan`, run `dongbo apply`, then compare again",
    retry: "never",
  },
  "DB-REC-012": {
    meaning: "the chain of recorded runs is broken: records were altered, removed or put into another order",
    usualCause: "somebody changed the control database by hand, or it was restored in part",
    remedy:
      "Keep the control database as it is for whoever investigates; certificates that were printed hold the hashes they were made with",
    retry: "operator",
  },
  "DB-REC-013": {
    meaning: "the target holds no rows that could be compared",
    usualCause: "it is a log: the share is published on Kafka",
    remedy: "Compare the copies of whoever reads the topics",
    retry: "never",
  },
  "DB-REC-014": {
    meaning: "rows of a copy that is written in slices are not repaired one by one",
    usualCause: "the source's topics are shared out between processes, and only the topic tells which of them a row belongs to",
    remedy: "Run `dongbo resync` for the table",
    retry: "operator",
  },
  "DB-REC-015": {
    meaning: "more than 200,000 rows of the copy may differ from the master; those beyond were not looked at",
    usualCause: "the copy was restored from elsewhere, or somebody changed all of it",
    remedy: "Find out what happened to the copy, then run `dongbo resync` for the table",
    retry: "operator",
  },
  "DB-REC-016": {
    meaning: "the table that refers to the copy cannot be read in the target's database",
    usualCause: "it was renamed or dropped, or dongbo's role was not granted SELECT on its columns",
    remedy: "Grant SELECT on the columns, or correct `referenced_by:` in the configuration",
    retry: "operator",
  },
  "DB-REC-017": {
    meaning: "the reference does not fit the copy",
    usualCause: "`to:` names a column that the source does not have any more, or the key has another number of columns than are named",
    remedy: "Correct `referenced_by:` in the configuration",
    retry: "operator",
  },
  "DB-REC-018": {
    meaning: "the topic does not tell any more what was sent",
    usualCause:
      "its beginning was deleted by its retention, partitions were added to it, or its events leave out values that did not change",
    remedy:
      "Give the source a `master:`; or let the connector take a new snapshot into a topic that keeps all of it, then run `dongbo resync`",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
