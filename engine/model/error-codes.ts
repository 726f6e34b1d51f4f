import { binlogErrorCodes } from "./binlog-error-codes.ts";
import { configErrorCodes } from "./config-error-codes.ts";
import { fleetErrorCodes } from "./fleet-error-codes.ts";
import { targetErrorCodes } from "./target-error-codes.ts";
import type { ErrorCodeEntry, RetryKind } from "./error-code-entry.ts";
import { kafkaClientErrorCodes } from "./kafka-client-error-codes.ts";
import { kafkaCaptureErrorCodes } from "./kafka-capture-error-codes.ts";
import { kafkaDecodeErrorCodes } from "./kafka-decode-error-codes.ts";
import { kafkaPreflightErrorCodes } from "./kafka-preflight-error-codes.ts";
import { kafkaPublishErrorCodes } from "./kafka-publish-error-codes.ts";
import { kafkaSliceErrorCodes } from "./kafka-slice-error-codes.ts";
import { mapErrorCodes } from "./map-error-codes.ts";
import { mysqlErrorCodes } from "./mysql-error-codes.ts";
import { mysqlTargetErrorCodes } from "./mysql-target-error-codes.ts";
import { serverErrorCodes } from "./server-error-codes.ts";
import { slotErrorCodes } from "./slot-error-codes.ts";
import { preflightErrorCodes } from "./preflight-error-codes.ts";
import { reconcileErrorCodes } from "./reconcile-error-codes.ts";
import { mysqlPreflightErrorCodes } from "./mysql-preflight-error-codes.ts";

export type { RetryKind };

/**
 * The register of error codes: the documentation of each is its entry here, and the reference is generated from it.
 * A code is never reused for another meaning. Areas: CFG configuration · PG a PostgreSQL server, as source or target · MY a MySQL or
 * MariaDB server, as either · KAF Kafka and what Debezium writes there · SLOT the source's change log · MAP tables, columns, filters and types against the source · TGT the target's own
 * objects · ROW a row that cannot be written · RUN the engine · FLT a fleet of workers · REC comparing copies with their master · CTL the control database.
 */
export const errorCodes = {
  // ---- CFG: configuration file and command line (exit 2)
  ...configErrorCodes,
  // ---- PG: a PostgreSQL server
  ...serverErrorCodes,
  // ---- MY: a MySQL or MariaDB server
  ...mysqlErrorCodes,
  ...mysqlTargetErrorCodes,
  // ---- KAF: Kafka and Debezium
  ...kafkaClientErrorCodes,
  ...kafkaCaptureErrorCodes,
  ...kafkaDecodeErrorCodes,
  ...kafkaPreflightErrorCodes,
  ...kafkaPublishErrorCodes,
  ...kafkaSliceErrorCodes,
  // ---- FLT: a fleet of workers
  ...fleetErrorCodes,
  // ---- SLOT: replication slot and change stream
  ...slotErrorCodes,
  ...binlogErrorCodes,
  // ---- MAP: mappings against the source
  ...mapErrorCodes,
  ...preflightErrorCodes,
  ...mysqlPreflightErrorCodes,
  // ---- TGT: the target database's objects
  ...targetErrorCodes,
  "DB-TGT-015": {
    meaning: "a label is missing in an enum type of the target",
    usualCause: "the source's enum type has gained a label since the subscription started",
    remedy: "None needed; dongbo adds the label and tries again",
    retry: "timed",
  },
  "DB-TGT-016": {
    meaning: "a foreign key added in the target deletes or changes rows of the copy by itself",
    usualCause: "it was declared with ON DELETE or ON UPDATE CASCADE, SET NULL or SET DEFAULT",
    remedy: "Declare it again with NO ACTION, then re-sync the table with `dongbo resync`",
    retry: "operator",
  },
  "DB-TGT-017": {
    meaning: "a constraint in the target was added or changed while a batch was written",
    usualCause: "the owner of the copy added a foreign key or a deferred constraint",
    remedy: "None needed; dongbo reads the constraints again and tries again",
    retry: "timed",
  },
  "DB-TGT-018": {
    meaning: "a column of the copy is missing in the target's table",
    usualCause: "the physical table was altered by hand",
    remedy: "Put the column back as it was, or re-sync the table with `dongbo resync` after `dongbo apply`",
    retry: "operator",
  },
  "DB-TGT-019": {
    meaning: "another session of the same subscription does not end",
    usualCause: "it belongs to a worker that was frozen and the server has not ended it yet",
    remedy: "None needed when it passes; else end the session named `dongbo apply` with pg_terminate_backend",
    retry: "timed",
  },
  // ---- ROW: poison rows
  "DB-ROW-001": {
    meaning: "a value does not fit its column in the target",
    usualCause: "the column there is narrower or of another type, or an extension reads values differently",
    remedy: "Correct the column's `type:` or the value at the source, then replay the quarantine",
    retry: "operator",
  },
  "DB-ROW-002": {
    meaning: "a column that the target requires is empty",
    usualCause: "a NOT NULL constraint was added in the target",
    remedy: "Drop the constraint or fill the value at the source, then replay the quarantine",
    retry: "operator",
  },
  "DB-ROW-003": {
    meaning: "the row breaks a unique or exclusion constraint of the target",
    usualCause: "the owner of the copy added a constraint that the master does not have",
    remedy: "Drop the constraint or correct the rows at the source, then replay the quarantine",
    retry: "operator",
  },
  "DB-ROW-004": {
    meaning: "the row refers to a row that the copy does not have",
    usualCause: "a foreign key was added in the target, and the other row is outside the subscription's filter or in quarantine",
    remedy: "Drop the foreign key or widen the filter, then replay the quarantine",
    retry: "operator",
  },
  "DB-ROW-005": {
    meaning: "the row breaks a check of the target",
    usualCause: "a check constraint was added in the target, or a domain there is stricter",
    remedy: "Drop the check or correct the value at the source, then replay the quarantine",
    retry: "operator",
  },
  "DB-ROW-006": {
    meaning: "the target refuses the row",
    usualCause: "a trigger or a rule in the target raised an error",
    remedy: "Drop or correct the trigger, then replay the quarantine",
    retry: "operator",
  },
  "DB-ROW-007": {
    meaning: "the row is larger than the target can hold",
    usualCause: "an index in the target covers a long value, or the row has too many wide columns",
    remedy: "Drop or change the index, then replay the quarantine",
    retry: "operator",
  },
  "DB-ROW-008": {
    meaning: "more rows are in quarantine than the subscription allows",
    usualCause: "a constraint or a type in the target does not suit the data as a whole",
    remedy: "Mend what `dongbo status` names, then re-sync the table with `dongbo resync`",
    retry: "operator",
  },
  "DB-ROW-009": {
    meaning: "the target refuses to delete a row that must go",
    usualCause: "a table outside the subscription refers to it with a foreign key, or a trigger forbids it",
    remedy: "Drop the foreign key or the trigger, then re-sync the table with `dongbo resync`",
    retry: "operator",
  },
  "DB-ROW-010": {
    meaning: "the target's type has no such value",
    usualCause:
      "infinity, NaN, a date before Christ or after 9999, or an array that is not numbered from 1, where the target is MySQL or MariaDB",
    remedy: "Give the column a `type:` of text, or correct the value at the source, then replay the quarantine",
    retry: "operator",
  },
  "DB-ROW-011": {
    meaning: "the target would store another value than the source has",
    usualCause: "the column's type there has fewer digits, or drops trailing blanks",
    remedy: "Correct the column's `type:`, or accept the loss with `accept_loss: true`, then replay the quarantine",
    retry: "operator",
  },
  // ---- RUN: the engine
  "DB-RUN-001": {
    meaning: "an unexpected failure inside dongbo",
    usualCause: "a defect of dongbo",
    remedy: "Collect the log and report it; the subscription is stopped so that nothing is lost",
    retry: "operator",
  },
  "DB-RUN-002": {
    meaning: "a stored position cannot be read",
    usualCause: "the checkpoint was edited by hand, or the source was replaced by one of another kind",
    remedy: "Re-sync the subscription with `dongbo resync`",
    retry: "operator",
  },
  "DB-RUN-010": {
    meaning: "another worker has taken over this subscription",
    usualCause: "a second engine was started, or this one stood still long enough to be replaced",
    remedy: "Stop one of the two engines; then start the one that is to run again",
    retry: "never",
  },
  "DB-RUN-011": {
    meaning: "the target's answer to a commit was lost",
    usualCause: "the connection broke, or the server ended, while the commit was under way",
    remedy: "None needed; dongbo asks the target whether the commit took place",
    retry: "timed",
  },
  "DB-RUN-012": {
    meaning: "the target holds another checkpoint than this engine left there",
    usualCause: "the target database was restored from a backup, or failed over to a standby that lagged behind",
    remedy: "None needed while the source still has what follows that checkpoint; else `dongbo status` says what to do",
    retry: "timed",
  },
  "DB-RUN-020": {
    meaning: "the command line cannot be understood",
    usualCause: "an option or an argument is missing, misspelt or too many",
    remedy: "See the command's --help",
    retry: "never",
  },
  "DB-RUN-021": {
    meaning: "there is no such subscription or share",
    usualCause: "a spelling mistake, or the configuration is another one",
    remedy: "`dongbo status` lists the subscriptions",
    retry: "never",
  },
  "DB-RUN-022": {
    meaning: "the subscription has no such table",
    usualCause: "a spelling mistake, or the name of the source's table was given instead of the copy's",
    remedy: "`dongbo status` lists the tables of each subscription, as readers name them",
    retry: "never",
  },
  "DB-RUN-023": {
    meaning: "the key does not fit the table",
    usualCause: "more or fewer values than the key has columns, or a value that its type does not allow",
    remedy: "Give one argument for each key column, in the order of `key:` in the configuration",
    retry: "never",
  },
  "DB-RUN-024": {
    meaning: "another engine is running with this control database",
    usualCause: "`dongbo run` was started twice",
    remedy: "Stop the other one first; its process and machine are named above",
    retry: "never",
  },
  "DB-RUN-025": {
    meaning: "the listening address cannot be used",
    usualCause: "another process listens there, or the address is not one of this machine",
    remedy: "Choose another address or port in `listen:`; port 0 takes any free one, `off` none",
    retry: "never",
  },
  "DB-RUN-026": {
    meaning: "the row is not in the copy",
    usualCause: "it is not in the master, does not pass the filter, or has not arrived yet",
    remedy: "Run `dongbo explain` with the same arguments: it says why",
    retry: "never",
  },
  "DB-RUN-027": {
    meaning: "no source transaction is known for the row",
    usualCause: "the record of its batch has been cleaned up or was removed by hand",
    remedy: "Re-sync the table with `dongbo resync` when its origin must be known",
    retry: "never",
  },
  "DB-RUN-028": {
    meaning: "a copy of which something is withdrawn could not be refused yet",
    usualCause: "its target is down, or was removed from the configuration together with the subscription",
    remedy: "Bring the target back into reach; `dongbo run` keeps trying, and the copy expires by itself at its valid_until",
    retry: "timed",
  },
  // ---- REC: copies and their master
  ...reconcileErrorCodes,
  // ---- CTL: the control database
  "DB-CTL-001": {
    meaning: "the control database cannot be reached",
    usualCause: "it is down, or `control:` names another server",
    remedy: "Start it or correct `control:`; a running engine keeps trying",
    retry: "timed",
  },
  "DB-CTL-002": {
    meaning: "the embedded control database cannot live in this folder: the account that runs it may not enter it",
    usualCause: "dongbo runs as root and `data_dir:` lies below a folder that only root may enter",
    remedy: "Choose a `data_dir:` outside of it, for example /var/lib/dongbo, or run dongbo as an ordinary user",
    retry: "never",
  },
  "DB-CTL-003": {
    meaning: "the data folder cannot be written",
    usualCause: "it belongs to another user, or lies on a read-only or full disk",
    remedy: "Give this user write permission or choose another `data_dir:`",
    retry: "never",
  },
  "DB-CTL-004": {
    meaning: "the control database was made by a newer dongbo",
    usualCause: "dongbo was downgraded",
    remedy: "Run the newer version, or restore the control database from before the upgrade",
    retry: "never",
  },
  "DB-CTL-005": {
    meaning: "the password file of the embedded control database is missing",
    usualCause: "it was deleted, or the data folder was copied without it",
    remedy: "Restore the file; without it, lift the password in the folder's pg_hba.conf by hand",
    retry: "never",
  },
  "DB-CTL-006": {
    meaning: "the embedded control database does not start",
    usualCause: "its package was not installed for this platform, its files are damaged, or the disk is full",
    remedy: "See the reason given, or name a PostgreSQL database of your own in `control:`",
    retry: "never",
  },
  "DB-CTL-007": {
    meaning: "another configuration was applied meanwhile",
    usualCause: "two people ran `dongbo apply` at the same time",
    remedy: "Look at `dongbo plan` again, then apply",
    retry: "never",
  },
  "DB-CTL-008": {
    meaning: "the control database refused a statement",
    usualCause: "the role may not create the schema dongbo_control there, or its tables were changed by hand",
    remedy: "Let the role own the database named in `control:`, or restore its tables",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof errorCodes;
