import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** DB-TGT-001 to 014: the schemas, types, tables, views and grants that dongbo makes in a target. */
export const targetErrorCodes = {
  "DB-TGT-001": {
    meaning: "the schema is not dongbo's",
    usualCause: "a schema of that name was there before, or dongbo ran as another role earlier",
    remedy: "Rename that schema, or make dongbo's role its owner if dongbo made it",
    retry: "operator",
  },
  "DB-TGT-002": {
    meaning: "the schema dongbo was made by a newer version",
    usualCause: "this dongbo is older than one that has run on this target",
    remedy: "Upgrade dongbo",
    retry: "operator",
  },
  "DB-TGT-003": {
    meaning: "dongbo's role may not make or grant what the copy needs",
    usualCause: "the privilege was not granted, or the object belongs to another role",
    remedy: "Run the statements that `dongbo check` prints",
    retry: "operator",
  },
  "DB-TGT-004": {
    meaning: "the checkpoint of the subscription is missing in the target",
    usualCause: "its row was deleted, or the target was restored from a backup without it",
    remedy: "Restore the row, or register the subscription anew with the statement given and load it again",
    retry: "operator",
  },
  "DB-TGT-005": {
    meaning: "the name is taken by something that is not dongbo's",
    usualCause: "a table, view or other object of that name was there before",
    remedy: "Rename or drop that object, or give the share's table another target",
    retry: "operator",
  },
  "DB-TGT-006": {
    meaning: "the physical table is not as dongbo left it",
    usualCause: "somebody altered it by hand",
    remedy: "Undo the change, or withdraw the table and let dongbo make it anew",
    retry: "operator",
  },
  "DB-TGT-007": {
    meaning: "the copy holds a column in another type, or has another key, than is now wanted",
    usualCause: "the type or the key changed at the source or in the configuration",
    remedy: "Withdraw the table, then let dongbo make and load it anew",
    retry: "operator",
  },
  "DB-TGT-008": {
    meaning: "an extension that a column's type belongs to is missing in the target",
    usualCause: "it was not installed in this database",
    remedy: "Create the extension, or give the column another type in the configuration",
    retry: "operator",
  },
  "DB-TGT-009": {
    meaning: "a user-defined type in the target differs from the source's",
    usualCause: "a label was renamed or an attribute changed at the source, or two sources use one name for different types",
    remedy: "Withdraw the tables that use it and drop the type, or keep them apart with physical_schema",
    retry: "operator",
  },
  "DB-TGT-010": {
    meaning: "the view must be made anew to withdraw a column, and other objects depend on it",
    usualCause: "views, functions or triggers were built on it",
    remedy: "Drop them, start dongbo, and make them again without the withdrawn column",
    retry: "operator",
  },
  "DB-TGT-011": {
    meaning: "a reader's role does not exist in the target",
    usualCause: "a typing mistake under readers:, or the role was not made yet",
    remedy: "Create the role or correct the name",
    retry: "operator",
  },
  "DB-TGT-012": {
    meaning: "the target's objects could not be changed because somebody is using them",
    usualCause: "a long-running query or transaction holds the view or the table",
    remedy: "None needed when it passes; else end that session",
    retry: "timed",
  },
  "DB-TGT-013": {
    meaning: "the table already belongs to another subscription",
    usualCause: "two shares write to one table, or a share was renamed",
    remedy: "Give one of them another target, or withdraw the old subscription first",
    retry: "operator",
  },
  "DB-TGT-014": {
    meaning: "a name cannot be used in the target",
    usualCause: "it is longer than 63 bytes, or reserved",
    remedy: "Choose another name in the configuration",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
